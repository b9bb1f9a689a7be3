/** A holder whose clients have sessions here: who pays for what they do, and what they were given. */
import type { Account } from '../../space/index.ts';
import type { Holdings } from './holdings.ts';

export interface Holder {
  readonly name: string;
  /** Of all sessions of the holder. */
  readonly account: Account;
  /** Tokens of an earlier epoch are nothing any more. */
  readonly epoch: number;
  readonly holdings: Holdings;
  sessions: number;
}
