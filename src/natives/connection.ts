/**
 * One connection to one host: its hello, its calls until each is answered, and its end. Owns the numbers of requests
 * and who waits for which; decides nothing about what an end means. What a host says wrongly is counted and costs at
 * most the call that it belongs to, never the connection.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable, Timers } from '../platform/index.ts';
import { Bytes, fromValue, list, type Value } from '../values/index.ts';
import { type DeclarationSource, declarationSource } from './declaration.ts';
import type { Arrival, Launcher, Link } from './link.ts';
import {
  type AnswerFields,
  type BadFrame,
  decodeFrame,
  encodeFrame,
  type Frame,
  headOf,
  HOST_PROTOCOL_VERSION,
  isFault,
  readFields,
  TO_NODE,
  type ToHostKind,
  type ToNode,
} from './protocol.ts';

/** How a request ended: answered, answered with something that is no answer, or cut off with the connection. */
export type Reply =
  | { readonly kind: 'answer'; readonly fields: AnswerFields }
  | { readonly kind: 'bad'; readonly reason: string }
  /** It was not sent: it is larger than a host takes. */
  | { readonly kind: 'large'; readonly bytes: number }
  | { readonly kind: 'gone'; readonly reason: string };

export interface Welcome {
  readonly declarations: readonly DeclarationSource[];
  readonly store: boolean;
  /** Effects that it has prepared and neither finished nor dropped. */
  readonly prepared: readonly Uint8Array[];
  /** It takes the place of its calls in a trace. */
  readonly traces: boolean;
}

export interface ConnectionOptions {
  readonly native: string;
  /** By which a host knows this node's space again, and what it has prepared for it. */
  readonly client: Uint8Array;
  readonly message_bytes_max: number;
  readonly start_ms_max: number;
  /** Milliseconds without a word after which it is taken for gone; null: only its end is its end. */
  readonly silent_ms_max: number | null;
  readonly timers: Timers;
  readonly onLog: (log: ToNode<'log'>) => void;
  readonly onShutdown: (reason: string) => void;
  readonly onPush: (id: number, push: ToNode<'push'>) => void;
  readonly onFail: (id: number, fail: ToNode<'fail'>) => void;
  readonly onEnd: (reason: string) => void;
}

