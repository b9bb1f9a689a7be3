/** What tests of programs are given. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declareChannel, method, t } from '../../channels/index.ts';
import {
  compareTraces,
  explore,
  expectTrace,
  fakeNative,
  recordTrace,
  replayTrace,
  TestSpace,
} from '../../src/testing/index.ts';

const weather = declareChannel({
  name: 'weather',
  doc: 'The weather.',
  methods: {
    today: method({
      doc: 'Answers it.',
      effect: 'observe',
      forms: [{ args: [{ name: 'place', type: t.string() }], result: t.string() }],
    }),
  },
});

const ASK = 'new w(`native:weather`) in { for (@told <- w!?("today", "Bern")) { @"told"!(told) } }';

describe('a space for tests', () => {
  it('keeps what is printed, and what lies; its clock is its own', async () => {
    const space = await TestSpace.open();
    await space.run(`new box(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
      out!("now") | for (timer <- box!?("timer"); _ <- timer!?("after", 3600000)) { out!("an hour later") }
    }`);
    await space.rest();
    assert.deepEqual(space.output, ['"now"']);
    await space.advance(3_600_000);
    assert.deepEqual(space.output, ['"now"', '"an hour later"']);
    await space.close();
  });

  it('answers in the place of a native, and remembers what it was asked', async () => {
    const fake = fakeNative(weather, { today: (place) => `rain in ${place}` });
    const trace = await recordTrace(
      async (space) => {
        await space.run(ASK);
        await space.rest();
        assert.deepEqual(await space.state(), ['@{"told"}!("rain in Bern")']);
      },
      { natives: [fake] },
    );
    assert.deepEqual(fake.calls, [{ method: 'today', args: ['Bern'] }]);
    const again = fakeNative(weather, { today: 'never asked' });
    assert.equal((await replayTrace(trace, { natives: [again] })).complete, true);
    assert.deepEqual(again.calls, []);
  });

  it('takes no answer for a method that its declaration does not have', () => {
    assert.throws(() => fakeNative(weather, { tomorrow: 'sun' }), { code: 'method_unknown' });
  });

  it('is the same every time, from its seed', async () => {
    const play = (seed: number): Promise<Uint8Array> =>
      recordTrace(async (space) => void (await space.run('new x, y in { @"out"!(*x) | @"out"!(*y) }')), { seed });
    assert.deepEqual(await play(7), await play(7));
    await compareTraces(await play(7), await play(8));
  });

  it('shows where two runs part: RS-66, RS-72 and RS-80, in another order than recorded', async () => {
    const a = (n: number): string => `@"a"!(${n})`;
    const b = (n: number): string => `@"b"!(${n})`;
    const join = 'for (@x <- @"a" & @y <- @"b") { @"out"!(x, y) }';
    const take = 'for (@x <- @"a") { @"out"!(x) }';
    const orders: [readonly string[], readonly string[]][] = [
      [
        [a(1), a(2), take, take],
        [a(2), a(1), take, take],
      ],
      [
        [a(1), 'for (_ <- @"other") { Nil }', take, '@"junk"!(1)'],
        [a(1), take, 'for (_ <- @"other") { Nil }', '@"junk"!(1)'],
      ],
      [
        [a(3), a(3), b(1), join, b(1), join, b(2)],
        [a(3), a(3), join, b(1), b(1), join, b(2)],
      ],
    ];
    const play = (steps: readonly string[]): Promise<Uint8Array> =>
      recordTrace(async (space) => {
        for (const step of steps) {
          await space.run(step);
          await space.rest();
        }
      });
    for (const [recorded, other] of orders) {
      const trace = await play(recorded);
      await compareTraces(trace, await play(recorded));
      await assert.rejects(compareTraces(trace, await play(other)), {
        code: 'trace_departed',
        message: /^the traces part at line \d+:\n[\s\S]*\n- [\s\S]*\n\+ /,
      });
    }
  });

  it('holds a trace against a golden one, with a readable diff and a switch', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'powerbox-golden-'));
    try {
      const golden = join(directory, 'one.txt');
      const play = (n: number): Promise<Uint8Array> =>
        recordTrace(async (space) => void (await space.run(`new x in { x!(${n}) | for (@y <- x) { @"out"!(y) } }`)));
      await expectTrace(await play(1), golden, { update: true });
      assert.match(readFileSync(golden, 'utf8'), /#\d+ met \(1\)|met \(1\)/);
      await expectTrace(await play(1), golden, { update: false });
      await assert.rejects(expectTrace(await play(2), golden, { update: false }), /\n- .*\(1\)\n[\s\S]*\n\+ .*\(2\)/);
      writeFileSync(golden, 'something else\n');
      await assert.rejects(expectTrace(await play(1), golden, { update: false }), { code: 'trace_departed' });
      await expectTrace(await play(1), golden, { update: true });
      await expectTrace(await play(1), golden, { update: false });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** One order of a program: what it comes to, and among how many tasks was chosen each time. */
async function played(text: string, choices: readonly number[]): Promise<{ outcome: string[]; counts: number[] }> {
  const counts: number[] = [];
  const choose = (count: number): number => Math.min(choices[counts.push(count) - 1] ?? 0, count - 1);
  const space = await TestSpace.open({ choose });
  try {
    await space.run(text);
    await space.rest();
    return { outcome: [...space.output, ...(await space.state())], counts };
  } finally {
    await space.close();
  }
}

/** What every order comes to that has up to so many choices, and the first task ever after. */
async function* orders(text: string, most: number, made: readonly number[] = []): AsyncGenerator<readonly string[]> {
  const { outcome, counts } = await played(text, made);
  yield outcome;
  if (made.length === most) return;
  for (let choice = 0; choice < (counts[made.length] ?? 0); choice++) yield* orders(text, most, [...made, choice]);
}

describe('other orders', () => {
  const program = (name: string): string =>
    readFileSync(new URL(`../../spec/programs/race/${name}.rho`, import.meta.url), 'utf8');

  it('show the race of a program that has one, and the shortest schedule for it', async () => {
    let tried = 0;
    for (const name of ['last-writer', 'lost-update']) {
      const found = await explore(program(name), { schedules: 200 });
      assert.notEqual(found.race, null, name);
      assert.ok((found.race?.choices.length ?? 0) <= 12, String(found));
      assert.notDeepEqual(found.race?.outcome, found.usual.outcome);
      assert.match(String(found), /a race: [2-9]\d* outcomes[\s\S]*with the choices \[[\d, ]+\]/);
      // None that is shorter shows it: all of them are tried.
      const { race, usual } = found;
      assert.deepEqual((await played(program(name), race?.choices ?? [])).outcome, race?.outcome);
      for await (const shorter of orders(program(name), (race?.choices.length ?? 0) - 1)) {
        assert.deepEqual(shorter, usual.outcome);
        tried++;
      }
    }
    assert.ok(tried > 3, `${tried} orders`);
  });

  it('show none in a program that has none', async () => {
    const found = await explore('new x in { x!(1) | for (@y <- x) { @"out"!(y) } | @"other"!(2) }', { schedules: 100 });
    assert.equal(found.race, null);
    assert.match(String(found), /no race/);
  });

  it('are the same from the same seed', async () => {
    const one = await explore(program('last-writer'), { schedules: 30, seed: 3 });
    assert.deepEqual(one.race, (await explore(program('last-writer'), { schedules: 30, seed: 3 })).race);
  });
});
