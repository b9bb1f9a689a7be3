/**
 * A client for tests that says exactly what a test wants said, over a real WebSocket: it keeps what comes, sends no ack
 * by itself, and never connects again.
 */
import { WebSocket } from 'ws';
import { PowerboxError } from '../../src/errors.ts';
import type { List, Value } from '../../src/values/index.ts';
import {
  Capability,
  clientForm,
  clientParts,
  clientSealing,
  type ClientMessage,
  decodeFrame,
  frameOf,
  type Hello,
  MessageEncoder,
  type Parts,
  readServerMessage,
  type Request,
  type ServerMessage,
  type SessionKey,
  type Welcome,
  type WireError,
} from '../../src/wire/index.ts';

type WithoutId<R> = R extends { readonly id: number } ? Omit<R, 'id'> : never;
export type Ask = WithoutId<Request>;

export type Answer = { readonly value: Value } | { readonly error: WireError };

export class RawClient {
  readonly socket: WebSocket;
  readonly came: ServerMessage[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  welcome: Welcome | null = null;
  /** Number of the newest delivery that came. */
  newest = 0;
  #ids = 0;
  readonly #looks = new Set<() => void>();
  readonly #encoder = new MessageEncoder(clientSealing);

  private constructor(url: string, options: { readonly headers?: Record<string, string> }) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    this.socket.binaryType = 'nodebuffer';
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#look();
      });
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => {
      for (const parts of decodeFrame(data as Buffer, clientForm)) this.#take(readServerMessage(parts));
      this.#look();
    });
  }

  /** Opens a connection and says nothing. */
  static async dial(url: string, headers: Record<string, string> = {}): Promise<RawClient> {
    const client = new RawClient(url, { headers });
    await new Promise<void>((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  /** Says hello; rejects with what the service says instead of a welcome. */
  static async connect(url: string, hello: Partial<Hello> = {}): Promise<RawClient> {
    const client = await RawClient.dial(url);
    await client.hello(hello);
    return client;
  }

  async hello(hello: Partial<Hello>): Promise<Welcome> {
    this.say({ kind: 'hello', versions: [1], token: 'alice', space: null, session: null, client: 'test', ...hello });
    const found = await this.until((message) => message.kind === 'welcome' || message.kind === 'bye');
    if (found.kind === 'bye') throw failure(found.error);
    this.welcome = found as Welcome;
    this.#ids = this.welcome.applied;
    return this.welcome;
  }

  get powerbox(): Capability {
    const { powerbox } = this.welcome as Welcome;
    if (!(powerbox instanceof Capability)) throw new Error('no powerbox came');
    return powerbox;
  }

  /** What this session is gone on with. */
  key(handled = this.newest): SessionKey {
    const { session, secret } = this.welcome as Welcome;
    return { id: session, secret, handled };
  }

  /** The next id. */
  id(): number {
    return ++this.#ids;
  }

  frame(messages: readonly Parts[]): void {
    this.socket.send(frameOf(messages.map((parts) => this.#encoder.encode(parts))));
  }

  say(...messages: readonly ClientMessage[]): void {
    this.frame(messages.map(clientParts));
  }

  /** Sends one request and resolves with its last answer; null stands for one that has none. */
  async ask(ask: Ask): Promise<Value> {
    const id = this.id();
    this.say({ ...ask, id } as Request);
    return resultOf(await this.answer(id, ask.kind));
  }

  /** Fresh names. */
  async names(count: number): Promise<readonly Capability[]> {
    const value = await this.ask({ kind: 'names', count });
    return (value as List).items.map((name) => {
      if (!(name instanceof Capability)) throw new Error('what came is no capability');
      return name;
    });
  }

  /** The answer of a request that was sent. */
  async answer(id: number, kind?: string): Promise<Answer> {
    const isVoid = kind !== undefined && ['produce', 'release', 'cancel', 'credit'].includes(kind);
    const found = await this.until(
      (message) =>
        (message.kind === 'deliver' && message.id === id && message.last) ||
        (message.kind === 'error' && message.id === id) ||
        (isVoid && message.kind === 'applied' && message.id >= id),
    );
    if (found.kind === 'error') return { error: found.error };
    return { value: found.kind === 'deliver' ? found.value : null };
  }

  /** All that a request has brought so far. */
  deliveries(id: number): readonly Value[] {
    return this.came.flatMap((message) => (message.kind === 'deliver' && message.id === id ? [message.value] : []));
  }

  numbers(): readonly number[] {
    return this.came.flatMap((message) =>
      message.kind === 'deliver' || message.kind === 'error' ? [message.number] : [],
    );
  }

  /** The first message that fits, of those that came or of those that come; rejects when the connection ends. */
  async until(fits: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    for (;;) {
      const found = this.came.find(fits);
      if (found !== undefined) return found;
      const bye = this.came.find((message) => message.kind === 'bye');
      if (bye !== undefined) throw failure(bye.error);
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('the connection has ended');
      await new Promise<void>((resolve) => this.#looks.add(resolve));
    }
  }

  /** Cuts the connection as a broken network does. */
  async drop(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  #take(message: ServerMessage): void {
    this.came.push(message);
    if (message.kind === 'deliver' || message.kind === 'error') this.newest = Math.max(this.newest, message.number);
  }

  #look(): void {
    for (const look of [...this.#looks]) {
      this.#looks.delete(look);
      look();
    }
  }
}

export function resultOf(answer: Answer): Value {
  if ('error' in answer) throw failure(answer.error);
  return answer.value;
}

/** The only message of a take, as its values. */
export function messageIn(value: Value): readonly Value[] | null {
  if (value === null) return null;
  const [message] = (value as List).items;
  return (message as List).items;
}

function failure({ code, message, hint }: WireError): PowerboxError {
  return new PowerboxError(code as PowerboxError['code'], message, { hint });
}
