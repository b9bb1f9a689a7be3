/**
 * The messages between a node and a host, in both directions: how each is written, and the one check of what came.
 * `spec/host.md` says what they mean. A frame is a record in canonical bytes: kind, number, then one map of fields.
 * Kind and number stand first, so that a frame which is too large or cannot be read is still answered for. Owns no
 * connection; raw names are refused here, in both directions.
 */
import { z } from 'zod';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Bytes, Decoder, Encoder, List, map, MapValue, type Name, type Value } from '../values/index.ts';

export const HOST_PROTOCOL_VERSION = 1;

/** Bytes in which kind and number of a frame stand, whatever follows. */
const HEAD_BYTES = 64;

const value = z.custom<Value>((given) => given !== undefined);
const list = <S extends z.ZodType>(item: S) =>
  z
    .custom<List>((given) => given instanceof List && given.remainder === null, 'a list is expected')
    .transform((given): unknown => [...given.items])
    .pipe(z.array(item) as unknown as z.ZodType<z.output<S>[], unknown>);
const bytes = z.instanceof(Bytes, { error: 'a byte array is expected' }).transform((given) => given.bytes);
const text = z.string().max(limits.host_text_max);
const count = z.int().min(0);
const effect = bytes.refine((given) => given.length === 0 || given.length === 32, 'an effect id has 32 bytes');
const fields = <S extends z.ZodRawShape>(shape: S) => z.preprocess(recordOf, z.strictObject(shape));
const failure = fields({ code: text, message: text });

/** What an answer or an arrival hands out; `made.ts` reads it. */
const made = z.custom<List>((given) => given instanceof List && given.remainder === null, 'a list is expected');

const called = {
  native: text,
  method: text,
  form: count,
  args: list(value),
  effect,
  account: count,
  grant: text,
  handle: value,
  state: value.optional(),
  /** Milliseconds; nil: as long as a person takes. */
  limit_ms: z.union([count, z.null()]),
  /** For hosts that take one: the step of a trace that the call is. */
  traceparent: z.string().max(limits.trace_parent_chars_max).optional(),
};

/** Fields by kind, of what a node says. */
export const TO_HOST = {
  hello: fields({ versions: list(count), native: text, client: bytes, message_bytes_max: count }),
  call: fields({ ...called, prepare: z.boolean() }),
  ask: fields(called),
  forget: fields({ effects: list(effect) }),
  finish: fields({ effect }),
  drop: fields({ effect }),
  cancel: fields({}),
  open: fields({
    source: text,
    native: text,
    grant: text,
    handle: value,
    account: count,
    state: value.optional(),
    resumed: z.boolean(),
  }),
  close: fields({ source: text }),
  pushed: fields({ taken: z.boolean() }),
  ping: fields({}),
  stop: fields({ grace_ms: count }),
} as const;

/** Fields by kind, of what a host says. */
export const TO_NODE = {
  welcome: fields({
    version: count,
    declarations: list(value),
    store: z.boolean(),
    prepared: list(effect),
    /** Calls that are followed are to say where. */
    traces: z.boolean().optional(),
  }),
  failed: fields({ message: text }),
  answer: fields({
    ok: made.optional(),
    error: failure.optional(),
    not_applied: z.literal(true).optional(),
    state: value.optional(),
    closes: value.optional(),
    notes: list(failure).optional(),
    bytes: count.optional(),
  }),
  push: fields({ source: text, message: list(made), state: value.optional(), last: z.boolean() }),
  fail: fields({ source: text, error: failure }),
  pong: fields({ dropped: count, memory_bytes: count.optional() }),
  log: fields({ level: z.enum(['debug', 'info', 'warn', 'error']), text }),
  shutdown: fields({ reason: text }),
} as const;

export type ToHostKind = keyof typeof TO_HOST;
export type ToNodeKind = keyof typeof TO_NODE;
export type ToHost<K extends ToHostKind> = z.output<(typeof TO_HOST)[K]>;
export type ToNode<K extends ToNodeKind> = z.output<(typeof TO_NODE)[K]>;
export type AnswerFields = ToNode<'answer'>;
export type CallFields = ToHost<'call'>;

/** One frame that was read: its kind is one of those asked for, its body not checked yet. */
export interface Frame {
  readonly kind: string;
  readonly id: number;
  readonly body: MapValue;
}

/** One that could not be read; kind and number as far as they could. */
export interface BadFrame {
  readonly kind: string | null;
  readonly id: number;
  readonly reason: string;
}

/** Fields whose value is undefined are left out. */
export function encodeFrame(kind: string, id: number, body: Readonly<Record<string, Value | undefined>>): Uint8Array {
  const encoder = new Encoder();
  encoder.string(kind);
  encoder.uint(id);
  const entries = Object.entries(body).flatMap(([key, item]): [string, Value][] =>
    item === undefined ? [] : [[key, item]],
  );
  encoder.value(map(entries));
  return encoder.finish();
}

export function decodeFrame(bytes: Uint8Array): Frame | BadFrame {
  let kind: string | null = null;
  let id = 0;
  try {
    const decoder = new Decoder(bytes, refuseName, 0, limits.host_message_depth_max);
    kind = decoder.string();
    id = decoder.uint();
    const body = decoder.value();
    decoder.end();
    if (!(body instanceof MapValue) || body.remainder !== null) return { kind, id, reason: 'its body is no map' };
    return { kind, id, body };
  } catch (error) {
    return { kind, id, reason: error instanceof Error ? error.message : 'it cannot be read' };
  }
}

/** Of a frame that is not read whole: kind and number, from its first bytes. */
export function headOf(start: Uint8Array): { readonly kind: string | null; readonly id: number } {
  let kind: string | null = null;
  try {
    const decoder = new Decoder(start.subarray(0, HEAD_BYTES), refuseName);
    kind = decoder.string();
    return { kind, id: decoder.uint() };
  } catch {
    return { kind, id: 0 };
  }
}

export { HEAD_BYTES };

/** The fields of a message of this kind, or why they are not those of one. */
export function readFields<S extends z.ZodType>(schema: S, body: MapValue): z.output<S> | { readonly fault: string } {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'the message' : issue.path.join('.');
  return { fault: `${where}: ${issue?.message ?? 'it cannot be read'}` };
}

export function isFault(read: object): read is { readonly fault: string } {
  return 'fault' in read;
}

function recordOf(given: unknown): unknown {
  if (!(given instanceof MapValue) || given.remainder !== null) return given;
  const record: Record<string, Value> = {};
  for (const [index, key] of given.keys.entries()) {
    if (typeof key !== 'string' || key === '__proto__') return null;
    record[key] = given.items[index] as Value;
  }
  return record;
}

function refuseName(): Name {
  throw new PowerboxError('value_unsupported', 'a raw name is no authority outside of its space');
}
