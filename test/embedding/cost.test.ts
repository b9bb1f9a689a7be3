/** Prices: those of the page are those that are charged, and a sum does not hang on who came first. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { openSpace, type Space } from '../../src/index.ts';

const PAGE = readFileSync(new URL('../../spec/cost.md', import.meta.url), 'utf8');

/** Programs of the page's table, and what it says that they cost. */
const [, TABLE = ''] = PAGE.split('| program | cost |');
const EXAMPLES = [...TABLE.matchAll(/^\| (`+)(.+?)\1 \| (\d+) \|$/gm)].map(([, , text = '', cost]) => ({
  text: text.replaceAll('\\|', '|'),
  cost: Number(cost),
}));

describe('embedding: prices', () => {
  const opened: Space[] = [];
  afterEach(async () => {
    for (const space of opened.splice(0)) await space.close();
  });

  async function open(): Promise<Space> {
    const space = await openSpace({ grants: { powers: [{ kind: 'timer' }] } });
    opened.push(space);
    return space;
  }

  it('each program of the page costs what it says: as an estimate, as it happens, and as an atomic deploy', async () => {
    assert.ok(EXAMPLES.length >= 15, String(EXAMPLES.length));
    for (const { text, cost } of EXAMPLES) {
      const estimated = await (await open()).estimate(text);
      assert.deepEqual([estimated.cost, estimated.exact], [cost, true], text);
      for (const atomic of [false, true]) {
        const space = await open();
        const deploy = await space.run(text, { atomic });
        await space.quiescent();
        assert.equal(deploy.cost(), cost, text);
      }
      for (const space of opened.splice(0)) await space.close();
    }
  });

  /** Each with channels of its own, so that what happens is the same in whatever order its parts come. */
  const UNITS: readonly ((at: number) => readonly string[])[] = [
    (at) => [`@"p${at}"!(${at}, "x")`, `for (@n, @x <- @"p${at}") { @"out"!(n + 1, x) }`],
    (at) => [
      `@"j${at}"!(1)`,
      `@"k${at}"!([2, ${at}])`,
      `for (@x <- @"j${at}" & @[y, z] <- @"k${at}") { @"out"!(x + y + z) }`,
    ],
    // One that fits among others that do not.
    (at) => [`@"d${at}"!("no", 1)`, `@"d${at}"!("yes", 2)`, `for (@"yes", @n <- @"d${at}") { @"out"!(n) }`],
    (at) => [`contract @"c${at}"(@n) = { match n { 0 => Nil _ => @"out"!(n) } }`, `@"c${at}"!(0)`, `@"c${at}"!(5)`],
    (at) => [`@"l${at}"!(7)`, `for (@n <<- @"l${at}") { @"out"!(n) }`, `for (@n <<- @"l${at}") { @"out"!(n + 1) }`],
    (at) => [`@"s${at}"!!(7)`, `for (@n <- @"s${at}") { @"out"!(n) }`, `for (@n <- @"s${at}") { @"out"!(n) }`],
  ];
  const parts = UNITS.flatMap((unit, at) => unit(at));
  const orders = fc.shuffledSubarray(parts, { minLength: parts.length });

  it('a sum does not depend on who came first, within a program', async () => {
    const space = await open();
    const { cost } = await space.estimate(parts.join(' | '));
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        assert.equal((await space.estimate(order.join(' | '))).cost, cost);
      }),
      { numRuns: 60 },
    );
  });

  it('nor among programs that come one after the other: only who pays for a meeting does', async () => {
    const sumOf = async (order: readonly string[]): Promise<number> => {
      const space = await open();
      const deploys = [];
      for (const text of order) {
        deploys.push(await space.run(text));
        await space.quiescent();
      }
      const sum = deploys.reduce((before, deploy) => before + deploy.cost(), 0);
      for (const one of opened.splice(0)) await one.close();
      return sum;
    };
    const expected = await sumOf(parts);
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        assert.equal(await sumOf(order), expected);
      }),
      { numRuns: 25 },
    );
  });
});
