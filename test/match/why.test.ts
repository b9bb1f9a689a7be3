import assert from 'node:assert/strict';
import { compilePattern, whyNot } from '../../src/match/index.ts';
import type { Remainder, Value } from '../../src/values/index.ts';
import { _, l, lr, m, mr, name, not, or, p, s, send, t, type, v } from './terms.ts';

function why(patterns: readonly Value[], message: readonly Value[], remainder: Remainder = null): string | null {
  return whyNot(compilePattern(patterns, remainder), message);
}

describe('why a message does not match', () => {
  it('names the number of values', () => {
    assert.equal(why([v(0), v(1)], [1]), 'expected 2 values, came 1');
    assert.equal(why([v(0)], [1, 2]), 'expected 1 value, came 2');
    assert.equal(why([v(0), 1], [1], _), 'expected at least 2 values, came 1');
  });

  it('names the position, what was expected and what came', () => {
    assert.equal(why(['get', v(0)], ['put', 1]), 'value 1: expected "get", came "put"');
    assert.equal(why([v(0), type('Int')], ['put', 'x']), 'value 2: expected a value of type Int, came "x"');
    assert.equal(why([name(1)], [name(2)]), 'value 1: expected an unforgeable name, came another one');
    assert.equal(why([not(1)], [1]), 'value 1: expected anything but 1, came 1');
    assert.equal(why([or(1, 2)], [null]), 'value 1: expected one of 2 patterns, came Nil');
    assert.equal(why([send(1, v(0))], [p(1, 2)]), 'value 1: expected a send, came 2 processes in parallel');
    assert.equal(why([s(1, v(0))], [s(1, 2, 3)]), 'value 1: expected a set of 2, came a set of 3');
  });

  it('goes down into lists, tuples and maps to the place that differs', () => {
    assert.equal(why([l(1, t(v(0), 2))], [l(1, t(5, 3))]), 'value 1, item 2, item 2: expected 2, came 3');
    assert.equal(why([m(['a', 1])], [m(['a', 2])]), 'value 1, key "a": expected 1, came 2');
    assert.equal(why([mr(_, ['a', v(0)])], [m(['b', 2])]), 'value 1: expected key "a", came none');
    assert.equal(why([lr(_, 1, 2)], [l(1)]), 'value 1: expected a list of 2 or more, came a list of 1');
  });

  it('is null when nothing differs', () => {
    assert.equal(why([v(0), 'x'], [1, 'x']), null);
  });

  it('never shows more than a short piece of a value', () => {
    assert.ok((why(['a'.repeat(1_000)], ['b'.repeat(1_000)]) as string).length < 140);
  });
});
