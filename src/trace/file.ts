/**
 * Traces as files. Writing is handed to the operating system and not awaited on the disk: a trace is no journal, and
 * what a crash leaves of it is refused as cut off. One that is there already is never written over.
 */
import { closeSync, constants, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { PowerboxError } from '../errors.ts';
import type { TraceBytes } from './blocks.ts';
import type { TraceSink } from './writer.ts';

export function createTraceFile(file: string): TraceSink {
  const handle = opened(file, 'wx', 'written');
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at);
    },
    close: () => closeSync(handle),
  };
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
