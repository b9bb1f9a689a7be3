/**
 * The messages of the wire, versions 1 and 2, as data. What each means is in spec/wire.md; how they are read from bytes is in
 * `requests.ts` and `answers.ts`, how they are written in `write.ts`.
 */
import type { Value } from '../values/index.ts';

/** The newest version. 2 has queries, estimates and atomic deploys; all else is as in 1. */
export const WIRE_VERSION = 2;

/** All that are understood, and spoken with whoever knows no newer one. */
export const WIRE_VERSIONS: readonly number[] = [1, 2];

/** The subprotocol of the WebSocket. */
export const WIRE_PROTOCOL = 'powerbox.1';

/** One channel of a receive. */
export interface WireSlot {
  readonly channel: Value;
  /** A list of what must stand at each place, wildcards where anything may; null: any message. */
  readonly pattern: Value;
  /** The message stays. */
  readonly peek: boolean;
}

/** The first message of a connection. */
export interface Hello {
  readonly kind: 'hello';
  /** Versions of the wire that the client speaks. */
  readonly versions: readonly number[];
  /** A signed token that names the holder; null where it came with the request, or none is needed. */
  readonly token: string | null;
  /** The space that is meant; null: the one there is. */
  readonly space: string | null;
  /** An earlier session to go on with; null: a new one. */
  readonly session: SessionKey | null;
  /** What the client calls itself, for logs. */
  readonly client: string;
}

export interface SessionKey {
  readonly id: number;
  readonly secret: Uint8Array;
  /** Everything up to this number was handled. */
  readonly handled: number;
}

/** What is asked with an id, and applied once. */
export type Request =
  | ProduceRequest
  | ReceiveRequest
  | ConsumeRequest
  | WatchRequest
  | CallRequest
  | DeployRequest
  | ForkRequest
  | { readonly kind: 'names'; readonly id: number; readonly count: number }
  | {
      readonly kind: 'attenuate';
      readonly id: number;
      readonly capability: Value;
      readonly read: boolean;
      readonly write: boolean;
    }
  | {
      readonly kind: 'release';
      readonly id: number;
      readonly capabilities: readonly Value[];
      /** Those that came again in a delivery with a higher number are not given up. */
      readonly handled: number;
    }
  | { readonly kind: 'cancel'; readonly id: number; readonly of: number }
  | CreditRequest;

/** More deliveries may come of a request. */
export interface CreditRequest {
  readonly kind: 'credit';
  readonly id: number;
  readonly of: number;
  readonly more: number;
  /**
   * Not so many more but so many in all, with those that are not acknowledged: for a client that was killed, and does not
   * know what it had given.
   */
  readonly anew?: boolean;
}

export interface ProduceRequest {
  readonly kind: 'produce';
  readonly id: number;
  readonly channel: Value;
  readonly message: readonly Value[];
  readonly persist: boolean;
  readonly lease_ms: number | null;
}

export interface ReceiveRequest {
  readonly kind: 'take' | 'peek';
  readonly id: number;
  readonly slots: readonly WireSlot[];
  /** How long to wait; 0: not at all, null: for ever. */
  readonly limit_ms: number | null;
}

export interface ConsumeRequest {
  readonly kind: 'consume';
  readonly id: number;
  readonly slots: readonly WireSlot[];
  /** Go on after the first match. */
  readonly persist: boolean;
  /** How many deliveries may be sent before more credit is given. */
  readonly credit: number;
}

export interface WatchRequest {
  readonly kind: 'watch';
  readonly id: number;
  readonly channel: Value;
  readonly credit: number;
}

export interface CallRequest {
  readonly kind: 'call';
  readonly id: number;
  readonly target: Value;
  /** Null: the target is a plain channel, and gets the arguments and the reply channel. */
  readonly method: string | null;
  readonly args: readonly Value[];
  readonly limit_ms: number | null;
}

