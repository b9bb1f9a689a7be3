/** The words of sessions: what they are asked, what waits, and who is told. */
import type { PowerboxError } from '../../errors.ts';
import type { Value } from '../../values/index.ts';
import type { Parts, Request, WireError } from '../../wire/index.ts';

/** A request as it goes into a turn: what a client said, with names in the place of tokens. */
export interface Asked {
  readonly parts: Parts;
  readonly request: Request | Placed | Refused;
  /** The rows that its tokens are of, and the rights of each: they are looked at again in the turn. */
  readonly uses: readonly RowUse[];
  /** Earlier requests whose results stand in it. */
  readonly references: readonly number[];
  /** Beneath which step of its client's trace it is followed. Beside the record: it is never written. */
  readonly parent?: string;
}

export interface RowUse {
  readonly row: string;
  readonly rights: number;
}

/** A program that was compiled before the turn. */
export interface Placed {
  readonly kind: 'place';
  readonly id: number;
  readonly name: string;
  /** As `Deploys.prepare` makes it. */
  readonly prepared: Value;
}

/** What cannot be done, as was seen before the turn. */
export interface Refused {
  readonly kind: 'refused';
  readonly id: number;
  readonly error: WireError;
}

/** Who hears of a session, as soon as it is durable. */
export interface Outlet {
  /** There is more to send. Never throws. */
  moved(): void;
  /** The session has ended; nothing more comes. */
  ended(why: PowerboxError): void;
}

/** What has happened to a request. */
export type Outcome = { readonly ok: Value } | { readonly error: WireError };

/** A delivery that is not acknowledged. */
export interface Delivery {
  readonly number: number;
  readonly id: number;
  /** The message, with tokens of this session's holder. */
  readonly bytes: Uint8Array;
}
