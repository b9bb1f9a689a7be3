/** A trace in memory: for tests and other programs that keep it themselves. */
import type { TraceBytes } from './blocks.ts';
import type { TraceSink } from './writer.ts';

export class MemoryTrace implements TraceSink {
  #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  close(): void {}

  /** All that was written so far. */
  bytes(): Uint8Array {
    const whole = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [whole];
    return whole;
  }
}

export function bytesOf(trace: Uint8Array): TraceBytes {
  return {
    size: trace.length,
    read: (at, length) => trace.subarray(at, at + length),
    close: () => {},
  };
}
