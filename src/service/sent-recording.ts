/**
 * A recording of a space that goes over one connection, as far as its client lets bytes come. Owns the recording: it ends
 * with the connection. What is not sent waits where recordings wait, which is bounded; past it the recording breaks off.
 */
import { type RecordingStream, wireError } from '../embedding/index.ts';
import { limits } from '../limits.ts';
import type { ServerMessage } from '../wire/index.ts';

export interface SentRecordingOptions {
  /** Bytes that may be sent at once. */
  readonly credit: number;
  /** Rejects when the holder may not. */
  readonly open: () => Promise<RecordingStream>;
  readonly send: (message: ServerMessage) => void;
}

export class SentRecording {
  readonly #send: (message: ServerMessage) => void;
  #credit: number;
  #stream: RecordingStream | null = null;
  #stopped = false;
  #left = false;
  #over = false;
  #allowed: (() => void) | null = null;

  constructor({ credit, open, send }: SentRecordingOptions) {
    this.#send = send;
    this.#credit = credit;
    void this.#run(open);
  }

  get isOver(): boolean {
    return this.#over;
  }

  allow(more: number): void {
    this.#credit = Math.min(limits.wire_record_credit_max, this.#credit + more);
    this.#allowed?.();
  }

  /** All that is durable by now is sent, and the trace is whole. */
  stop(): void {
    this.#stopped = true;
    // Why it broke off is heard by who reads it.
    this.#stream?.stop().catch(() => {});
  }

  /** The connection is gone. */
  leave(): void {
    this.#left = true;
    void this.#stream?.return?.();
    this.#allowed?.();
  }

  async #run(open: () => Promise<RecordingStream>): Promise<void> {
    try {
      const stream = await open();
      this.#stream = stream;
      if (this.#left) {
        await stream.return?.();
        return;
      }
      if (this.#stopped) this.stop();
      for await (const bytes of stream) await this.#sent(bytes);
      this.#over = true;
      this.#send({ kind: 'record-over', error: null });
    } catch (error) {
      this.#over = true;
      this.#send({ kind: 'record-over', error: wireError(error) });
    }
  }

  async #sent(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      while (this.#credit === 0 && !this.#left)
        await new Promise<void>((resolve) => {
          this.#allowed = resolve;
        });
      if (this.#left) return;
      const end = Math.min(bytes.length, at + Math.min(this.#credit, limits.wire_record_bytes_max));
      this.#credit -= end - at;
      this.#send({ kind: 'recorded', bytes: bytes.subarray(at, end) });
      at = end;
    }
  }
}
