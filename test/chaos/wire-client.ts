/**
 * A client of the wire that keeps its half of the promises by hand, and watches that the server keeps the other: it
 * sends again what was not applied (and at times what was), handles each delivery once, and knows what each number held.
 * Its connection may be cut, its memory lost down to a stored cursor; its session goes on.
 */
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import {
  clientForm,
  clientParts,
  clientSealing,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readServerMessage,
  type Request,
  type ServerMessage,
  WIRE_PROTOCOL,
  WIRE_VERSION,
  type WireError,
} from '../../src/wire/index.ts';
import { encodeValue, type Value } from '../../src/values/index.ts';

export interface Delivered {
  readonly id: number;
  readonly value: Value;
  readonly error: WireError | null;
  readonly last: boolean;
}

export interface Watcher {
  /** A delivery that this client handles: the first time that it has this number in this life. */
  handled(client: WireClient, number: number, delivered: Delivered): void;
  /** All requests up to this one were applied. */
  applied(client: WireClient, id: number): void;
  /** The server has broken a promise. */
  broken(error: unknown): void;
}

/** What a client that is killed finds again. */
interface Cursor {
  readonly handled: number;
}

type Ask = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never;

export class WireClient {
  readonly name: string;
  readonly holder: string;
  readonly #watcher: Watcher;
  readonly #random: () => number;
  readonly #encoder = new MessageEncoder(clientSealing);
  #socket: WebSocket | null = null;
  #isOpen = false;
  #session: { readonly id: number; readonly secret: Uint8Array } | null = null;
  /** Requests by id: what may have to be sent again. */
  readonly #requests = new Map<number, Uint8Array>();
  #lastId = 0;
  #applied = 0;
  #handled = 0;
  #acknowledged = 0;
  #stored: Cursor = { handled: 0 };
  /** What each number held, in whatever life of this client it came. */
  readonly #held = new Map<number, string>();
  /** Numbers that came again, to a client that had been killed: at least once is what it is promised. */
  repeated = 0;
  resumed = 0;
  #unsent: Uint8Array[] = [];

  /** One that may be killed says of its deliveries that they are handled when its cursor has them, and not before. */
  readonly isMortal: boolean;

