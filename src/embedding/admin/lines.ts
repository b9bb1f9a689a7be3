/**
 * JSON objects over a stream, one a line: what is said on a control socket. Owns the buffer of what has not ended
 * yet; a line that is too long, or is no JSON object, ends the connection.
 */
import type { Socket } from 'node:net';
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';

export type Line = Readonly<Record<string, unknown>>;

export class Lines {
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #held_bytes = 0;

  /** `onLine` may throw: that is a mistake of the other side, and ends the connection, too. */
  constructor(socket: Socket, onLine: (line: Line) => void) {
    this.#socket = socket;
    // Whoever goes away is told of by `close`.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#read(chunk, onLine);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
  }

  #read(chunk: Buffer, onLine: (line: Line) => void): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      const text = Buffer.concat(this.#pieces).toString('utf8');
      this.#pieces = [];
      this.#held_bytes = 0;
      from = end + 1;
      onLine(lineOf(text));
      if (this.#socket.destroyed) return;
    }
    this.#hold(chunk.subarray(from));
  }

  #hold(bytes: Buffer): void {
    this.#held_bytes += bytes.length;
    if (this.#held_bytes > limits.control_line_bytes_max)
      throw new PowerboxError('bad_request', `a line is at most ${limits.control_line_bytes_max} bytes`);
    if (bytes.length > 0) this.#pieces.push(bytes);
  }

  /** Resolves when the line has been taken; false: the other side is gone. */
  write(line: Line): Promise<boolean> {
    if (!this.#socket.writable) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#socket.write(`${JSON.stringify(line)}\n`, (error) => resolve(error === undefined || error === null));
    });
  }
}

function lineOf(text: string): Line {
  const line: unknown = JSON.parse(text);
  if (typeof line !== 'object' || line === null || Array.isArray(line))
    throw new PowerboxError('bad_request', 'a line is a JSON object');
  return line as Line;
}
