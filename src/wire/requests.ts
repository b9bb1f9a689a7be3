/**
 * What clients say, read from the parts of a message: the one checker of this kind of input. Owns the schema of each
 * kind. Past it, number and types of what a message has are right; what it names is for the session to judge.
 */
import { z } from 'zod';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Bytes, List, MapValue, type Value } from '../values/index.ts';
import type { Parts } from './frames.ts';
import type { ClientMessage, WireSlot } from './messages.ts';
import { shown } from './shown.ts';
import { METHOD_CHARS_MAX, readPlainMessage } from './plain.ts';

const count = z.int().min(0);
const id = z.int().min(1);
const value = z.custom<Value>((thing) => thing !== undefined);
/** A list by its items, a map by its entries; what is neither is refused by what is asked of them. */
const inList = <T extends z.ZodType>(type: T) =>
  z.preprocess((thing) => (thing instanceof List && thing.remainder === null ? thing.items : thing), type);
const inMap = <T extends z.ZodType>(type: T) => z.preprocess(entriesOf, type);
const record = inMap(z.record(z.string(), value));
const bytes = z.custom<Bytes>((thing) => thing instanceof Bytes, 'expected bytes').transform((found) => found.bytes);
const milliseconds = z.number().min(0).max(limits.capability_ms_max);
const text = (units: number) => z.string().max(units);
const message = inList(z.array(value).max(limits.message_values_max));

/** A map of options whose keys are all known. */
const options = <S extends z.ZodRawShape>(shape: S) => inMap(z.strictObject(shape));

const slot = inList(z.tuple([value, value.optional(), z.boolean().optional()])).transform(
  ([channel, pattern = null, peek = false]): WireSlot => ({ channel, pattern, peek }),
);
const slots = inList(z.array(slot).min(1).max(limits.join_channels_max));
const credit = z.int().min(0).max(limits.wire_credit_max);

const recordCredit = z.int().min(0).max(limits.wire_record_credit_max);

/** What comes with the text of a program. */
const program = {
  name: text(256).default('program'),
  uris: record.optional().transform((uris) => new Map(Object.entries(uris ?? {}))),
};

const hello = z
  .tuple([
    z.literal('hello'),
    options({
      versions: inList(z.array(z.int()).min(1).max(64)),
      token: text(limits.wire_token_chars_max).nullable().default(null),
      space: text(256).nullable().default(null),
      client: text(256).default(''),
      session: z
        .union([z.null(), inMap(z.strictObject({ id, secret: bytes, handled: count.default(0) }))])
        .default(null),
    }),
  ])
  .transform(([kind, rest]) => ({ kind, ...rest }));

