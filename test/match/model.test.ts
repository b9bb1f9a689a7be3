import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compilePattern, compileCase } from '../../src/match/index.ts';
import { encodeValue, isPattern, Kind, par } from '../../src/values/index.ts';
import type { Bind, FreeVariable, Send, Value } from '../../src/values/index.ts';
import { model } from './model.ts';
import {
  _,
  and,
  bind,
  bound,
  bundle,
  fresh,
  l,
  lr,
  m,
  matchTerm,
  mr,
  not,
  op,
  or,
  p,
  receive,
  s,
  send,
  sendAll,
  sr,
  t,
  type,
  v,
} from './terms.ts';

type Draw = (max: number) => number;

/** A closed term, but for variables of the `depth` binders around it. */
function term(draw: Draw, size: number, depth: number): Value {
  const inner = (): Value => term(draw, size - 1, depth);
  const some = (max: number): Value[] => Array.from({ length: draw(max) }, inner);
  if (size <= 0) {
    const leaves: Value[] = [0, 1, 1, 2, 'a', null, true];
    if (depth > 0) leaves.push(bound(draw(depth - 1)), bound(draw(depth - 1)));
    return leaves[draw(leaves.length - 1)] as Value;
  }
  switch (draw(11)) {
    case 0:
      return l(...some(3));
    case 1:
      return t(...some(2));
    case 2:
      return s(...some(3));
    case 3:
      return m(...some(2).map((key) => [key, inner()] as const));
    case 4:
      return draw(1) === 0 ? send(inner(), ...some(2)) : sendAll(inner(), ...some(1));
    case 5:
      return fresh(1, term(draw, size - 1, depth + 1));
    case 6:
      return op('+', inner(), inner());
    case 7:
      return bundle(inner());
    case 8:
      return matchTerm(inner(), [1, inner(), 0], [v(0), term(draw, size - 1, depth + 1), 1]);
    case 9: {
      const binds = Array.from({ length: 1 + draw(1) }, () => bind(term(draw, 0, depth), v(0)));
      const leaf = (): Value => term(draw, 0, depth + binds.length);
      return receive(binds, send(leaf(), leaf(), leaf()));
    }
    default:
      return p(...some(3));
  }
}

/** A pattern made of a term by forgetting parts of it, so that it often matches. */
function forget(draw: Draw, value: Value, depth: number, count: { next: number }): Value {
  const variable = (): FreeVariable => v(count.next++);
  const inner = (part: Value, deeper = 0): Value => forget(draw, part, depth + deeper, count);
  const rest = (): Value => [null, _, variable()][draw(2)] as Value;
  switch (draw(20)) {
    case 0:
    case 1:
      return variable();
    case 2:
      return _;
    case 3:
      return and(variable(), inner(value));
    case 4:
      return or(inner(term(draw, 1, depth)), inner(value));
    case 5:
      return not(inner(term(draw, 1, depth)));
    case 6:
      return type((['Int', 'String', 'Bool'] as const)[draw(2)] as 'Int');
    case 7:
      return value;
    case 8:
      return and(inner(value), not(inner(term(draw, 0, depth))));
  }
  if (typeof value !== 'object' || value === null) return draw(6) === 0 ? term(draw, 0, depth) : value;
  switch (value.kind) {
    case Kind.List: {
      const kept = draw(1) === 0 ? value.items : value.items.slice(0, draw(value.items.length));
      return lr(rest() as FreeVariable, ...kept.map((item) => inner(item)));
    }
    case Kind.Tuple:
      return t(...value.items.map((item) => inner(item)));
    case Kind.Set:
      return sr(rest() as FreeVariable, ...value.items.filter(() => draw(3) > 0).map((item) => inner(item)));
    case Kind.Map: {
      const entries = value.keys.map(
        (key, at) => [draw(2) === 0 ? inner(key) : key, inner(value.items[at] as Value)] as const,
      );
      return mr(rest() as FreeVariable, ...entries.filter(() => draw(3) > 0));
    }
    case Kind.Par: {
      const parts = value.parts.filter(() => draw(3) > 0).map((part) => inner(part));
      if (draw(1) === 0) parts.push(variable());
      if (draw(3) === 0) parts.push(_);
      if (draw(3) === 0) parts.push(not(null));
      return par(parts);
    }
    case Kind.Send: {
      const make = value.persistent ? sendAll : send;
      return make(inner(value.channel), ...value.data.map((item) => inner(item)));
    }
    case Kind.New:
      return fresh(value.count, inner(value.body, value.count));
    case Kind.Operation:
      return op('+', inner(value.left), inner(value.right as Value));
    case Kind.Match:
      return matchTerm(
        inner(value.target),
        ...value.cases.map((each) => [each.pattern, inner(each.body, each.freeCount), each.freeCount] as const),
      );
    case Kind.Receive: {
      const binds: Bind[] = value.binds.map((each) => ({ ...each, source: inner(each.source) }));
      if (draw(1) === 0) binds.reverse();
      const body = value.body as Send;
      return receive(binds, send(body.channel, ...body.data.map((item) => inner(item, binds.length))));
    }
    default:
      return value;
  }
}

