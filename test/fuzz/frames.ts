/**
 * Frames that nobody should send: whole ones of random messages, and ones of which bytes were changed, cut, doubled or
 * put together anew. The same for a seed, so that a failure can be had again.
 */
import {
  Capability,
  clientParts,
  clientSealing,
  frameOf,
  MessageEncoder,
  Reference,
  type Request,
} from '../../src/wire/index.ts';
import { BigInteger, bytes, float, list, map, set, tuple, uri, type Value } from '../../src/values/index.ts';

export type Random = () => number;

/** The same numbers for a seed, on every machine. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TEXTS = ['', 'a', 'system', '__proto__', 'constructor', 'héé\u0000', '🜁', 'x'.repeat(300)];
const NUMBERS = [0, 1, -1, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 255, 65_536];

const PROGRAMS = [
  'Nil',
  'new x in { x!(1) }',
  'new c in { contract c(x) = { x!(1) } }',
  'contract @"a"(@x) = { Nil }',
  'for (',
  'x'.repeat(1_000),
  'new x in { x!(',
  '@"a"!(a) | b!(1)',
];

export class FrameMaker {
  readonly #random: Random;
  readonly #encoder = new MessageEncoder(clientSealing);
  /** Tokens that the session was given: most things need one. */
  readonly tokens: Capability[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #one<T>(things: readonly T[]): T {
    return things[this.#below(things.length)] as T;
  }

  value(depth = 3): Value {
    const inner = (): Value => this.value(depth - 1);
    const many = (): Value[] => Array.from({ length: this.#below(4) }, inner);
    switch (this.#below(depth > 0 ? 16 : 10)) {
      case 0:
        return null;
      case 1:
        return this.#random() < 0.5;
      case 2:
        return this.#one(NUMBERS);
      case 3:
        return this.#one(TEXTS);
      case 4:
        return bytes(Uint8Array.from({ length: this.#below(40) }, () => this.#below(256)));
      case 5:
        return float(this.#one([0.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e300]));
      case 6:
        return uri(this.#one(['rho:io:stdout', 'x', '']));
      case 7:
        return new BigInteger(this.#one([2n ** 60n, 2n ** 100n, -(2n ** 64n)]));
      case 8:
        return this.channel();
      case 9:
        return new Reference(this.#below(5) + 1, this.#one([[], [0], ['a', 1], [this.#below(100)]]));
      case 10:
      case 11:
        return list(many());
      case 12:
        return tuple(many());
      case 13:
        return set(many());
      default:
        return map(many().map((item) => [this.#one(TEXTS), item]));
    }
  }

  /** Often one that is held. */
  channel(): Value {
    const held = this.tokens[this.#below(this.tokens.length)];
    if (held !== undefined && this.#random() < 0.8) return held;
    if (this.#random() < 0.5) return this.#one(TEXTS);
    const size = held === undefined || this.#random() < 0.3 ? this.#below(80) : held.token.length;
    return new Capability(Uint8Array.from({ length: size }, (_, at) => (at === 0 ? this.#below(4) : this.#below(256))));
  }

  /** A message that the schemas take, most often. */
  request(id: number): Request {
    const channel = this.channel();
    const limit_ms = this.#one([0, 0, 1, 50, null]);
    const slots = Array.from({ length: 1 + this.#below(3) }, () => ({
      channel: this.channel(),
      pattern: this.#random() < 0.5 ? null : this.value(2),
      peek: this.#random() < 0.2,
    }));
    const before = 1 + this.#below(Math.max(1, id));
    switch (this.#below(12)) {
      case 0:
      case 1: {
        const message = Array.from({ length: this.#below(4) }, () => this.value());
        return {
          kind: 'produce',
          id,
          channel,
          message,
          persist: this.#random() < 0.1,
          lease_ms: this.#one([null, 1, 100]),
        };
      }
      case 2:
        return { kind: this.#one(['take', 'peek'] as const), id, slots, limit_ms };
      case 3:
        return { kind: 'consume', id, slots, persist: this.#random() < 0.5, credit: this.#below(100) };
      case 4:
        return { kind: 'watch', id, channel, credit: this.#below(100) };
      case 5:
      case 6: {
        const args = Array.from({ length: this.#below(3) }, () => this.value());
        const method = this.#one([null, 'methods', 'random', 'bytes', 'system', '', 'restrict']);
        return { kind: 'call', id, target: channel, method, args, limit_ms };
      }
      case 7: {
        const text = this.#one(PROGRAMS);
        return {
          kind: 'deploy',
          id,
          text,
          name: this.#one(['', 'a', 'x'.repeat(256)]),
          uris: new Map([['rho:x', this.value(1)]]),
        };
      }
      case 8:
        return { kind: 'names', id, count: 1 + this.#below(3) };
      case 9:
        return { kind: 'attenuate', id, capability: channel, read: this.#random() < 0.5, write: this.#random() < 0.5 };
      case 10:
        return { kind: 'release', id, capabilities: [this.channel()], handled: this.#below(1_000) };
      default:
        return this.#random() < 0.5
          ? { kind: 'cancel', id, of: before }
          : { kind: 'credit', id, of: before, more: this.#below(1_000), anew: this.#random() < 0.3 };
    }
  }

  /** Requests from this id on, and how many there are. */
  frame(id: number): { readonly bytes: Uint8Array; readonly count: number } {
    const count = 1 + this.#below(4);
    const messages = Array.from({ length: count }, (_, index) =>
      this.#encoder.encode(clientParts(this.request(id + index))),
    );
    if (this.#random() < 0.2) messages.push(this.#encoder.encode(clientParts({ kind: 'ping', nonce: this.#below(9) })));
    return { bytes: frameOf(messages), count };
  }

  /** One that somebody has had a hand in. */
  spoilt(bytes: Uint8Array): Uint8Array {
    let spoilt = joined(bytes);
    for (let times = 1 + this.#below(3); times > 0; times--) spoilt = this.#spoil(spoilt);
    return spoilt;
  }

  noise(): Uint8Array {
    return Uint8Array.from({ length: this.#below(200) }, () => this.#below(256));
  }

  #spoil(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const at = this.#below(bytes.length);
    const end = at + this.#below(bytes.length - at + 1);
    switch (this.#below(7)) {
      case 0:
        return joined(bytes.subarray(0, at), [(bytes[at] ?? 0) ^ (1 << this.#below(8))], bytes.subarray(at + 1));
      case 1:
        return joined(bytes.subarray(0, at), [this.#below(256)], bytes.subarray(at + 1));
      case 2:
        return joined(bytes.subarray(0, at));
      case 3:
        return joined(bytes.subarray(0, at), this.noise(), bytes.subarray(at));
      case 4:
        return joined(bytes.subarray(0, at), bytes.subarray(end));
      case 5:
        return joined(bytes.subarray(0, end), bytes.subarray(at));
      default:
        // A head that claims more than comes: of a list, a map, a string, bytes, an extension.
        return joined(
          bytes.subarray(0, at),
          [this.#one([0xdd, 0xdf, 0xdb, 0xc6, 0xc9]), 0x7f, 0xff, 0xff, 0xff],
          bytes.subarray(at),
        );
    }
  }
}

function joined(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