const SCHEMAS = {
  hello,
  produce: z
    .tuple([
      z.literal('produce'),
      id,
      value,
      message,
      options({
        persist: z.boolean().default(false),
        lease_ms: milliseconds.min(1).nullable().default(null),
      }).optional(),
    ])
    .transform(([kind, id, channel, message, rest]) => ({
      kind,
      id,
      channel,
      message,
      persist: rest?.persist ?? false,
      lease_ms: rest?.lease_ms ?? null,
    })),
  take: receive('take'),
  peek: receive('peek'),
  consume: z
    .tuple([
      z.literal('consume'),
      id,
      slots,
      options({ persist: z.boolean().default(false), credit: credit.default(limits.wire_credit_default) }).optional(),
    ])
    .transform(([kind, id, slots, rest]) => ({
      kind,
      id,
      slots,
      persist: rest?.persist ?? false,
      credit: rest?.credit ?? limits.wire_credit_default,
    })),
  watch: z
    .tuple([z.literal('watch'), id, value, options({ credit: credit.default(limits.wire_credit_default) }).optional()])
    .transform(([kind, id, channel, rest]) => ({
      kind,
      id,
      channel,
      credit: rest?.credit ?? limits.wire_credit_default,
    })),
  call: z
    .tuple([
      z.literal('call'),
      id,
      value,
      text(METHOD_CHARS_MAX).nullable(),
      message,
      options({ limit_ms: milliseconds.nullable().default(null) }).optional(),
    ])
    .transform(([kind, id, target, method, args, rest]) => ({
      kind,
      id,
      target,
      method,
      args,
      limit_ms: rest?.limit_ms ?? null,
    })),
  deploy: z
    .tuple([
      z.literal('deploy'),
      id,
      z.string(),
      options({
        ...program,
        atomic: z.boolean().default(false),
      }).optional(),
    ])
    .transform(([kind, id, text, rest]) => ({
      kind,
      id,
      text,
      name: rest?.name ?? 'program',
      uris: rest?.uris ?? new Map<string, Value>(),
      ...(rest?.atomic === true ? { atomic: true } : {}),
    })),
  query: forked('query'),
  estimate: forked('estimate'),
  names: z
    .tuple([z.literal('names'), id, z.int().min(1).max(limits.wire_names_max)])
    .transform(([kind, id, count]) => ({ kind, id, count })),
  attenuate: z
    .tuple([
      z.literal('attenuate'),
      id,
      value,
      options({ read: z.boolean().default(false), write: z.boolean().default(false) }),
    ])
    .transform(([kind, id, capability, { read, write }]) => ({ kind, id, capability, read, write })),
  release: z
    .tuple([z.literal('release'), id, message, count.optional()])
    .transform(([kind, id, capabilities, handled = Number.MAX_SAFE_INTEGER]) => ({ kind, id, capabilities, handled })),
  cancel: z.tuple([z.literal('cancel'), id, id]).transform(([kind, id, of]) => ({ kind, id, of })),
  credit: z
    .tuple([z.literal('credit'), id, id, credit, options({ anew: z.boolean().default(false) }).optional()])
    .transform(([kind, id, of, more, rest]) => ({
      kind,
      id,
      of,
      more,
      ...(rest?.anew === true ? { anew: true } : {}),
    })),
  ack: z.tuple([z.literal('ack'), count]).transform(([kind, number]) => ({ kind, number })),
  trace: z
    .tuple([z.literal('trace'), text(limits.trace_parent_chars_max)])
    .transform(([kind, parent]) => ({ kind, parent })),
  ping: z.tuple([z.literal('ping'), count]).transform(([kind, nonce]) => ({ kind, nonce })),
  record: z.tuple([z.literal('record'), recordCredit]).transform(([kind, credit]) => ({ kind, credit })),
  'record-credit': z.tuple([z.literal('record-credit'), recordCredit]).transform(([kind, more]) => ({ kind, more })),
  'record-end': z.tuple([z.literal('record-end')]).transform(([kind]) => ({ kind })),
  end: z.tuple([z.literal('end')]).transform(([kind]) => ({ kind })),
} as const;

function forked<K extends 'query' | 'estimate'>(kind: K) {
  return z
    .tuple([
      z.literal(kind),
      id,
      z.string(),
      options({
        ...program,
        limit_ms: milliseconds.min(1).nullable().default(null),
        cost_max: z.int().min(1).nullable().default(null),
      }).optional(),
    ])
    .transform(([, id, text, rest]) => ({
      kind,
      id,
      text,
      name: rest?.name ?? 'program',
      uris: rest?.uris ?? new Map<string, Value>(),
      limit_ms: rest?.limit_ms ?? null,
      cost_max: rest?.cost_max ?? null,
    }));
}

function receive<K extends 'take' | 'peek'>(kind: K) {
  return z
    .tuple([z.literal(kind), id, slots, options({ limit_ms: milliseconds.nullable().default(0) }).optional()])
    .transform(([, id, slots, rest]) => ({ kind, id, slots, limit_ms: rest === undefined ? 0 : rest.limit_ms }));
}

/** Keys that are no strings are refused as a map that is none. */
function entriesOf(thing: unknown): unknown {
  if (!(thing instanceof MapValue) || thing.remainder !== null) return thing;
  const { keys, items } = thing;
  if (!keys.every((key) => typeof key === 'string')) return null;
  return Object.fromEntries(keys.map((key, index) => [key, items[index]]));
}

const KINDS: ReadonlyMap<string, z.ZodType<ClientMessage>> = new Map(Object.entries(SCHEMAS));

/** Refuses with `wire_invalid` what is no message of a client, and says where. */
export function readClientMessage(parts: Parts): ClientMessage {
  return readPlainMessage(parts) ?? readBySchema(parts);
}

function readBySchema(parts: Parts): ClientMessage {
  const kind = parts[0] as string;
  const schema = KINDS.get(kind);
  if (schema === undefined) {
    throw new PowerboxError('wire_invalid', `no message has the kind ${shown(kind)}`, {
      hint: `there are ${[...KINDS.keys()].join(', ')}`,
    });
  }
  const found = schema.safeParse(parts);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  // Keys are the client's own words, and may be anything.
  const path = issue?.path.map((part) => (typeof part === 'number' ? part : shown(String(part)))) ?? [];
  const where = path.length === 0 ? '' : ` at ${path.join('.')}`;
  const why =
    issue?.code === 'unrecognized_keys' ? `nobody knows the key ${shown(issue.keys[0] ?? '')}` : issue?.message;
  throw new PowerboxError('wire_invalid', `a message ${kind} that cannot be taken${where}: ${why ?? ''}`);
}
