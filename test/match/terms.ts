/** Short words for values and patterns in tests. */
import {
  BigInteger,
  BoundVariable,
  Bundle,
  Conjunction,
  Disjunction,
  FreeVariable,
  Match,
  Matches,
  Method,
  Name,
  Negation,
  New,
  Operation,
  Receive,
  Send,
  TypeWord,
  Wildcard,
  list,
  map,
  par,
  set,
  tuple,
} from '../../src/values/index.ts';
import type { Bind, List, Operator, Remainder, Value } from '../../src/values/index.ts';
import { compileCase } from '../../src/match/index.ts';

export const _ = Wildcard.the;
export const v = (level: number): FreeVariable => new FreeVariable(level);
export const bound = (index: number): BoundVariable => new BoundVariable(index);
export const l = (...items: Value[]): List => list(items);
export const lr = (rest: Remainder, ...items: Value[]): Value => list(items, rest);
export const t = (...items: Value[]): Value => tuple(items);
export const s = (...items: Value[]): Value => set(items);
export const sr = (rest: Remainder, ...items: Value[]): Value => set(items, rest);
export const m = (...entries: (readonly [Value, Value])[]): Value => map(entries);
export const mr = (rest: Remainder, ...entries: (readonly [Value, Value])[]): Value => map(entries, rest);
export const p = (...parts: Value[]): Value => par(parts);
export const and = (...parts: Value[]): Value => new Conjunction(parts);
export const or = (...parts: Value[]): Value => new Disjunction(parts);
export const not = (body: Value): Value => new Negation(body);
export const type = (word: TypeWord['word']): Value => new TypeWord(word);
export const send = (channel: Value, ...data: Value[]): Send => new Send(channel, data, false);
export const sendAll = (channel: Value, ...data: Value[]): Send => new Send(channel, data, true);
export const fresh = (count: number, body: Value): New => new New(count, body);
export const op = (operator: Operator, left: Value, right?: Value): Value => new Operation(operator, left, right);
export const method = (target: Value, name: string, ...args: Value[]): Value => new Method(target, name, args);
export const matchesTerm = (target: Value, pattern: Value): Value => new Matches(target, pattern);
export const bundle = (body: Value): Value => new Bundle(body, true, false);
export const bind = (source: Value, ...patterns: Value[]): Bind => ({
  patterns,
  remainder: null,
  source,
  freeCount: patterns.filter((each) => each instanceof FreeVariable).length,
  peek: false,
});
export const receive = (binds: Bind[], body: Value, persistent = false): Receive =>
  new Receive(binds, body, persistent);
export const matchTerm = (target: Value, ...cases: (readonly [Value, Value, number])[]): Match =>
  new Match(
    target,
    cases.map(([pattern, body, freeCount]) => ({ pattern, body, freeCount })),
  );
export const big = (value: bigint): Value => new BigInteger(value);
export const name = (byte: number): Name => new Name(null, 0, 0, new Uint8Array(32).fill(byte));

export const STEPS = 100_000;

/** Captures of `pattern` on `target`, or null; fails when the budget was too small. */
export function captures(pattern: Value, target: Value, freeCount = 4): readonly Value[] | null {
  const budget = { steps: STEPS };
  const found = compileCase(pattern, freeCount).match(target, budget);
  if (budget.steps < 0) throw new Error('the test gave too few steps');
  return found;
}

/** Processor time of this process, so that what else the machine does is not counted. */
export function cpuOf_ms(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