/** Captures that the model found, as many as `count`. */
function asCaptures(found: ReadonlyMap<number, Value> | null, count: number): readonly Value[] | null {
  return found === null ? null : Array.from({ length: count }, (_each, level) => found.get(level) ?? null);
}

const hex = (values: readonly Value[] | null): string =>
  values === null ? 'no match' : values.map((value) => Buffer.from(encodeValue(value)).toString('hex')).join(' ');

const seed = fc.array(fc.nat(9_999), { minLength: 60, maxLength: 300, size: 'max' });
/** Once the numbers are used up all draws are 0, the simplest choice: so everything ends, and shrinks. */
function drawer(numbers: readonly number[]): Draw {
  let at = 0;
  return (max) => (numbers[at++] ?? 0) % (max + 1);
}

describe('the matcher', () => {
  it('answers as trying everything in order does', () => {
    let matched = 0;
    let withCaptures = 0;
    fc.assert(
      fc.property(seed, (numbers) => {
        const draw = drawer(numbers);
        const target = term(draw, 3, 0);
        const count = { next: 0 };
        const pattern = forget(draw, draw(9) === 0 ? term(draw, 2, 0) : target, 0, count);
        const budget = { steps: 10_000_000 };
        const found = compileCase(pattern, count.next).match(target, budget);
        const expected = asCaptures(model(pattern, target), count.next);
        if (expected !== null) matched++;
        if (expected?.some((value) => value !== null)) withCaptures++;
        assert.equal(hex(found), hex(expected));
      }),
      { numRuns: 10_000 },
    );
    assert.ok(matched > 2_000, `only ${matched} matched`);
    assert.ok(withCaptures > 1_000, `only ${withCaptures} captured`);
  });

  it('never answers otherwise with too few steps: it says that they are spent', () => {
    fc.assert(
      fc.property(seed, fc.nat(40), (numbers, steps) => {
        const draw = drawer(numbers);
        const target = term(draw, 3, 0);
        const count = { next: 0 };
        const pattern = forget(draw, target, 0, count);
        const budget = { steps };
        const found = compileCase(pattern, count.next).match(target, budget);
        if (budget.steps < 0) assert.equal(found, null);
        else assert.equal(hex(found), hex(asCaptures(model(pattern, target), count.next)));
      }),
      { numRuns: 5_000 },
    );
  });

  it('takes a message as it takes a list with the same remainder', () => {
    fc.assert(
      fc.property(seed, (numbers) => {
        const draw = drawer(numbers);
        const message = Array.from({ length: draw(3) }, () => term(draw, 2, 0));
        const count = { next: 0 };
        const patterns = message.slice(0, draw(3)).map((value) => forget(draw, value, 0, count));
        const remainder = [null, _, v(count.next)][draw(2)] as null | FreeVariable;
        const compiled = compilePattern(patterns, remainder);
        const asList = compileCase(lr(remainder, ...patterns), compiled.freeCount);
        assert.equal(hex(compiled.match(message, { steps: 1e6 })), hex(asList.match(l(...message), { steps: 1e6 })));
        for (const { position, value } of compiled.demands) assert.equal(patterns[position], value);
        assert.equal(compiled.demands.length, patterns.slice(0, 4).filter((each) => !isPattern(each)).length);
      }),
      { numRuns: 5_000 },
    );
  });
});
