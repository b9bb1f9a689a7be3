/**
 * Requests that wait: for the reply of a call, for messages, for the results of other requests. Each is a fact as long
 * as it does, and is made whole again from it.
 */
import { List, Tuple, type Value } from '../../values/index.ts';
import {
  type CallRequest,
  type ConsumeRequest,
  type ForkRequest,
  readClientMessage,
  readError,
  type Parts,
  type ReceiveRequest,
  type Request,
  type WatchRequest,
} from '../../wire/index.ts';
import { type Receiver, receiverOf } from './receivers.ts';
import type { Asked } from './types.ts';

export type Standing = StandingCall | StandingReceive | StandingWatch | StandingFork | Deferred;

interface Left {
  readonly id: number;
  readonly parts: Parts;
  /** Where its continuation waits, and under which number there; null: nothing is left. */
  channel: Value;
  at: number | null;
}

/** A call whose reply has not come. */
export interface StandingCall extends Left {
  readonly kind: 'call';
  readonly request: CallRequest;
  readonly due_ms: number | null;
}

export interface StandingReceive extends Left {
  readonly kind: 'receive';
  readonly request: ReceiveRequest | ConsumeRequest;
  readonly receivers: readonly Receiver[];
  readonly due_ms: number | null;
  /** Deliveries that may still be made; of one that goes on. */
  credit: number;
}

export interface StandingWatch extends Left {
  readonly kind: 'watch';
  readonly request: WatchRequest;
  readonly due_ms: null;
  credit: number;
  /** Messages that came when there was no credit. */
  missed: number;
}

/** A query or an estimate that runs in a fork, or is to. Nothing of it is in the space but this. */
export interface StandingFork extends Left {
  readonly kind: 'fork';
  readonly request: ForkRequest;
  readonly due_ms: null;
}

/** One that refers to results which have not arrived. */
export interface Deferred {
  readonly kind: 'deferred';
  readonly id: number;
  readonly asked: Asked;
  readonly waitsFor: Set<number>;
  /** When it came: its time limit counts from then. */
  readonly now_ms: number;
  readonly due_ms: null;
}

/** The fact of one: `(parts, channel, number or nil, when it is due or nil, credit, missed)`, or `(asked, when it came)` of a deferred one. */
export function standingValue(standing: Standing): Value {
  if (standing.kind === 'deferred') return new Tuple([askedValue(standing.asked), standing.now_ms]);
  const { parts, channel, at, due_ms } = standing;
  const credit = standing.kind === 'call' || standing.kind === 'fork' ? 0 : standing.credit;
  const missed = standing.kind === 'watch' ? standing.missed : 0;
  return new Tuple([new List(parts), channel, at, due_ms, credit, missed]);
}

/** `resolved`: which of those that a deferred one refers to are there already. */
export function readStanding(fact: Value, isResolved: (id: number) => boolean): Standing {
  const { items } = fact as Tuple;
  if (items.length === 2) {
    const [value, now_ms] = items as readonly [Value, number];
    const asked = readAsked(value);
    const waitsFor = new Set(asked.references.filter((id) => !isResolved(id)));
    return { kind: 'deferred', id: asked.request.id, asked, waitsFor, now_ms, due_ms: null };
  }
  const [list, channel, at, due_ms, credit, missed] = items as readonly [
    List,
    Value,
    number | null,
    number | null,
    number,
    number,
  ];
  const parts = list.items;
  const request = readClientMessage(parts) as Request;
  const left = { id: request.id, parts, channel, at };
  switch (request.kind) {
    case 'call':
      return { ...left, kind: 'call', request, due_ms };
    case 'query':
    case 'estimate':
      return { ...left, kind: 'fork', request, due_ms: null };
    case 'watch':
      return { ...left, kind: 'watch', request, due_ms: null, credit, missed };
    default: {
      const receive = request as ReceiveRequest | ConsumeRequest;
      return { ...left, kind: 'receive', request: receive, receivers: receiversOf(receive), due_ms, credit };
    }
  }
}

export function receiversOf({ slots }: ReceiveRequest | ConsumeRequest): readonly Receiver[] {
  return slots.map(({ pattern }) => receiverOf(pattern));
}

// ---------------------------------------------------------------- requests in causes and facts

/** `[parts]`, `[parts, [row, rights, …]]` or `[parts, [row, rights, …], [reference, …]]`. */
export function askedValue({ parts, uses, references }: Asked): Value {
  const value = [new List(parts)];
  if (uses.length > 0 || references.length > 0) value.push(new List(uses.flatMap(({ row, rights }) => [row, rights])));
  if (references.length > 0) value.push(new List(references));
  return new List(value);
}

export function readAsked(value: Value): Asked {
  const [list, rows, references] = (value as List).items as readonly [List, List | undefined, List | undefined];
  const parts = list.items;
  const used = rows?.items ?? [];
  const uses = Array.from({ length: used.length / 2 }, (_, index) => ({
    row: used[2 * index] as string,
    rights: used[2 * index + 1] as number,
  }));
  return {
    parts,
    request: readRequest(parts),
    uses,
    references: (references?.items ?? []) as readonly number[],
  };
}

function readRequest(parts: Parts): Asked['request'] {
  const [kind, id, first, second] = parts as readonly [string, number, Value, Value];
  if (kind === 'place') return { kind, id, name: first as string, prepared: second };
  if (kind === 'refused') return { kind, id, error: readError(first) };
  return readClientMessage(parts) as Request;
}