export class HostConnection {
  readonly #options: ConnectionOptions;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #link: Link | null = null;
  #next = 1;
  #ended: string | null = null;
  #welcome: Welcome | null = null;
  #onWelcome: ((welcome: Welcome | PowerboxError) => void) | null = null;
  #garbage = 0;
  #hostDropped = 0;
  #memory_bytes: number | null = null;
  #beat: Cancellable | null = null;
  /** Looks since a word of it came. */
  #unheard = 0;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Launches, greets and is welcomed within the time for it; else `host_failed`, with the host's own words. */
  static async open(launcher: Launcher, options: ConnectionOptions): Promise<HostConnection> {
    const connection = new HostConnection(options);
    const welcomed = new Promise<Welcome | PowerboxError>((resolve) => {
      connection.#onWelcome = resolve;
    });
    const { native, start_ms_max, timers } = options;
    const late = timers.after(start_ms_max, () => {
      connection.#refuse(`it has not answered within ${start_ms_max} ms`);
    });
    try {
      const link = await launcher.launch({
        arrived: (arrival) => connection.#arrived(arrival),
        ended: (reason) => connection.#end(reason),
      });
      connection.#link = link;
      // It may have ended, or its time may be over, before there was a link to end.
      if (connection.#ended !== null) link.destroy();
      else connection.#hello();
      const welcome = await welcomed;
      if (welcome instanceof PowerboxError) throw welcome;
      connection.#listen();
      return connection;
    } catch (error) {
      // Its time may have been over before there was anything that could be ended for that.
      const ended = connection.#ended;
      connection.destroy();
      if (error instanceof PowerboxError && (error.code === 'host_failed' || error.code === 'declaration_invalid'))
        throw error;
      throw hostFailed(native, ended ?? (error instanceof Error ? error.message : 'it could not be started'));
    } finally {
      late.cancel();
      connection.#onWelcome = null;
    }
  }

  get welcome(): Welcome {
    if (this.#welcome === null) throw new Error('a connection is used once it is welcome');
    return this.#welcome;
  }

  get where(): string {
    return this.#link?.where ?? '';
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Messages that were none, of frames that came from the host. */
  get garbage(): number {
    return this.#garbage;
  }

  /** Frames without the proof of where they come from, at this end and, as far as it has told, at the other. */
  get dropped(): number {
    return (this.#link?.dropped ?? 0) + this.#hostDropped;
  }

  /** What it uses, as it has told last; null where it does not tell. */
  get memory_bytes(): number | null {
    return this.#memory_bytes;
  }

  #hello(): void {
    const { native, client, message_bytes_max } = this.#options;
    this.tell('hello', 0, {
      versions: list([HOST_PROTOCOL_VERSION]),
      native,
      client: new Bytes(client),
      message_bytes_max,
    });
  }

  tell(kind: ToHostKind, id: number, body: Readonly<Record<string, Value | undefined>>): void {
    if (this.#ended === null) this.#link?.send(encodeFrame(kind, id, body));
  }

  /** One request; resolves however it ends. `begun` is told its number. */
  request(
    kind: 'call' | 'ask' | 'finish' | 'drop',
    body: Readonly<Record<string, Value | undefined>>,
    begun?: (id: number) => void,
  ): Promise<Reply> {
    if (this.#ended !== null) return Promise.resolve({ kind: 'gone', reason: this.#ended });
    const id = this.#next++;
    const bytes = encodeFrame(kind, id, body);
    if (bytes.length > limits.host_message_bytes_max) return Promise.resolve({ kind: 'large', bytes: bytes.length });
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#link?.send(bytes);
      begun?.(id);
    });
  }

  cancel(id: number): void {
    if (this.#waiting.has(id)) this.tell('cancel', id, {});
  }

  destroy(): void {
    this.#link?.destroy();
    this.#end('it was left');
  }

  #listen(): void {
    const { timers, silent_ms_max } = this.#options;
    const period_ms = silent_ms_max === null ? limits.host_ping_ms : Math.ceil(silent_ms_max / 2);
    const beat = (): void => {
      this.#unheard++;
      // Not at the first look: a node that stood still itself looks late, and reads behind it what came meanwhile.
      if (silent_ms_max !== null && this.#unheard > 2) {
        this.#link?.destroy();
        this.#end(`nothing was heard of it for ${silent_ms_max} ms`);
        return;
      }
      this.tell('ping', 0, {});
      this.#beat = timers.after(period_ms, beat);
    };
    if (this.#ended !== null) return;
    // Asked at once, too: its answer tells what it uses.
    this.tell('ping', 0, {});
    this.#beat = timers.after(period_ms, beat);
  }

  #end(reason: string): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#beat?.cancel();
    this.#onWelcome?.(hostFailed(this.#options.native, reason));
    for (const resolve of this.#waiting.values()) resolve({ kind: 'gone', reason });
    this.#waiting.clear();
    if (this.#welcome !== null) this.#options.onEnd(reason);
  }

  #refuse(reason: string): void {
    this.#link?.destroy();
    this.#end(reason);
  }

  // -------------------------------------------------------------- what a host says

  #arrived(arrival: Arrival): void {
    if (this.#ended !== null) return;
    this.#unheard = 0;
    if (arrival.kind === 'oversized') {
      const { kind, id } = headOf(arrival.start);
      const { message_bytes_max } = this.#options;
      this.#bad({ kind, id, reason: `it has ${arrival.bytes} bytes, and at most ${message_bytes_max} are taken` });
      return;
    }
    const frame = decodeFrame(arrival.bytes);
    if ('reason' in frame) this.#bad(frame);
    else this.#said(frame);
  }

  /** A message that is none. Whoever waits for it hears so; else it is counted and that is all. */
  #bad({ kind, id, reason }: BadFrame): void {
    this.#garbage++;
    if (this.#welcome === null) this.#refuse(`it said something that is no message: ${reason}`);
    else if (kind === 'answer') this.#answer(id, { kind: 'bad', reason });
  }

  #said({ kind, id, body }: Frame): void {
    const schema = Object.hasOwn(TO_NODE, kind) ? TO_NODE[kind as keyof typeof TO_NODE] : undefined;
    const read: object =
      schema === undefined
        ? { fault: `there is no message ${JSON.stringify(kind.slice(0, 32))}` }
        : readFields(schema, body);
    if (isFault(read)) {
      this.#bad({ kind, id, reason: read.fault });
      return;
    }
    if (this.#welcome === null && kind !== 'welcome' && kind !== 'failed' && kind !== 'log') {
      this.#bad({ kind, id, reason: 'it speaks before it has said welcome' });
      return;
    }
    const { onLog, onShutdown, onPush, onFail } = this.#options;
    switch (kind) {
      case 'welcome':
        this.#welcomed(read as ToNode<'welcome'>);
        return;
      case 'failed':
        if (this.#welcome === null) this.#refuse((read as ToNode<'failed'>).message);
        return;
      case 'answer':
        this.#answer(id, { kind: 'answer', fields: read as AnswerFields });
        return;
      case 'push':
        onPush(id, read as ToNode<'push'>);
        return;
      case 'fail':
        onFail(id, read as ToNode<'fail'>);
        return;
      case 'pong':
        this.#ponged(read as ToNode<'pong'>);
        return;
      case 'log':
        onLog(read as ToNode<'log'>);
        return;
      case 'shutdown':
        onShutdown((read as ToNode<'shutdown'>).reason);
    }
  }

  #ponged({ dropped, memory_bytes }: ToNode<'pong'>): void {
    this.#hostDropped = dropped;
    this.#memory_bytes = memory_bytes ?? null;
  }

  #welcomed({ version, declarations, store, prepared, traces = false }: ToNode<'welcome'>): void {
    if (this.#welcome !== null) {
      this.#garbage++;
      return;
    }
    if (version !== HOST_PROTOCOL_VERSION) {
      this.#refuse(`it speaks version ${version} of the protocol, and this node ${HOST_PROTOCOL_VERSION}`);
      return;
    }
    const read = declarations.map((declaration) => declarationSource.safeParse(fromValue(declaration)));
    const refused = read.find(({ success }) => !success);
    if (refused?.error !== undefined) {
      const [issue] = refused.error.issues;
      this.#refuse(`what it announces is no declaration: ${issue?.path.join('.')}: ${issue?.message}`);
      return;
    }
    const announced = read.flatMap(({ data }) => (data === undefined ? [] : [data]));
    this.#welcome = { declarations: announced, store, prepared, traces };
    this.#onWelcome?.(this.#welcome);
  }

  #answer(id: number, reply: Reply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      this.#garbage++;
      return;
    }
    this.#waiting.delete(id);
    waiting(reply);
  }
}

export function hostFailed(native: string, reason: string): PowerboxError {
  return new PowerboxError('host_failed', `the host of ${native} cannot be used: ${reason}`, {
    hint: 'What it said stands in the log; powerbox starts without it where it is not required.',
  });
}
