/** A source as its fact says it: how that is written and read. Owns nothing. */
import type { Account } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';

/** What the fact of a source says. */
export interface SourceRecord {
  readonly id: string;
  readonly native: string;
  readonly handle: Value;
  /** Where its messages go. */
  readonly channel: Value;
  /** Where an error goes instead of there. */
  readonly errors: Value | null;
  readonly account: Account;
  readonly cap: string;
  readonly unread_max: number;
  /** Its messages are the reply of a call. */
  readonly replies: boolean;
}

/** Before the id, in the key of the fact. */
export const SOURCE_PREFIX = 'source/';

export function writeSource(source: SourceRecord): Tuple {
  const { native, handle, channel, errors, account, cap, unread_max, replies } = source;
  return new Tuple([
    native,
    handle,
    channel,
    new List(errors === null ? [] : [errors]),
    account,
    cap,
    unread_max,
    replies,
  ]);
}

export function readSource(id: string, fact: Value): SourceRecord {
  const [native, handle, channel, errors, account, cap, unread_max, replies] = (fact as Tuple).items;
  return {
    id,
    native: native as string,
    handle: handle as Value,
    channel: channel as Value,
    errors: (errors as List).items[0] ?? null,
    account: account as number,
    cap: cap as string,
    unread_max: unread_max as number,
    replies: replies as boolean,
  };
}

/** Of what was made in an answer, the values. */
export function valuesOf(items: readonly Tuple[]): Value[] {
  return items.map((item) => item.items[1] as Value);
}