  constructor(name: string, holder: string, watcher: Watcher, random: () => number, isMortal: boolean) {
    this.name = name;
    this.holder = holder;
    this.isMortal = isMortal;
    this.#watcher = watcher;
    this.#random = random;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Requests that are not known to be applied. */
  get outstanding(): number {
    return this.#lastId - this.#applied;
  }

  /** Whether it has handled what its cursor does not have: killed now, it is told that again. */
  get hasUnstored(): boolean {
    return this.#handled > this.#stored.handled;
  }

  /** Whether everything that it was told in an earlier life has come again. */
  get isToldAgain(): boolean {
    return this.#handled >= this.#held.size;
  }

  /** Resolves when it is welcomed, or the connection is gone. */
  connect(port: number): Promise<boolean> {
    assert(this.#socket === null, 'connected already');
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, WIRE_PROTOCOL, { perMessageDeflate: false });
    this.#socket = socket;
    return new Promise((resolve) => {
      socket.on('error', () => {});
      socket.once('open', () => {
        const handled = this.isMortal ? this.#stored.handled : this.#handled;
        const session = this.#session === null ? null : { ...this.#session, handled };
        socket.send(
          frameOf([
            this.#encoder.encode(
              clientParts({
                kind: 'hello',
                versions: [WIRE_VERSION],
                token: this.holder,
                space: null,
                session,
                client: this.name,
              }),
            ),
          ]),
        );
      });
      socket.on('message', (data: Buffer) => {
        if (socket !== this.#socket) return;
        try {
          for (const parts of decodeFrame(data, clientForm)) this.#said(readServerMessage(parts), resolve);
        } catch (error) {
          this.#watcher.broken(error);
          this.cut();
        }
      });
      socket.once('close', () => {
        if (this.#socket === socket) {
          this.#socket = null;
          this.#isOpen = false;
        }
        resolve(false);
      });
    });
  }

  /** Sends a request, now or when there is a connection. Answers its id. */
  ask(request: Ask): number {
    const id = ++this.#lastId;
    const bytes = this.#encoder.encode(clientParts({ ...request, id } as Request));
    this.#requests.set(id, bytes);
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) queueMicrotask(() => this.#flush());
    return id;
  }

  /** The line goes dead without a word. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    socket?.terminate();
  }

  /** All that it had in memory since its cursor was stored is lost, but for what it has asked: that is in its program. */
  kill(): void {
    this.cut();
    this.#handled = this.#stored.handled;
    this.#acknowledged = this.#handled;
  }

  storeCursor(): void {
    this.#stored = { handled: this.#handled };
  }

  acknowledge(): void {
    const number = this.isMortal ? this.#stored.handled : this.#handled;
    if (!this.#isOpen || number <= this.#acknowledged) return;
    this.#acknowledged = number;
    this.#send([this.#encoder.encode(clientParts({ kind: 'ack', number }))]);
  }

  #flush(): void {
    if (!this.#isOpen) return;
    const messages = this.#unsent;
    this.#unsent = [];
    if (messages.length > 0) this.#send(messages);
  }

  #send(messages: readonly Uint8Array[]): void {
    this.#socket?.send(frameOf(messages));
  }

  #said(message: ServerMessage, welcomed: (isOpen: boolean) => void): void {
    switch (message.kind) {
      case 'welcome': {
        assert.equal(message.resumed, this.#session !== null, `${this.name}: its session was not gone on with`);
        if (this.#session === null) this.#session = { id: message.session, secret: message.secret };
        else {
          assert.equal(message.session, this.#session.id);
          this.resumed++;
        }
        this.#isOpen = true;
        this.#take(message.applied);
        this.#again(message.applied);
        welcomed(true);
        return;
      }
      case 'applied':
        this.#take(message.id);
        return;
      case 'deliver':
        this.#deliver(message.number, { id: message.id, value: message.value, error: null, last: message.last });
        return;
      case 'error':
        this.#deliver(message.number, { id: message.id, value: null, error: message.error, last: true });
        return;
      case 'bye':
        // Who stood still between its connection and its hello is told that none came, and may come again.
        assert(
          ['not_available', 'cancelled', ...(this.#isOpen ? [] : ['timed_out'])].includes(message.error.code),
          `${this.name}: ${message.error.code}: ${message.error.message}`,
        );
        return;
      case 'pong':
        return;
    }
  }

  #take(applied: number): void {
    assert(applied <= this.#lastId, `${this.name}: ${applied} was applied and never asked`);
    if (applied <= this.#applied) return;
    this.#applied = applied;
    this.#watcher.applied(this, applied);
  }

  /** What was not applied, and now and then something that was. */
  #again(applied: number): void {
    this.#unsent = [];
    const messages: Uint8Array[] = [];
    for (let back = Math.max(1, applied - 3); back <= applied; back++) {
      const bytes = this.#requests.get(back);
      if (bytes !== undefined && this.#random() < 0.5) messages.push(bytes);
    }
    for (const [id, bytes] of this.#requests) {
      if (id > applied) messages.push(bytes);
      else if (id < applied - 8) this.#requests.delete(id);
    }
    // The same frame twice, as a line that loses acknowledgements makes it.
    if (messages.length === 0) return;
    this.#send(messages);
    if (this.#random() < 0.3) this.#send(messages);
  }

  #deliver(number: number, delivered: Delivered): void {
    const { id, value, error, last } = delivered;
    assert(number > 0, `${this.name}: ${error?.code}: ${error?.message}`);
    const text = JSON.stringify([id, last, error?.code ?? Buffer.from(encodeValue(value)).toString('base64')]);
    const known = this.#held.get(number);
    if (known !== undefined)
      assert.equal(text, known, `${this.name}: the delivery ${number} is another one than before`);
    this.#held.set(number, text);
    if (number <= this.#handled) return;
    assert.equal(number, this.#handled + 1, `${this.name}: a delivery is missing`);
    this.#handled = number;
    if (known !== undefined) this.repeated++;
    else this.#watcher.handled(this, number, delivered);
  }
}
