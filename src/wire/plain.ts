/**
 * The messages that are said most, read without their schema when they are of the plainest form: a send, a receive or a
 * call without options. What is not of that form is not judged here: the schema reads it, and says what is wrong with it.
 * Must never take what the schema refuses, nor read it as something else; a property test holds both equal.
 */
import { limits } from '../limits.ts';
import { List, type Value } from '../values/index.ts';
import type { Parts } from './frames.ts';
import type { CallRequest, ProduceRequest, ReceiveRequest, WireSlot } from './messages.ts';

/** Characters of the name of a method. */
export const METHOD_CHARS_MAX = 256;

/** Undefined: it is not of a plain form. */
export function readPlainMessage(parts: Parts): ProduceRequest | ReceiveRequest | CallRequest | undefined {
  const id = parts[1];
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return undefined;
  const kind = parts[0];
  switch (kind) {
    case 'produce': {
      if (parts.length !== 4) return undefined;
      const message = messageOf(parts[3]);
      if (message === undefined) return undefined;
      return { kind, id, channel: parts[2] as Value, message, persist: false, lease_ms: null };
    }
    case 'take':
    case 'peek': {
      if (parts.length !== 3) return undefined;
      const slots = slotsOf(parts[2]);
      return slots === undefined ? undefined : { kind, id, slots, limit_ms: 0 };
    }
    case 'call': {
      const method = parts[3];
      if (parts.length !== 5 || !isMethod(method)) return undefined;
      const args = messageOf(parts[4]);
      if (args === undefined) return undefined;
      return { kind, id, target: parts[2] as Value, method, args, limit_ms: null };
    }
    default:
      return undefined;
  }
}

function isMethod(value: Value | undefined): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= METHOD_CHARS_MAX);
}

function messageOf(value: Value | undefined): readonly Value[] | undefined {
  if (!(value instanceof List) || value.remainder !== null) return undefined;
  return value.items.length <= limits.message_values_max ? value.items : undefined;
}

function slotsOf(value: Value | undefined): readonly WireSlot[] | undefined {
  if (!(value instanceof List) || value.remainder !== null) return undefined;
  const { items } = value;
  if (items.length < 1 || items.length > limits.join_channels_max) return undefined;
  const slots: WireSlot[] = [];
  for (const item of items) {
    if (!(item instanceof List) || item.remainder !== null) return undefined;
    const [channel, pattern = null, peek = false] = item.items;
    if (channel === undefined || item.items.length > 3 || typeof peek !== 'boolean') return undefined;
    slots.push({ channel, pattern, peek });
  }
  return slots;
}
