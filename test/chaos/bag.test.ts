/** The checker of bags: it finds what is known to be wrong, and agrees with one that tries every order. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type BagOperation, bagViolations } from './bag.ts';

type Operation = BagOperation<number>;

const send = (value: number, invoked: number, responded: number): Operation => ({
  kind: 'send',
  value,
  invoked,
  responded,
});
const take = (value: number, invoked: number, responded: number): Operation => ({
  kind: 'take',
  value,
  invoked,
  responded,
});
const empty = (invoked: number, responded: number): Operation => ({ kind: 'empty', invoked, responded });

/** Looks for an order that keeps to the intervals and to the law of a bag, whatever it takes. */
function isLinearizable(history: readonly Operation[]): boolean {
  const seen = new Set<string>();
  const go = (left: readonly Operation[], bag: readonly number[]): boolean => {
    if (left.every(({ responded }) => responded === Number.POSITIVE_INFINITY)) return true;
    const key = `${left.map((one) => history.indexOf(one)).join()}|${bag.toSorted().join()}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const first = Math.min(...left.map(({ responded }) => responded));
    return left.some((next) => {
      // Whatever was answered before it was asked goes before it.
      if (next.invoked > first) return false;
      const rest = left.filter((one) => one !== next);
      if (next.kind === 'send') return go(rest, [...bag, next.value]);
      if (next.kind === 'empty') return bag.length === 0 && go(rest, bag);
      const others = bag.filter((value) => value !== next.value);
      return others.length < bag.length && go(rest, others);
    });
  };
  return go(history, []);
}

describe('the checker of bags', () => {
  const bad: readonly (readonly [what: string, history: readonly Operation[], law: string])[] = [
    ['a value that nobody sent', [take(1, 0, 1)], 'taken unsent'],
    ['a value that two got', [send(1, 0, 1), take(1, 2, 3), take(1, 4, 5)], 'taken twice'],
    ['two that got one at one time', [send(1, 0, 1), take(1, 2, 5), take(1, 2, 5)], 'taken twice'],
    ['a value that was got before it was sent', [take(1, 0, 1), send(1, 2, 3)], 'taken before sent'],
    ['a send that was acknowledged, and a take that finds nothing', [send(1, 0, 1), empty(2, 3)], 'empty while full'],
    [
      'one of two is taken, and then nothing is found',
      [send(1, 0, 1), send(2, 0, 1), take(1, 2, 3), empty(4, 5), take(2, 6, 7)],
      'empty while full',
    ],
    [
      'always one of two values was there',
      [send(1, 0, 1), send(2, 2, 3), take(1, 4, 5), empty(2, 6), take(2, 7, 8)],
      'empty while full',
    ],
    ['the same send made twice', [send(1, 0, 1), send(1, 2, 3)], 'sent twice'],
  ];
  for (const [what, history, law] of bad) {
    it(`finds ${what}`, () => {
      assert.deepEqual(
        bagViolations(history).map((violation) => violation.law),
        [law],
      );
    });
  }

  it('lets be what may have been: overlaps, sends without an answer, moments between two values', () => {
    for (const history of [
      [send(1, 0, 5), take(1, 1, 2)],
      [send(1, 0, 5), empty(1, 2), take(1, 6, 7)],
      [send(1, 0, Number.POSITIVE_INFINITY), empty(5, 6), take(1, 7, 8)],
      [send(1, 0, 1), take(1, 2, 9), empty(3, 4)],
      [send(1, 0, 1), take(1, 4, 5), send(2, 3, 6), empty(2, 7)],
    ])
      assert.deepEqual(bagViolations(history), []);
  });

  it('says of any history what trying every order says', () => {
    const intervals = fc.tuple(fc.nat(12), fc.nat(6)).map(([invoked, length]) => ({ invoked, length }));
    const histories = fc
      .tuple(
        fc.array(fc.tuple(intervals, fc.option(intervals, { nil: null })), { minLength: 1, maxLength: 4 }),
        fc.array(intervals, { maxLength: 2 }),
      )
      .map(([values, empties]) => {
        // Times that never fall together: every ask and every answer has one of its own.
        let tick = 0;
        const at = (time: number): number => time + ++tick / 1_000;
        const history: Operation[] = [];
        for (const [value, [sent, taken]] of values.entries()) {
          history.push(send(value, at(sent.invoked), at(sent.invoked + sent.length)));
          if (taken !== null) history.push(take(value, at(taken.invoked), at(taken.invoked + taken.length)));
        }
        for (const { invoked, length } of empties) history.push(empty(at(invoked), at(invoked + length)));
        return history;
      });
    let wrong = 0;
    fc.assert(
      fc.property(histories, (history) => {
        const expected = isLinearizable(history);
        if (!expected) wrong++;
        assert.equal(bagViolations(history).length === 0, expected, JSON.stringify(history));
      }),
      { numRuns: 1_000 },
    );
    // A property that never sees a bad history says nothing.
    assert.ok(wrong > 100, `${wrong} of 1000 were wrong`);
  });
});
