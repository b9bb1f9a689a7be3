/**
 * Where the console of programs leads, and the console of this process. Owns nothing but what `Input` keeps of
 * standard input; a stream that fails is an error of the call that wrote, never of the process.
 */
import type { Writable } from 'node:stream';
import { Input, type InputStream } from './input.ts';

export interface Console {
  /** Resolves when the bytes have been taken. `deploy` says whose they are, where that is known. */
  stdout(bytes: Uint8Array, deploy?: number): Promise<void>;
  stderr(bytes: Uint8Array, deploy?: number): Promise<void>;
  /** The next line without its newline, null at the end. An aborted call takes no line. */
  readLine(signal: AbortSignal): Promise<string | null>;
  /** The next bytes, at least one and at most `count`, null at the end. Absent: this console has lines only. */
  readBytes?(count: number, signal: AbortSignal): Promise<Uint8Array | null>;
}

export interface ConsoleStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: InputStream;
}

export function streamConsole(streams: ConsoleStreams): Required<Console> {
  const input = new Input(streams.stdin);
  return {
    stdout: writerOf(streams.stdout),
    stderr: writerOf(streams.stderr),
    readLine: (signal) => input.line(signal),
    readBytes: (count, signal) => input.bytes(count, signal),
  };
}

/** The error of a write is also an event of its stream; without a listener that would end the process. */
function writerOf(stream: Writable): (bytes: Uint8Array) => Promise<void> {
  let listening = false;
  return (bytes) =>
    new Promise((resolve, reject) => {
      if (!listening) stream.on('error', () => {});
      listening = true;
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
}
