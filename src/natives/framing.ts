/**
 * Frames on the private pipes between a node and the child that it manages. The node's first bytes are a greeting and
 * a secret of 32 random bytes, made for this one process; then each frame, in both directions, is
 *
 *   length (4 bytes)   tag (32 bytes): HMAC-SHA256(secret, direction (1) number (8) payload)   payload
 *
 * all big-endian; direction is 0 from the node and 1 from the host, number counts the frames of that direction from 0.
 * A frame with another tag is dropped and counted, and counts for nothing else. Owns that form at both ends; must never
 * hold more of a frame that is too large than its beginning.
 */
import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import type { Arrival } from './link.ts';
import { HEAD_BYTES } from './protocol.ts';

export const GREETING = new TextEncoder().encode('powerbox-host 1\n');
export const SECRET_BYTES = 32;

const TAG_BYTES = 32;
const HEADER_BYTES = 4 + TAG_BYTES;

export type Direction = 'from-node' | 'from-host';

/** Tags the frames of one direction, in their order. */
class Tagging {
  readonly #secret: Uint8Array;
  readonly #prefix = Buffer.alloc(9);
  #number = 0n;

  constructor(secret: Uint8Array, direction: Direction) {
    this.#secret = secret;
    this.#prefix[0] = direction === 'from-node' ? 0 : 1;
  }

  start(): Hmac {
    this.#prefix.writeBigUInt64BE(this.#number, 1);
    return createHmac('sha256', this.#secret).update(this.#prefix);
  }

  next(): void {
    this.#number++;
  }
}

export class FrameWriter {
  readonly #tagging: Tagging;

  constructor(secret: Uint8Array, direction: Direction) {
    this.#tagging = new Tagging(secret, direction);
  }

  /** The bytes of one frame. */
  frame(payload: Uint8Array): Buffer {
    const whole = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    whole.writeUInt32BE(payload.length, 0);
    whole.set(this.#tagging.start().update(payload).digest(), 4);
    whole.set(payload, HEADER_BYTES);
    this.#tagging.next();
    return whole;
  }
}

export class FrameReader {
  readonly #tagging: Tagging;
  readonly #bytes_max: number;
  readonly #arrived: (arrival: Arrival) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerLength = 0;
  #hmac: Hmac;
  #left = 0;
  #length = 0;
  /** Of the payload under way: all of it, or its beginning when it is larger than may be. */
  #kept: Buffer[] = [];
  #keptLength = 0;
  #dropped = 0;

  constructor(secret: Uint8Array, direction: Direction, bytes_max: number, arrived: (arrival: Arrival) => void) {
    this.#tagging = new Tagging(secret, direction);
    this.#bytes_max = bytes_max;
    this.#arrived = arrived;
    this.#hmac = this.#tagging.start();
  }

  /** Frames that were dropped for their tag. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes what came; it keeps no part of a chunk that is larger than the frame in it. */
  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    while (rest.length > 0) {
      if (this.#headerLength < HEADER_BYTES) {
        const taken = rest.copy(this.#header, this.#headerLength);
        this.#headerLength += taken;
        rest = rest.subarray(taken);
        if (this.#headerLength < HEADER_BYTES) return;
        this.#length = this.#header.readUInt32BE(0);
        this.#left = this.#length;
        this.#hmac = this.#tagging.start();
        if (this.#left === 0) this.#whole();
        continue;
      }
      const part = rest.subarray(0, this.#left);
      rest = rest.subarray(part.length);
      this.#left -= part.length;
      this.#hmac.update(part);
      this.#keep(part);
      if (this.#left === 0) this.#whole();
    }
  }

  #keep(part: Buffer): void {
    const room = (this.#length > this.#bytes_max ? HEAD_BYTES : this.#length) - this.#keptLength;
    if (room <= 0) return;
    const kept = Buffer.from(part.subarray(0, room));
    this.#kept.push(kept);
    this.#keptLength += kept.length;
  }

  #whole(): void {
    const bytes = this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept);
    const length = this.#length;
    const isGenuine = timingSafeEqual(this.#hmac.digest(), this.#header.subarray(4));
    this.#kept = [];
    this.#keptLength = 0;
    this.#headerLength = 0;
    if (!isGenuine) {
      this.#dropped++;
      return;
    }
    this.#tagging.next();
    this.#arrived(
      length > this.#bytes_max ? { kind: 'oversized', start: bytes, bytes: length } : { kind: 'frame', bytes },
    );
  }
}
