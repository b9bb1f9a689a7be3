import assert from 'node:assert/strict';
import { limits } from '../../src/limits.ts';
import { compileCase, compilePattern, matchValue } from '../../src/match/index.ts';
import { Send } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { _, and, bind, bound, captures, cpuOf_ms, fresh, l, not, or, p, receive, s, send, v } from './terms.ts';

const DEEP = 100_000;
/** `wrap` around `core`, a hundred thousand times. */
function deep(core: Value, wrap: (inner: Value) => Value, levels = DEEP): Value {
  let value = core;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

describe('bounds of the matcher', () => {
  it('a target of any depth is captured, dropped, compared and looked through without a deep stack', () => {
    const target = deep(1, (inner) => l(inner));
    assert.equal(captures(v(0), target)?.[0], target);
    assert.ok(captures(_, target));
    const budget = { steps: 10 * DEEP };
    assert.deepEqual(
      matchValue(
        deep(1, (inner) => l(inner)),
        target,
        0,
        budget,
      ),
      [],
    );
    assert.equal(
      matchValue(
        deep(2, (inner) => l(inner)),
        target,
        0,
        budget,
      ),
      null,
    );
    // below a binder the whole of a capture is looked through
    assert.equal(matchValue(fresh(1, v(0)), fresh(1, target), 1, budget)?.[0], target);
    assert.equal(
      matchValue(
        fresh(1, v(0)),
        fresh(
          1,
          deep(bound(0), (inner) => l(inner)),
        ),
        1,
        budget,
      ),
      null,
    );
    assert.ok(budget.steps > 0);
  });

  it('a pattern of any depth reaches its variable', () => {
    const wraps: ((inner: Value) => Value)[] = [
      (inner) => l(inner),
      (inner) => l(inner, 7),
      (inner) => new Send(1, [inner, 2], false),
      (inner) => fresh(1, inner),
    ];
    wraps.forEach((wrap, at) => {
      const levels = at === 0 ? DEEP : DEEP / 5;
      const budget = { steps: 100 * DEEP };
      assert.deepEqual(matchValue(deep(v(0), wrap, levels), deep(5, wrap, levels), 1, budget), [5]);
      assert.ok(budget.steps > 0);
    });
  });

  it('where a deep pattern branches the budget ends the match, never the stack', () => {
    const wraps: ((inner: Value) => Value)[] = [
      (inner) => s(inner, 1),
      (inner) => p(l(inner), 1, 2),
      (inner) => receive([bind(1, v(0))], inner),
      (inner) => not(not(inner)),
      (inner) => or(inner, 1),
      (inner) => and(l(and(inner, _)), l(_)),
    ];
    for (const wrap of wraps) {
      const steps = { steps: 100 * DEEP };
      const target = deep(5, (inner) => l(inner));
      let pattern: Value = v(0);
      for (let level = 0; level < 2_000; level++) pattern = wrap(pattern);
      const same: Value = Array.from({ length: 2_000 }).reduce((inner: Value) => wrap(inner), 5);
      for (const each of [target, same]) {
        const found = compileCase(pattern, 1).match(each, steps);
        if (steps.steps < 0) assert.equal(found, null);
      }
    }
  });

  it('a search ends with its budget, and what is left of it is below zero', () => {
    const parts = Array.from({ length: 40 }, (_each, index) => index);
    // no two sub-multisets of distinct numbers are lists: every choice would have to be tried
    const pattern = p(and(_, not(l()), not(_)), and(_, not(p(not(null), not(null), not(null)))), not(null));
    const budget = { steps: limits.match_steps_max };
    const spent_ms = cpuOf_ms(() => assert.equal(matchValue(pattern, p(...parts), 0, budget), null));
    assert.ok(budget.steps < 0);
    assert.ok(spent_ms < 1_000, `${spent_ms} ms`);
  });

  it('equal parts are no reason to search: forty of them are one', () => {
    const same = p(...Array.from({ length: 40 }, () => 7));
    const budget = { steps: limits.match_steps_max };
    const unlike = and(_, not(p(7, _)));
    assert.equal(matchValue(p(and(unlike, not(null)), and(unlike, not(null)), not(null)), same, 0, budget), null);
    assert.ok(budget.steps > 0, 'one choice for each size');
  });

  it('the last connective takes what the others leave, without a search', () => {
    const parts = Array.from({ length: 2_000 }, (_each, index) => index);
    const budget = { steps: limits.match_steps_max };
    assert.ok(matchValue(p(not(null), not(null)), p(...parts), 0, budget));
    assert.ok(budget.steps > 0);
  });

  it('a spent budget never makes a negation true, nor the next operand of a disjunction', () => {
    const target = l(...Array.from({ length: 50 }, (_each, index) => l(index)));
    const wanted = l(...Array.from({ length: 50 }, (_each, index) => l(v(index))));
    for (let steps = 0; steps < 200; steps++) {
      const budget = { steps };
      const found = matchValue(or(and(not(wanted), _), l()), target, 50, budget);
      assert.equal(found, null);
    }
  });

  it('a message costs at least one step for each position, and too few steps are no match', () => {
    const pattern = compilePattern([v(0), v(1)], null);
    assert.equal(pattern.match([1, 2], { steps: 1 }), null);
    const budget = { steps: 3 };
    assert.deepEqual(pattern.match([1, 2], budget), [1, 2]);
    assert.ok(budget.steps >= 0);
  });

  it('comparing with a large ground value costs its nodes once a first look finds no difference', () => {
    const large = l(...Array.from({ length: 1_000 }, (_each, index) => index));
    const pattern = p(l(large, v(0)), v(1));
    const other = l(...Array.from({ length: 1_000 }, (_each, index) => index + 1));
    const budget = { steps: 100_000 };
    assert.equal(
      matchValue(pattern, p(...Array.from({ length: 90 }, (_each, index) => l(other, index))), 2, budget),
      null,
    );
    assert.ok(budget.steps < 10_000, `${budget.steps}`);
    const cheap = { steps: 1_000 };
    assert.equal(matchValue(pattern, p(l(l(1), 1), l(send(1), 2)), 2, cheap), null);
    assert.ok(cheap.steps > 900);
  });

  it("three hundred parts that could all take each other's place are assigned, or cost what they were given", () => {
    const pattern = p(...Array.from({ length: 300 }, (_each, index) => l(_, v(index))));
    const target = p(...Array.from({ length: 300 }, (_each, index) => l(index, index)));
    for (const steps of [limits.match_steps_max, limits.expression_steps_max]) {
      const budget = { steps };
      let found: readonly Value[] | null = null;
      const spent_ms = cpuOf_ms(() => {
        found = matchValue(pattern, target, 300, budget);
      });
      assert.equal(found === null, budget.steps < 0);
      if (found !== null)
        assert.deepEqual(
          found,
          Array.from({ length: 300 }, (_each, index) => index),
        );
      assert.ok(spent_ms < 1_500, `${spent_ms} ms`);
    }
  });
});
