/**
 * Traces as files. Writing is handed to the operating system and not awaited on the disk: a trace is no journal, and
 * what a crash leaves of it is refused as cut off. One that is there already is never written over.
 */
import { closeSync, constants, fstatSync, openSync, readSync, rmSync, writeSync, writev } from 'node:fs';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { TraceBytes } from './blocks.ts';
import type { TraceSink } from './writer.ts';

/** Pieces that one call writes; systems take no more than 1024. */
const PARTS_MAX = 64;

export function createTraceFile(file: string): TraceSink {
  return new TraceFile(opened(file, 'wx', 'written'));
}

/**
 * Written in a thread of Node's, one call at a time, while what is recorded goes on. Every piece has its place, so whoever
 * cannot wait writes what is under way once more: the same bytes to the same place.
 */
class TraceFile implements TraceSink {
  readonly #handle: number;
  /** Not in the file yet, the oldest first, from `#at` on; the first of them are being written. */
  #parts: Uint8Array[] = [];
  #waiting_bytes = 0;
  #at = 0;
  #isWriting = false;
  /** A call is asked for, with all that will have been written by then. */
  #isSoon = false;
  #isClosed = false;
  #error: Error | null = null;
  #heard: (error: Error) => void = () => {};

  constructor(handle: number) {
    this.#handle = handle;
  }

  onFailure(heard: (error: Error) => void): void {
    this.#heard = heard;
  }

  write(bytes: Uint8Array): void {
    if (this.#error !== null) throw this.#error;
    this.#parts.push(bytes);
    this.#waiting_bytes += bytes.length;
    if (this.#waiting_bytes > limits.trace_pending_bytes_max) this.#writeNow();
    else this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#isSoon || this.#isWriting) return;
    this.#isSoon = true;
    queueMicrotask(() => {
      this.#isSoon = false;
      this.#writeOn();
    });
  }

  #writeOn(): void {
    if (this.#isWriting || this.#isClosed || this.#parts.length === 0) return;
    this.#isWriting = true;
    const at = this.#at;
    writev(this.#handle, this.#parts.slice(0, PARTS_MAX), at, (error, written) => {
      this.#isWriting = false;
      if (this.#isClosed) {
        closeSync(this.#handle);
        return;
      }
      // Somebody who could not wait has written it meanwhile.
      if (this.#at === at) {
        if (error !== null) {
          this.#fail(error);
          this.#heard(error);
          return;
        }
        this.#written(written);
      }
      this.#writeOn();
    });
  }

  #writeNow(): void {
    try {
      for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0])
        this.#written(writeSync(this.#handle, part, 0, part.length, this.#at));
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    }
  }

  /** So many of the bytes that wait are in the file. */
  #written(count: number): void {
    this.#at += count;
    this.#waiting_bytes -= count;
    const parts = this.#parts;
    let whole = 0;
    let left = count;
    for (let part = parts[0]; part !== undefined && part.length <= left; part = parts[whole]) {
      left -= part.length;
      whole++;
    }
    parts.splice(0, whole);
    if (left > 0) parts[0] = (parts[0] as Uint8Array).subarray(left);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#parts = [];
    this.#waiting_bytes = 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#writeNow();
    } finally {
      // A call under way needs it: it is closed behind that.
      if (!this.#isWriting) closeSync(this.#handle);
    }
  }
}

/** Takes back a file that was created here and is of no use to anybody. */
export function removeTraceFile(file: string): void {
  rmSync(file, { force: true });
}

export function openTraceFile(file: string): TraceBytes {
  const handle = opened(file, 'r', 'read');
  const status = fstatSync(handle);
  if (!status.isFile()) {
    closeSync(handle);
    throw refused(file, 'read', status.isDirectory() ? 'it is a directory, not a file' : 'it is no file');
  }
  const { size } = status;
  return {
    size,
    read(at, length, into) {
      const most = Math.max(0, Math.min(length, size - at));
      const bytes = into !== undefined && into.length >= most ? into.subarray(0, most) : new Uint8Array(most);
      let read = 0;
      while (read < bytes.length) {
        const more = readSync(handle, bytes, read, bytes.length - read, at + read);
        if (more === 0) break;
        read += more;
      }
      return bytes.subarray(0, read);
    },
    close: () => closeSync(handle),
  };
}

function opened(file: string, flags: 'r' | 'wx', verb: string): number {
  try {
    // A pipe that nobody writes to would be waited for.
    return openSync(file, flags === 'r' ? constants.O_RDONLY | constants.O_NONBLOCK : flags);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const missing = flags === 'r' ? 'it is not there' : 'the directory is not there';
    const why = code === 'EEXIST' ? 'it is there already' : code === 'ENOENT' ? missing : String(code);
    throw refused(file, verb, why, cause, code === 'EEXIST' ? 'Give another name, or take that file away.' : '');
  }
}

function refused(file: string, verb: string, why: string, cause?: unknown, hint = ''): PowerboxError {
  return new PowerboxError('config_invalid', `the trace ${file} cannot be ${verb}: ${why}`, { hint, cause });
}
