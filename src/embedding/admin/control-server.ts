/**
 * Answers on a control socket. A connection begins with one line that says who listens; then each request is
 * `{id, do, with}`, and is answered by any number of `{id, item}` and one `{id, done}` or `{id, error}`. `{id, stop}` takes
 * a request back. Lines without an id are events of the connection.
 *
 * Owns the connections. Whoever connects may do all that the owner of the directory may do: the mode of the socket is
 * what keeps others out. Must never let one caller's slowness hold up the space: what is not taken is waited for.
 */
import type { Server, Socket } from 'node:net';
import { z } from 'zod';
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { VERSION } from '../../version.ts';
import { type Line, Lines } from './lines.ts';
import { listenIn, processFacts, unlistenIn } from './place.ts';
import { tellError } from './told.ts';

/** Of what is said on the socket, as a whole. */
export const CONTROL_VERSION = 1;

/** One connection. */
export interface Caller {
  /** Said to this connection, of no request; false: it is gone. */
  event(event: Line): Promise<boolean>;
  /** Aborted when the connection is gone. */
  readonly gone: AbortSignal;
}

/** One request. */
export interface Asked {
  readonly caller: Caller;
  /** Aborted when the request is taken back, or its connection is gone. */
  readonly signal: AbortSignal;
  /** Resolves when it has been taken; false: nobody wants more. */
  item(item: unknown): Promise<boolean>;
}

/** Checks what a request came with, and does it. */
export type ControlMethod = (given: unknown, asked: Asked) => Promise<unknown>;

export function controlMethod<S extends z.ZodType>(
  schema: S,
  run: (given: z.output<S>, asked: Asked) => unknown,
): ControlMethod {
  return async (given, asked) => {
    const read = schema.safeParse(given);
    if (!read.success)
      throw new PowerboxError('bad_request', `what was asked is not understood: ${faults(read.error)}`);
    return run(read.data, asked);
  };
}

function faults({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}

const request = z.union([
  z.strictObject({ id: z.int().min(1), do: z.string().max(64), with: z.unknown() }),
  z.strictObject({ id: z.int().min(1), stop: z.literal(true) }),
]);

export interface ControlOptions {
  /** Absolute; this process holds it. */
  readonly directory: string;
  readonly name: string;
  /** Tells apart what several processes make at one time. */
  readonly tag: string;
  readonly methods: Readonly<Record<string, ControlMethod>>;
}

export class ControlServer {
  readonly #options: ControlOptions;
  readonly #connections = new Set<Connection>();
  #server: Server | null = null;

  private constructor(options: ControlOptions) {
    this.#options = options;
  }

  static async open(options: ControlOptions): Promise<ControlServer> {
    const control = new ControlServer(options);
    const { directory, name, tag } = options;
    control.#server = await listenIn(directory, { name, tag, accept: (socket) => control.#accept(socket) });
    return control;
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= limits.control_connections_max) {
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, this.#options.methods);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  /** Called before the directory is let go. What callers wait for ends here; they find the directory free. */
  async close(): Promise<void> {
    const { directory, name } = this.#options;
    await unlistenIn(directory, name);
    const closed = new Promise<void>((resolve) => {
      if (this.#server === null) resolve();
      else this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.end();
    await closed;
  }
}

class Connection implements Caller {
  readonly #socket: Socket;
  readonly #methods: Readonly<Record<string, ControlMethod>>;
  readonly #lines: Lines;
  readonly #gone = new AbortController();
  readonly #under = new Map<number, AbortController>();

  constructor(socket: Socket, methods: Readonly<Record<string, ControlMethod>>) {
    this.#socket = socket;
    this.#methods = methods;
    this.#lines = new Lines(socket, (line) => this.#hear(line));
    socket.once('close', () => {
      this.#gone.abort();
      for (const stop of this.#under.values()) stop.abort();
    });
    void this.#lines.write({ control: CONTROL_VERSION, version: VERSION, pid: processFacts().pid });
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  event(event: Line): Promise<boolean> {
    return this.#lines.write(event);
  }

  /** What has been answered still arrives. */
  end(): void {
    this.#socket.end();
    // Whoever does not read is not waited for.
    this.#socket.destroySoon();
  }

  #hear(line: Line): void {
    const read = request.safeParse(line);
    if (!read.success) throw new PowerboxError('bad_request', 'a line is no request');
    const { id } = read.data;
    if ('stop' in read.data) {
      this.#under.get(id)?.abort();
      return;
    }
    if (this.#under.has(id)) throw new PowerboxError('bad_request', `the request ${id} is under way already`);
    void this.#answer(id, read.data.do, read.data.with);
  }

  async #answer(id: number, name: string, given: unknown): Promise<void> {
    const stop = new AbortController();
    try {
      if (this.#under.size >= limits.control_requests_max)
        throw new PowerboxError(
          'bad_request',
          `one connection asks ${limits.control_requests_max} things at once at most`,
        );
      this.#under.set(id, stop);
      const method = Object.hasOwn(this.#methods, name) ? this.#methods[name] : undefined;
      if (method === undefined)
        throw new PowerboxError(
          'method_unknown',
          `whoever holds this directory cannot be asked for ${JSON.stringify(name)}`,
        );
      const done = await method(given, {
        caller: this,
        signal: stop.signal,
        item: (item) => (stop.signal.aborted ? Promise.resolve(false) : this.#lines.write({ id, item })),
      });
      this.#under.delete(id);
      await this.#lines.write({ id, done: done ?? null });
    } catch (error) {
      this.#under.delete(id);
      await this.#lines.write({ id, error: tellError(error) });
    }
  }
}
