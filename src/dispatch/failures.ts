/**
 * Failures of an account's branches, as one durable fact: how many there were, and the last few. It is written
 * in the turn that failed, so a crash neither loses one nor counts it twice.
 */
import { limits } from '../limits.ts';
import type { Account, Engine, Turn } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { Failure } from './stderr.ts';

export interface Failures {
  readonly count: number;
  /** Newest last, at most `limits.failures_kept_max`. */
  readonly last: readonly Failure[];
}

const keyOf = (account: Account): string => `failures/${account}`;

export function countFailure(turn: Turn, account: Account, failure: Failure): void {
  const key = keyOf(account);
  const before = turn.fact(key);
  const count = before instanceof Tuple ? (before.items[0] as number) : 0;
  const kept = before instanceof Tuple ? (before.items[1] as List).items : [];
  const last = kept.length < limits.failures_kept_max ? [...kept] : kept.slice(1);
  last.push(new Tuple([failure.code, failure.message, failure.hint]));
  turn.setFact(key, new Tuple([count + 1, new List(last)]));
}

/** What one account has failed in is counted with another's from now on. */
export function foldFailures(turn: Turn, account: Account, into: Account): void {
  const gone = turn.fact(keyOf(account));
  if (!(gone instanceof Tuple)) return;
  turn.setFact(keyOf(account), undefined);
  const before = turn.fact(keyOf(into));
  const [count, kept] = before instanceof Tuple ? (before.items as [number, List]) : [0, new List([])];
  const [more, last] = gone.items as [number, List];
  const all = [...kept.items, ...last.items].slice(-limits.failures_kept_max);
  turn.setFact(keyOf(into), new Tuple([count + more, new List(all)]));
}

export function readFailures(engine: Engine, account: Account): Failures {
  const fact = engine.fact(keyOf(account));
  if (!(fact instanceof Tuple)) return { count: 0, last: [] };
  return { count: fact.items[0] as number, last: (fact.items[1] as List).items.map(readFailure) };
}

function readFailure(value: Value): Failure {
  const [code, message, hint] = (value as Tuple).items;
  return { code: code as ErrorCode, message: message as string, hint: hint as string };
}
