import assert from 'node:assert/strict';
import { compilePattern, matchValue } from '../../src/match/index.ts';
import { bytes, float, uri } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import {
  _,
  and,
  big,
  bind,
  bound,
  bundle,
  captures,
  cpuOf_ms,
  fresh,
  l,
  lr,
  m,
  matchTerm,
  matchesTerm,
  method,
  mr,
  name,
  not,
  op,
  or,
  p,
  receive,
  s,
  send,
  sendAll,
  sr,
  STEPS,
  t,
  type,
  v,
} from './terms.ts';

/** Captures of the first `count` levels. */
function finds(pattern: Value, target: Value, ...expected: Value[]): void {
  assert.deepEqual(captures(pattern, target, expected.length), expected);
}
function misses(pattern: Value, target: Value): void {
  assert.equal(captures(pattern, target), null);
}

describe('cases of the reference', () => {
  it('RH-120: a variable captures a ground value', () => finds(v(0), 7, 7));

  it('RH-121: a variable never captures what a binder outside of it has bound; a wildcard takes it', () => {
    misses(v(0), bound(0));
    finds(_, bound(0));
    misses(fresh(1, send(v(0), 1)), fresh(1, send(bound(0), 1)));
    finds(fresh(1, send(_, v(0))), fresh(1, send(bound(0), 1)), 1);
    misses(fresh(1, v(0)), fresh(1, receive([bind(1, v(0))], send(bound(1), 1))));
    const own = receive([bind(1, v(0))], send(bound(0), 1));
    finds(fresh(1, v(0)), fresh(1, own), own);
  });

  it('RH-122: lists in parallel find their partners in either order', () => {
    const pattern = p(l(v(0)), l(7, v(1)));
    finds(pattern, p(l(1), l(7, 8)), 1, 8);
    finds(p(l(v(0)), l(7, v(1)), l(_, 9)), p(l(7, 9), l(7, 8), l(1)), 1, 8);
    misses(pattern, p(l(9, 8), l(1)));
  });

  it('RH-123: a remainder alone takes tens of thousands of parts in linear time', () => {
    const parts = Array.from({ length: 50_000 }, (_each, index) => index);
    const target = p(...parts);
    const rest = p(...parts.slice(0, -1));
    const spent_ms = cpuOf_ms(() => {
      for (let run = 0; run < 10; run++) {
        assert.ok(captures(p(v(0), _), target));
        assert.ok(captures(p(49_999, v(0)), target));
      }
    });
    finds(p(v(0), _), target, target);
    finds(p(49_999, v(0)), target, rest);
    assert.ok(spent_ms < 1_500, `${spent_ms} ms`);
  });

  it('RH-124: a send matches by channel, data and number of data', () => {
    finds(send(v(0), 1), send(name(1), 1), name(1));
    finds(send(3, v(0), 2), send(3, 1, 2), 1);
    misses(send(3, v(0)), send(3, 1, 2));
    misses(send(3, v(0)), sendAll(3, 1));
    finds(sendAll(3, v(0)), sendAll(3, 1), 1);
  });

  it('RH-125: a variable beside a ground part takes the others', () => {
    finds(p(v(0), 9), p(7, 8, 9), p(7, 8));
    finds(p(v(0), 9), 9, null);
    finds(p(v(0), 9), p(9, 10), 10);
    misses(p(v(0), 9), p(7, 8));
  });

  it('collects a remainder by place, so that equal parts are counted', () => {
    finds(p(1, v(0)), p(1, 1, 2), p(1, 2));
    finds(p(1, 1, v(0)), p(1, 1, 2), 2);
    misses(p(1, 1, v(0)), p(1, 2));
  });

  it('RH-126: of two variables in one composition the first takes all', () => {
    finds(p(v(0), v(1), _), p(1, 2, 3), p(1, 2, 3), null);
    finds(p(v(1), v(0)), p(1, 2), p(1, 2), null);
  });

  it('RH-127: a part gives way to one that can match nothing else', () => {
    finds(p(l(1, l(v(0))), l(v(1), l(2))), p(l(1, l(2)), l(1, l(3))), 3, 1);
  });

  it('RH-128: the same beside remainders, other parts and wildcards', () => {
    finds(p(lr(v(0), 1), lr(v(1), _, 2)), p(l(1, 2), l(1, 3)), l(3), l());
    finds(p(l(1, l(v(0))), l(v(1), l(2)), v(2)), p(l(1, l(2)), l(1, l(3)), 4), 3, 1, 4);
    finds(p(l(1, l(v(0))), l(v(1), l(2)), _), p(l(1, l(2)), l(1, l(3)), 4, 5), 3, 1);
    misses(p(l(1, l(v(0))), l(v(1), l(2))), p(l(1, l(2)), l(1, l(3)), 4));
  });

  it('RH-129: beside a wildcard a variable takes all that it may hold, the wildcard what is left', () => {
    finds(p(v(0), _), p(1, 2), p(1, 2));
    finds(fresh(1, p(v(0), _)), fresh(1, p(send(bound(0), 1), send(2, 2), 3)), p(send(2, 2), 3));
    misses(fresh(1, p(v(0), 3)), fresh(1, p(send(bound(0), 1), send(2, 2), 3)));
  });

  it('leaves to a variable only what it may hold, though others would match that first', () => {
    finds(
      fresh(1, p(send(_, _), v(0))),
      fresh(1, p(send(0, 1), send(bound(0), 1), send(2, 2))),
      p(send(0, 1), send(2, 2)),
    );
    finds(fresh(1, s(send(_, v(1)), 5)), fresh(1, s(send(bound(0), 1), 5)), null, 1);
    finds(fresh(1, sr(v(0), l(_))), fresh(1, s(l(1), l(bound(0)))), s(l(1)));
    finds(fresh(1, mr(v(0), [l(_), v(1)])), fresh(1, m([l(1), 2], [l(bound(0)), 3])), m([l(1), 2]), 3);
  });

  it('RH-130: a receive matches by source and body', () => {
    finds(receive([bind(v(0), v(0))], v(1)), receive([bind(7, v(0))], send(1, 2)), 7, send(1, 2));
    misses(receive([bind(v(0), v(0))], v(1)), receive([bind(7, v(0))], send(bound(0), 2)));
    finds(receive([bind(v(0), v(0))], _), receive([bind(7, v(0))], send(bound(0), 2)), 7);
    misses(receive([bind(v(0), v(0))], _), receive([bind(7, l(v(0)))], 1));
    misses(receive([bind(v(0), v(0))], _), receive([bind(7, v(0))], 1, true));
  });

  it('matches the binds of a receive in any order and then reads the body by its own variables', () => {
    const pattern = receive([bind(1, v(0)), bind(v(0), v(0))], send(bound(0), bound(1)));
    finds(pattern, receive([bind(0, v(0)), bind(1, v(0))], send(bound(1), bound(0))), 0);
    misses(pattern, receive([bind(0, v(0)), bind(1, v(0))], send(bound(0), bound(1))));
    finds(pattern, receive([bind(1, v(0)), bind(2, v(0))], send(bound(0), bound(1))), 2);
    misses(pattern, receive([bind(2, v(0)), bind(3, v(0))], send(bound(0), bound(1))));
  });

  it('tries binds in every order until the body fits too', () => {
    const pattern = receive([bind(v(0), v(0)), bind(v(1), v(0))], send(9, bound(0)));
    finds(pattern, receive([bind(1, v(0)), bind(2, v(0))], send(9, bound(0))), 1, 2);
    finds(pattern, receive([bind(1, v(0)), bind(2, v(0))], send(9, bound(1))), 2, 1);
  });

  it('RH-131: equal terms match without captures', () => {
    finds(fresh(1, send(bound(0), 1)), fresh(1, send(bound(0), 1)));
    misses(fresh(2, send(bound(0), 1)), fresh(2, send(bound(1), 1)));
  });

  it('RH-132: new matches by number of names and body', () => {
    finds(fresh(2, send(v(0), 1)), fresh(2, send(7, 1)), 7);
    misses(fresh(2, send(v(0), 1)), fresh(1, send(7, 1)));
  });

  it('RH-133: match matches by target, patterns that are equal, and bodies in order', () => {
    const target = matchTerm(5, [1, send(1, 2), 0], [v(0), send(bound(0), 3), 1]);
    finds(matchTerm(v(0), [1, v(1), 0], [v(0), send(_, v(2)), 1]), target, 5, send(1, 2), 3);
    misses(matchTerm(v(0), [1, _, 0], [v(0), v(1), 1]), target);
    misses(matchTerm(v(0), [_, _, 0], [v(0), _, 1]), target);
    misses(matchTerm(v(0), [1, _, 0]), target);
  });

  it('RH-134: a list with a remainder captures the rest as a list', () => {
    finds(lr(v(1), 1, v(0)), l(1, 2, 3, 4), 2, l(3, 4));
    finds(lr(v(0)), l(1, 2), l(1, 2));
    finds(lr(v(0), 1), l(1), l());
    finds(lr(_, v(0)), l(1, 2), 1);
    misses(lr(v(0), 1, 2), l(1));
    misses(l(1, v(0)), l(1, 2, 3));
    misses(l(v(0)), t(1));
    finds(t(v(0), v(1)), t(1, 2), 1, 2);
    misses(t(v(0)), t(1, 2));
  });

  it('RH-135: a set matches element by element, a remainder is a set', () => {
    finds(s(1, 2), s(2, 1));
    misses(s(1, 2), s(1, 2, 3));
    finds(s(1, _, v(0)), s(1, 2, 3), 2);
    misses(s(1, _, v(0)), s(1, 2));
    finds(sr(_, 1), s(1, 2, 3));
    finds(sr(v(0), 1), s(1, 2, 3), s(2, 3));
    finds(sr(v(1), l(v(0))), s(l(1), 2, 3), 1, s(2, 3));
    finds(sr(v(0)), s(), s());
    finds(s(l(1, v(0)), l(v(1), 2)), s(l(1, 2), l(1, 3)), 3, 1);
  });

  it('RH-136: a map matches by key, a remainder is a map', () => {
    finds(m(['a', v(0)], ['b', 2]), m(['a', 1], ['b', 2]), 1);
    misses(m(['a', v(0)]), m(['a', 1], ['b', 2]));
    finds(mr(v(1), ['k', _], ['x', v(0)]), m(['k', 7], ['x', 3], ['y', 4]), 3, m(['y', 4]));
    finds(mr(_, ['x', v(0)]), m(['k', 7], ['x', 3]), 3);
    misses(mr(_, ['z', v(0)]), m(['k', 7], ['x', 3]));
    finds(mr(v(2), [v(0), l(v(1))]), m(['a', 1], ['b', l(2)]), 'b', 2, m(['a', 1]));
    finds(m([v(0), 1], [v(1), _]), m(['a', 2], ['b', 1]), 'b', 'a');
    finds(mr(v(0)), m(['a', 1]), m(['a', 1]));
    const many = m(...Array.from({ length: 100 }, (_each, index) => [index, index * 2] as const));
    finds(mr(_, [3, v(0)], [97, v(1)]), many, 6, 194);
    misses(mr(_, [3, v(0)], [100, v(1)]), many);
    for (let key = 0; key < 100; key++) finds(mr(_, [key, v(0)]), many, key * 2);
    for (const missing of [-1, 100, 'a', null]) misses(mr(_, [missing, v(0)]), many);
  });

  it('RH-137: nothing is taken out of a bundle, but a whole bundle is captured', () => {
    misses(bundle(v(0)), bundle(1));
    misses(bundle(_), bundle(1));
    finds(bundle(1), bundle(1));
    finds(v(0), bundle(1), bundle(1));
  });

  it('RH-138: and captures of all operands, or of none, not of none', () => {
    finds(and(v(0), type('Int')), 7, 7);
    misses(and(v(0), type('Int')), '7');
    finds(and(l(v(0), _), l(_, v(1))), l(1, 2), 1, 2);
    finds(or(l(v(0)), v(1)), l(1), null, null);
    finds(or(1, 2), 2);
    misses(or(1, 2), 3);
    finds(not(1), 2);
    misses(not(1), 1);
    finds(not(l(v(0))), 2, null);
    misses(not(l(v(0))), l(1));
    finds(p(and(v(0), type('Int')), 'a'), p(7, 'a'), 7);
    finds(p(and(v(0), l(_)), v(1)), p(1, l(2), 3), l(2), p(1, 3));
    finds(p(or(1, 2), v(0)), p(2, 3), 3);
    finds(p(v(0), not(null)), p(1, 2), 2);
    finds(p(v(0), and(v(1), not(null))), p(1, 2), 2, 1);
  });

  it('RH-138: the idiom for a prime: neither nothing nor composed of two', () => {
    const prime = and(not(null), not(p(not(null), not(null))));
    finds(prime, 7);
    misses(prime, p(7, 8));
    misses(prime, null);
    misses(prime, p(7, 7, 7));
  });

  it('RH-138: a connective beside others takes as many parts as it needs', () => {
    finds(p(and(p(1, 2), v(0)), v(1)), p(1, 2, 3), p(1, 2), 3);
    finds(p(and(p(l(v(0)), l(v(1))), _), l(3)), p(l(1), l(2), l(3)), 1, 2);
    misses(p(and(p(l(v(0)), l(v(1))), _), l(4)), p(l(1), l(2), l(3)));
    finds(p(or(p(1, 2), p(1, 2, 3)), 4), p(1, 2, 3, 4));
  });

  it('RH-139: terms of operators match operand by operand', () => {
    for (const operator of ['++', '%%', '--', '+', '-', '*', '/', '%', '<', '==', 'and', '||'] as const) {
      finds(op(operator, v(0), v(1)), op(operator, 1, 2), 1, 2);
      misses(op(operator, v(0), 3), op(operator, 1, 2));
    }
    finds(op('neg', v(0)), op('neg', 1), 1);
    finds(op('not', v(0)), op('not', true), true);
    misses(op('+', v(0), v(1)), op('-', 1, 2));
    finds(method(v(0), 'nth', v(1)), method(l(1), 'nth', 2), l(1), 2);
    misses(method(v(0), 'nth', v(1)), method(l(1), 'get', 2));
    finds(matchesTerm(v(0), 1), matchesTerm(5, 1), 5);
    misses(matchesTerm(v(0), 1), matchesTerm(5, 2));
  });

  it('RH-140: a type word matches its own ground type only', () => {
    const words = ['Bool', 'Int', 'BigInt', 'Float', 'String', 'Uri', 'ByteArray'] as const;
    const grounds: readonly Value[] = [
      true,
      7,
      big(7n),
      float(7.5),
      'seven',
      uri('rho:id:seven'),
      bytes(new Uint8Array([7])),
    ];
    for (const [at, word] of words.entries()) {
      for (const [other, ground] of grounds.entries()) {
        if (at === other) finds(type(word), ground);
        else misses(type(word), ground);
      }
    }
    finds(type('Int'), 2n ** 60n);
    for (const other of [null, l(), name(1), p(1, 2), send(1, 2)]) for (const word of words) misses(type(word), other);
    finds(p(type('Int'), v(0)), p('a', 1), 'a');
  });

  it('a name matches itself, also under another object', () => {
    finds(l(name(1), v(0)), l(name(1), 2), 2);
    misses(l(name(1), v(0)), l(name(2), 2));
  });

  it('an open remainder must be the same or be taken whole', () => {
    finds(fresh(1, lr(bound(0), 1, v(0))), fresh(1, lr(bound(0), 1, 2)), 2);
    misses(fresh(1, lr(bound(0), 1, v(0))), fresh(1, l(1, 2)));
    misses(fresh(1, l(1, v(0))), fresh(1, lr(bound(0), 1, 2)));
    misses(fresh(1, lr(v(1), 1, v(0))), fresh(1, lr(bound(0), 1, 2)));
    finds(fresh(1, lr(_, 1, v(0))), fresh(1, lr(bound(0), 1, 2)), 2);
  });

  it('a missing capture is nil, and there are as many as were counted', () => {
    assert.deepEqual(matchValue(_, 7, 3, { steps: STEPS }), [null, null, null]);
    assert.deepEqual(matchValue(or(v(0), 1), 7, 1, { steps: STEPS }), [null]);
    for (const pattern of [v(0), l(v(0)), lr(v(0)), p(v(0), l(v(1))), m(['a', v(0)])]) {
      const target = pattern instanceof Object && 'items' in pattern && 'keys' in pattern ? m(['a', 1]) : l(1);
      assert.deepEqual(matchValue(pattern, target, 0, { steps: STEPS }), []);
    }
  });

  it('a message demands the ground values at its first positions, in order', () => {
    const { demands, arity, arityMin, freeCount } = compilePattern([v(0), 'a', l(v(1)), l(1), 5, 6], null);
    assert.deepEqual(demands, [
      { position: 1, value: 'a' },
      { position: 3, value: l(1) },
    ]);
    assert.deepEqual([arity, arityMin, freeCount], [6, 6, 2]);
    assert.deepEqual(compilePattern([1], v(0)).match([1, 2, 3], { steps: STEPS }), [l(2, 3)]);
    assert.equal(compilePattern([1], _).arity, -1);
  });
});