export interface DeployRequest {
  readonly kind: 'deploy';
  readonly id: number;
  readonly text: string;
  readonly name: string;
  /** What URIs of the text stand for, beside those that the holder was granted. */
  readonly uris: ReadonlyMap<string, Value>;
  /** Up to its first calls to the world all of it happens in one turn, or nothing does. Of version 2. */
  readonly atomic?: boolean;
}

/** A program that changes nothing: its answers, or its cost. Of version 2. */
export interface ForkRequest {
  readonly kind: 'query' | 'estimate';
  readonly id: number;
  readonly text: string;
  readonly name: string;
  readonly uris: ReadonlyMap<string, Value>;
  /** How long it may take; null: as long as such a program may. */
  readonly limit_ms: number | null;
  /** What it may cost; null: as much as such a program may. */
  readonly cost_max: number | null;
}

/** The version of the wire in which a request was first understood. */
export function versionOf(request: Request): number {
  switch (request.kind) {
    case 'query':
    case 'estimate':
      return 2;
    case 'deploy':
      return request.atomic === true ? 2 : 1;
    case 'credit':
      return request.anew === true ? 2 : 1;
    default:
      return 1;
  }
}

/** Everything that a client says. */
export type ClientMessage =
  | Hello
  | Request
  | { readonly kind: 'ack'; readonly number: number }
  /** Requests after it in its frame belong to this step of somebody's trace. */
  | { readonly kind: 'trace'; readonly parent: string }
  | { readonly kind: 'ping'; readonly nonce: number }
  /** Records the space from now on, over this connection: at most so many bytes may come. Of version 2. */
  | { readonly kind: 'record'; readonly credit: number }
  /** So many bytes more. */
  | { readonly kind: 'record-credit'; readonly more: number }
  /** The trace is to end: what is durable by now is in it. */
  | { readonly kind: 'record-end' }
  /** The session is over: nothing of it is kept. */
  | { readonly kind: 'end' };

export interface Welcome {
  readonly kind: 'welcome';
  readonly version: number;
  readonly session: number;
  /** Empty when a session was resumed. */
  readonly secret: Uint8Array;
  readonly resumed: boolean;
  /** The highest id of a request that was applied. */
  readonly applied: number;
  /** The holder's powerbox. */
  readonly powerbox: Value;
  readonly holder: string;
  readonly space: string;
  /** Version of the server's package. */
  readonly server: string;
  readonly limits: WireLimits;
}

/** What the server takes of one session. */
export interface WireLimits {
  readonly frame_bytes: number;
  readonly frame_messages: number;
  readonly depth: number;
  /** Requests that may wait for their answers. */
  readonly requests: number;
  /** Milliseconds between two signs of life. */
  readonly ping_ms: number;
  /** Milliseconds for which a session without a connection is kept. */
  readonly session_ms: number;
}

/** Why a request was not done. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** The native that refused, and its method; empty where none did. */
  readonly channel: string;
  readonly method: string;
  /** Of a program that is wrong: each mistake. */
  readonly mistakes: readonly WireMistake[];
}

export interface WireMistake {
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
}

/** Everything that a server says. */
export type ServerMessage =
  | Welcome
  /** All requests up to this id were applied; those that have nothing to answer are done. */
  | { readonly kind: 'applied'; readonly id: number }
  /** What a request brought. `last`: nothing more comes of it. */
  | {
      readonly kind: 'deliver';
      readonly number: number;
      readonly id: number;
      readonly value: Value;
      readonly last: boolean;
    }
  /** A request has failed, or has ended early. `number` is 0 for what is not kept for a later connection. */
  | { readonly kind: 'error'; readonly number: number; readonly id: number; readonly error: WireError }
  | { readonly kind: 'pong'; readonly nonce: number }
  /** The next bytes of the trace that is recorded over this connection. */
  | { readonly kind: 'recorded'; readonly bytes: Uint8Array }
  /** It is whole; or why it is not. */
  | { readonly kind: 'record-over'; readonly error: WireError | null }
  /** The connection ends. */
  | { readonly kind: 'bye'; readonly error: WireError };
