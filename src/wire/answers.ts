/**
 * What servers say, read from the parts of a message. Written by hand, for it goes into every browser; what does not
 * know a key leaves it alone, so that a later server may say more.
 */
import { PowerboxError } from '../errors.ts';
import { Bytes, List, MapValue, type Value } from '../values/index.ts';
import type { Parts } from './frames.ts';
import type { ServerMessage, WireError, WireMistake } from './messages.ts';

/** Refuses with `wire_invalid` what is no message of a server. */
export function readServerMessage(parts: Parts): ServerMessage {
  const [kind, first, second, third, fourth] = parts;
  switch (kind) {
    case 'deliver':
      return {
        kind,
        number: count(first, 'the number of a delivery'),
        id: count(second, 'the request of a delivery'),
        value: third ?? null,
        last: fourth === true,
      };
    case 'applied':
      return { kind, id: count(first, 'what was applied') };
    case 'error':
      return {
        kind,
        number: count(first, 'the number of an error'),
        id: count(second, 'the request of an error'),
        error: readError(third),
      };
    case 'recorded':
      return { kind, bytes: bytes(first) };
    case 'record-over':
      return { kind, error: first === null || first === undefined ? null : readError(first) };
    case 'pong':
      return { kind, nonce: count(first, 'the number of a pong') };
    case 'bye':
      return { kind, error: readError(first) };
    case 'welcome': {
      const said = record(first, 'a welcome');
      const limits = record(said.get('limits'), 'the limits of a welcome');
      const limit = (key: string): number => count(limits.get(key), key);
      return {
        kind,
        version: count(said.get('version'), 'the version'),
        session: count(said.get('session'), 'the session'),
        secret: bytes(said.get('secret')),
        resumed: said.get('resumed') === true,
        applied: count(said.get('applied'), 'what was applied'),
        powerbox: said.get('powerbox') ?? null,
        holder: text(said.get('holder')),
        space: text(said.get('space')),
        server: text(said.get('server')),
        limits: {
          frame_bytes: limit('frame_bytes'),
          frame_messages: limit('frame_messages'),
          depth: limit('depth'),
          requests: limit('requests'),
          ping_ms: limit('ping_ms'),
          session_ms: limit('session_ms'),
        },
      };
    }
    default:
      throw invalid('a message of a kind that is not known');
  }
}

/** What a map of an error says; also of an error that a contract answers. */
export function readError(value: Value | undefined): WireError {
  const said = record(value, 'an error');
  return {
    code: text(said.get('code')),
    message: text(said.get('message')),
    hint: text(said.get('hint')),
    channel: text(said.get('channel')),
    method: text(said.get('method')),
    mistakes: mistakes(said.get('mistakes')),
  };
}

function mistakes(value: Value | undefined): readonly WireMistake[] {
  if (!(value instanceof List)) return [];
  return value.items.map((item) => {
    const said = record(item, 'a mistake');
    return {
      line: count(said.get('line'), 'a line'),
      column: count(said.get('column'), 'a column'),
      code: text(said.get('code')),
      message: text(said.get('message')),
    };
  });
}

function record(value: Value | undefined, what: string): ReadonlyMap<string, Value> {
  if (!(value instanceof MapValue)) throw invalid(`${what} is no map`);
  const found = new Map<string, Value>();
  for (const [index, key] of value.keys.entries())
    if (typeof key === 'string') found.set(key, value.items[index] as Value);
  return found;
}

function count(value: Value | undefined, what: string): number {
  if (typeof value !== 'number' || value < 0) throw invalid(`${what} is no count`);
  return value;
}

function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : '';
}

function bytes(value: Value | undefined): Uint8Array {
  return value instanceof Bytes ? value.bytes : new Uint8Array(0);
}

function invalid(why: string): PowerboxError {
  return new PowerboxError('wire_invalid', `the server said what cannot be understood: ${why}`);
}
