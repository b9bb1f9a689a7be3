/** Programs that never end, grow, or nest without measure harm nobody beside them. */
import assert from 'node:assert/strict';
import { openInstrumented } from '../../src/embedding/open.ts';
import { isPowerboxError, openSpace, type Space } from '../../src/index.ts';
import type { SpaceEngine } from '../../src/space/index.ts';
import { type Running, start } from './support/program.ts';

const LOOP = 'new c in { contract c(@n) = { if (n > 0) { c!(n - 1) } else { @"loop"!("done") } } | c!(10000) }';

/**
 * Arguments: a program. Says its memory after 2 and after 10 seconds, in bytes, and whether the loop ended. What grows is
 * larger at its least than it was at its most; what only breathes is not.
 */
const WATCHED = `
  const after = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const memory = async (of) => {
    const all = [];
    for (let look = 0; look < 5; look++) {
      gc();
      const { heapUsed, external } = process.memoryUsage();
      all.push(heapUsed + external);
      await after(0.1);
    }
    return of(...all);
  };
  const space = await openSpace();
  await space.run(args[0]);
  const loop = await space.run(${JSON.stringify(LOOP)});
  await loop.quiescent();
  console.log('loop ' + (await space.take('loop')));
  await after(2);
  const first = await memory(Math.max);
  await after(8);
  console.log('memory ' + first + ' ' + (await memory(Math.min)));
  process.exit();
`;

describe('acceptance: work without end', function () {
  this.timeout(300_000);

  const endless: readonly (readonly [law: string, program: string])[] = [
    ['a message that stays and a receive that stays', '@0!!(1) | for (_ <= @0) { Nil }'],
    ['a contract that calls itself', 'new c in { contract c(@n) = { c!(n + 1) } | c!(0) }'],
  ];
  // Side by side: watched is their memory, not their speed.
  let watched: readonly Running[] = [];
  before(() => {
    watched = endless.map(([, program]) => start(WATCHED, [program], ['--expose-gc']));
  });
  after(() => {
    for (const { child } of watched) child.kill('SIGKILL');
  });
  for (const [index, [law]] of endless.entries()) {
    it(`${law} go on for ever beside a loop that finishes, and memory stays as it is`, async () => {
      const [loop, memory] = (await watched[index]?.lines) ?? [];
      assert.equal(loop, 'loop done');
      const [first, last] = (memory ?? '').split(' ').slice(1).map(Number) as [number, number];
      assert.ok(last <= 1.1 * first, `${first} bytes after 2 s, ${last} after 10 s`);
    });
  }

  async function turnsOfTheLoop(beside: string | null): Promise<number> {
    let engine: SpaceEngine | null = null;
    const space = await openInstrumented(
      { onFailure: () => {} },
      {
        recovered: async (found) => {
          engine = found;
        },
      },
    );
    const turn = (): number => (engine as unknown as SpaceEngine).turn;
    try {
      if (beside !== null) await space.run(beside);
      const began = turn();
      const ended = space.consume([{ channel: 'loop' }]).then(turn);
      await space.run(LOOP);
      return (await ended) - began;
    } finally {
      await space.close();
    }
  }

  it('a deploy of 10,000 steps beside one that doubles its tasks for ever ends within 3 times the turns it needs alone', async () => {
    const alone = await turnsOfTheLoop(null);
    for (const doubling of [
      'new c in { contract c() = { c!() | c!() } | c!() }',
      'new c in { contract c(@n) = { c!(n) | c!(n) | @"left"!(n) } | c!(1) }',
      'new p in { contract p(@code) = { code | code | p!(code) } | p!(@"x"!(1) | for (@y <- @"x") { @"x"!(y) | @"x"!(y) }) }',
    ]) {
      const beside = await turnsOfTheLoop(doubling);
      assert.ok(beside > alone, 'the other must not be starved either');
      assert.ok(beside <= 3 * alone, `${beside} turns, ${alone} alone, beside ${doubling}`);
    }
  });

  it('forty nested doublings end with too_much_work in under a second', async () => {
    const doublings = Array.from({ length: 40 }, (_, level) => `match x${level} ++ x${level} { x${level + 1} => `).join(
      '',
    );
    const failures: string[] = [];
    const space = await openSpace({ onFailure: ({ code }) => failures.push(code) });
    try {
      const began = process.cpuUsage();
      const deploy = await space.run(`match "a" { x0 => ${doublings}@0!(x40)${' }'.repeat(41)} | @"beside"!(1)`);
      assert.equal((await deploy.quiescent()).failures, 1);
      // Of the processor, which others may have had meanwhile.
      const { user, system } = process.cpuUsage(began);
      assert.ok(user + system < 1_000_000, `${user + system} µs`);
      assert.deepEqual(failures, ['too_much_work']);
      assert.deepEqual(await space.take('beside'), [1]);
    } finally {
      await space.close();
    }
  });
});

describe('acceptance: depth', function () {
  this.timeout(300_000);
  const DEPTH = 100_000;
  const nest = (open: string, middle: string, close: string): string =>
    open.repeat(DEPTH) + middle + close.repeat(DEPTH);
  let space: Space;
  before(async () => {
    space = await openSpace({ onFailure: () => {} });
  });
  after(() => space.close());

  const forms: readonly (readonly [form: string, text: string, left: unknown])[] = [
    ['braces', nest('{ ', '@"left"!(1)', ' }'), [1]],
    ['new', nest('new x in { ', '@"left"!(2)', ' }'), [2]],
    ['parentheses', `@"left"!(${nest('1 + (', '1', ')')})`, [DEPTH + 1]],
    ['lists', `@"deep"!(${nest('[', '', ']')}) | for (@x <- @"deep") { @"left"!(x == x) }`, [true]],
  ];
  for (const [form, text, left] of forms) {
    it(`${DEPTH} levels of ${form} run`, async () => {
      const deploy = await space.run(text);
      await deploy.quiescent();
      assert.deepEqual(await space.take('left'), left);
    });
  }

  it(`${DEPTH} levels that are never closed are one coded error, at the end`, async () => {
    await assert.rejects(
      space.run('{'.repeat(DEPTH)),
      (error) =>
        isPowerboxError(error) && error.code === 'syntax_error' && error.message.startsWith(`1:${DEPTH + 1}: `),
    );
  });
});
