/** A call inside an expression is synchronous for the contract, also when the process dies while it is under way. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { defineNative, nativeMethod, openSpace } from '../../src/index.ts';
import { start } from './support/program.ts';

/** Arguments: directory, and `hang` or `answer`. Each call says its line when it is made. */
const PROGRAM = `
  const [data, how] = args;
  const calls = {};
  const call = (name) => async ({ x }) => {
    console.log('call ' + name + ' ' + x);
    if (how === 'hang') await new Promise((resolve) => setTimeout(resolve, 1e6));
    return x * 10;
  };
  const method = (name, rest) => nativeMethod({ doc: name, args: { x: z.int() }, result: z.int(), run: call(name), ...rest });
  const slow = defineNative({ name: 'slow', doc: 'Slow.', methods: {
    look: method('look', { effect: 'observe' }),
    again: method('again', { effect: 'change', recovery: 'repeat' }),
    asked: method('asked', { effect: 'change', recovery: 'ask', ask: async ({ x }) => {
      console.log('ask asked ' + x);
      return { applied: true, result: x * 100 };
    } }),
    once: method('once', { effect: 'change', recovery: 'none' }),
  } });
  const space = await openSpace({ data, natives: [slow], onFailure: ({ code }) => console.log('failure ' + code) });
  if (how === 'hang') {
    await space.register(slow, { uri: 'app:slow' });
    await space.run(\`new slow(\\\`app:slow\\\`), one, two in {
      contract one(ret, @name, @x) = {
        match name {
          "look" => ret!(1 + *slow.look(x) * 2, [x, *slow.look(x + 1)])
          "again" => ret!(1 + *slow.again(x) * 2, [x, *slow.again(x + 1)])
          "asked" => ret!(1 + *slow.asked(x) * 2, [x, *slow.asked(x + 1)])
          "once" => ret!(1 + *slow.once(x) * 2, [x, *slow.once(x + 1)])
        }
      } |
      for (@name <- @"go") { for (@a, @b <- one!?(name, 3)) { @"result"!(a, b) } }
    }\`);
    await space.produce('go', [process.argv.at(-1)]);
  } else {
    await space.quiescent();
    console.log('result ' + JSON.stringify(await space.take('result')) + ' more ' + space.count('result').data);
    await space.close();
  }
`;

describe('acceptance: calls in expressions', function () {
  this.timeout(300_000);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-calls-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const laws: readonly (readonly [method: string, law: string, after: readonly string[]])[] = [
    ['look', 'is made again, and the expression finished', ['call look 3', 'call look 4', 'result [61,[3,40]] more 0']],
    [
      'again',
      'that may be repeated is, and the expression finished',
      ['call again 3', 'call again 4', 'result [61,[3,40]] more 0'],
    ],
    [
      'asked',
      'is asked about, and the expression finished with what it had done',
      ['ask asked 3', 'call asked 4', 'result [601,[3,40]] more 0'],
    ],
    [
      'once',
      'without recovery is answered interrupted, which ends its branch',
      ['failure interrupted', 'failure interrupted', 'result undefined more 0'],
    ],
  ];
  for (const [method, law, after] of laws) {
    it(`a call under way at a SIGKILL ${law} (${method})`, async () => {
      const first = start(PROGRAM, [directory, 'hang', method]);
      await first.says(`call ${method} 3`);
      first.child.kill('SIGKILL');
      assert.deepEqual(await first.lines, [`call ${method} 3`]);
      assert.deepEqual(await start(PROGRAM, [directory, 'answer', method]).lines, after);
    });
  }

  it('what is behind a prefix that never fires, or a case that never matches, is never called', async () => {
    let calls = 0;
    const counter = defineNative({
      name: 'counter',
      doc: 'Counts.',
      methods: {
        now: nativeMethod({ doc: 'One more.', effect: 'observe', args: {}, result: z.int(), run: () => ++calls }),
        pure: nativeMethod({ doc: 'One more.', effect: 'none', args: {}, result: z.int(), run: () => ++calls }),
      },
    });
    const space = await openSpace({ onFailure: () => {} });
    try {
      await space.register(counter, { uri: 'app:counter' });
      const deploy = await space.run(`new c(\`app:counter\`), never in {
        for (@x <- never) { @0!(*c.now(), *c.pure()) } |
        contract never(@"a", @x) = { @0!(*c.now(), *c.pure()) } | never!("b", 1) |
        match 1 { 2 => @0!(*c.now(), *c.pure()) [x] => @0!(*c.now()) } |
        if (false) { @0!(*c.now()) } else { Nil } |
        @"quoted"!(@0!(*c.now(), *c.pure())) |
        @"lazy"!(false && *c.now() == 1, true || *c.pure() == 1)
      }`);
      assert.equal((await deploy.quiescent()).failures, 0);
      assert.equal(calls, 0);
      assert.deepEqual(await space.take('lazy'), [false, true]);
      assert.equal(space.count(0).data, 0);
    } finally {
      await space.close();
    }
  });
});
