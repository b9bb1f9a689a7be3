/** Every program under spec/programs does what the file beside it says, on the tiny space and on the real one. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { print } from '../../src/rholang/index.ts';
import type { Value } from '../../src/values/index.ts';
import { RealSpace, runTiny } from './support/run.ts';
import type { Listeners } from './support/run.ts';

interface Expected {
  /** Lines of standard output, in order or in any order. */
  readonly prints: readonly (string | { readonly line: string; readonly times: number })[];
  readonly ordered: boolean;
  /** Lines of standard error; none when left out. */
  readonly errors?: readonly string[];
  /** What is left: a message as a send, a receive as `for` and its channel. Names are all called Unforgeable. */
  readonly waiting: readonly string[];
  /** How the messages of failed branches start; none when left out. */
  readonly failures?: readonly string[];
}

const folder = new URL('../../spec/programs/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.rho'))
  .map((name) => name.slice(0, -4));

function read(name: string): { readonly text: string; readonly expected: Expected } {
  return {
    text: readFileSync(new URL(`${name}.rho`, folder), 'utf8'),
    expected: JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), 'utf8')) as Expected,
  };
}

function standardStreams(): { readonly prints: string[]; readonly errors: string[]; readonly listeners: Listeners } {
  const prints: string[] = [];
  const errors: string[] = [];
  const line = (values: readonly Value[]): string => values.map((value) => print(value)).join(', ');
  return {
    prints,
    errors,
    listeners: {
      'rho:io:stdout': (message) => prints.push(line(message)),
      'rho:io:stderr': (message) => errors.push(line(message)),
      'rho:io:stdoutAck': (message, turn) => {
        prints.push(line(message.slice(0, -1)));
        turn.produce(message.at(-1) as Value, [null], false);
      },
      'rho:io:stderrAck': (message, turn) => {
        errors.push(line(message.slice(0, -1)));
        turn.produce(message.at(-1) as Value, [null], false);
      },
    },
  };
}

function check(expected: Expected, prints: string[], errors: string[], failures: readonly Error[]): void {
  const inOrder = (lines: readonly string[]): string[] => (expected.ordered ? [...lines] : [...lines].sort());
  assert.deepEqual(
    inOrder(prints),
    inOrder(
      expected.prints.flatMap((one) => (typeof one === 'string' ? [one] : new Array<string>(one.times).fill(one.line))),
    ),
  );
  assert.deepEqual(errors, expected.errors ?? []);
  const wanted = expected.failures ?? [];
  assert.equal(failures.length, wanted.length, failures.map((failure) => failure.message).join('\n'));
  for (const start of wanted)
    assert.ok(
      failures.some((failure) => failure.message.startsWith(start)),
      `no failure starts with "${start}"`,
    );
}

describe('programs of the specification', () => {
  for (const name of names) {
    const { text, expected } = read(name);

    it(`${name} prints and leaves what is written beside it`, () => {
      const { prints, errors, listeners } = standardStreams();
      const { failures, waiting } = runTiny(text, listeners);
      check(expected, prints, errors, failures);
      assert.deepEqual(waiting, [...expected.waiting].sort());
    });

    it(`${name} prints the same in the real space`, async () => {
      const { prints, errors, listeners } = standardStreams();
      const space = await RealSpace.open(listeners);
      try {
        await space.deploy(text, 1);
        await space.settled(1);
        check(expected, prints, errors, space.failures);
      } finally {
        await space.close();
      }
    });
  }
});
