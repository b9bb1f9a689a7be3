/**
 * Asks whoever holds a directory, over its control socket. Owns one connection; when the other side goes away, whatever
 * is still waited for rejects with `space_closed`.
 */
import type { Socket } from 'node:net';
import { z } from 'zod';
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { patiently, realPlatform } from '../../platform/index.ts';
import { CONTROL_VERSION } from './control-server.ts';
import { type Line, Lines } from './lines.ts';
import { connectIn } from './place.ts';
import { readError } from './told.ts';

const greeting = z.looseObject({ control: z.int(), version: z.string(), pid: z.int() });

interface Waiting {
  item(item: unknown): void;
  done(result: unknown): void;
  failed(error: Error): void;
}

export class ControlClient {
  readonly #directory: string;
  readonly #socket: Socket;
  readonly #lines: Lines;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #pid = 0;
  #greeted: (error: Error | null) => void = () => undefined;
  /** What the owner says of no request. */
  onEvent: (event: Line) => void = () => undefined;

  private constructor(directory: string, socket: Socket) {
    this.#directory = directory;
    this.#socket = socket;
    this.#lines = new Lines(socket, (line) => this.#hear(line));
    socket.once('close', () => {
      const gone = this.#gone();
      this.#greeted(gone);
      for (const waiting of this.#waiting.values()) waiting.failed(gone);
      this.#waiting.clear();
    });
  }

  /** Null where nobody listens. */
  static async connect(directory: string, name: string): Promise<ControlClient | null> {
    let socket: Socket | null;
    try {
      socket = await connectIn(directory, name);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PowerboxError('storage_locked', `whoever holds ${directory} cannot be asked: ${why}`, {
        hint: 'It answers the user that started it.',
        cause,
      });
    }
    if (socket === null) return null;
    const client = new ControlClient(directory, socket);
    const limit = patiently(realPlatform().timers, limits.control_greeting_ms, () => client.#silent());
    const refused = await new Promise<Error | null>((resolve) => {
      client.#greeted = resolve;
    });
    limit.cancel();
    // It was closing when this one came.
    if (refused !== null && client.#pid === 0) return null;
    if (refused !== null) {
      client.close();
      throw refused;
    }
    return client;
  }

  /** The process that holds the directory. */
  get pid(): number {
    return this.#pid;
  }

  /** Whoever listens is stopped, or does nothing any more; waiting longer would tell nothing. */
  #silent(): void {
    this.#greeted(
      new PowerboxError('storage_locked', `whoever holds ${this.#directory} does not answer`, {
        hint: 'Its process is stopped, or too busy: see with ps.',
      }),
    );
    this.#pid = -1;
    this.#socket.destroy();
  }

  #gone(): PowerboxError {
    return new PowerboxError('space_closed', `whoever held ${this.#directory} has let it go before it answered`, {
      hint: 'Try again: the directory is free, or somebody else has it now.',
    });
  }

  #hear(line: Line): void {
    if (this.#pid === 0) {
      this.#hearGreeting(line);
      return;
    }
    const { id } = line;
    if (typeof id !== 'number') {
      this.onEvent(line);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if ('item' in line) {
      waiting.item(line['item']);
      return;
    }
    this.#waiting.delete(id);
    if ('error' in line) waiting.failed(readError(line['error']));
    else waiting.done(line['done']);
  }

  #hearGreeting(line: Line): void {
    const read = greeting.safeParse(line);
    if (!read.success) throw new PowerboxError('bad_request', 'the control socket is none of powerbox');
    const { control, version, pid } = read.data;
    this.#pid = pid;
    this.#greeted(
      control === CONTROL_VERSION
        ? null
        : new PowerboxError(
            'storage_locked',
            `${this.#directory} is open in process ${pid}, of version ${version}, which cannot be asked by this one`,
            { hint: `Use the command of version ${version}, or stop that process.` },
          ),
    );
  }

  #send(name: string, given: unknown, waiting: Waiting): number {
    const id = ++this.#last;
    if (this.#socket.destroyed) {
      waiting.failed(this.#gone());
      return id;
    }
    this.#waiting.set(id, waiting);
    void this.#lines.write({ id, do: name, with: given });
    return id;
  }

  ask(name: string, given: unknown = {}): Promise<unknown> {
    return new Promise((done, failed) => {
      this.#send(name, given, { item: () => undefined, done, failed });
    });
  }

  /** As `ask`, of what goes on until the signal takes it back: it is answered then. `begun` hears each item of it. */
  until(name: string, given: unknown, signal: AbortSignal, begun: () => void): Promise<unknown> {
    return new Promise((done, failed) => {
      const id = this.#send(name, given, { item: begun, done, failed });
      const stop = (): void => void this.#lines.write({ id, stop: true });
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** Items as they come; leaving the loop takes the request back. What is not taken yet keeps the owner waiting. */
  async *items(name: string, given: unknown = {}): AsyncGenerator<unknown, void> {
    const queue: unknown[] = [];
    let ended: { readonly error: Error | null } | null = null;
    let wake = (): void => undefined;
    const end = (error: Error | null): void => {
      ended = { error };
      wake();
    };
    const id = this.#send(name, given, {
      item: (item) => {
        queue.push(item);
        if (queue.length >= limits.control_items_max) this.#socket.pause();
        wake();
      },
      done: () => end(null),
      failed: end,
    });
    try {
      for (;;) {
        while (queue.length > 0) yield queue.shift();
        this.#socket.resume();
        const over = ended as { readonly error: Error | null } | null;
        if (over !== null && queue.length === 0) {
          if (over.error !== null) throw over.error;
          return;
        }
        if (queue.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#socket.resume();
      if (this.#waiting.delete(id)) void this.#lines.write({ id, stop: true });
    }
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }
}
