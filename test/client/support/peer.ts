/**
 * A service in miniature, on a machine of its own, for the laws of the client: it keeps the session's promises exactly,
 * over a network that loses what is on its way whenever a connection is cut. It knows channels of plain values and a few
 * methods; everything about real spaces is tested against real services.
 */
import {
  clientSealing,
  Capability,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readClientMessage,
} from '../../../src/wire/index.ts';
import { clientForm, readReference, Reference, serverParts, WireExtension } from '../../../src/wire/index.ts';
import type { ClientMessage, Request, ServerMessage } from '../../../src/wire/index.ts';
import type { Connection, ConnectionEvents, Surroundings } from '../../../src/client/index.ts';
import { Bytes, List, Tuple, type Value } from '../../../src/values/index.ts';

export const POWERBOX = new Capability(new Uint8Array([3, 1, 1, 1]));

const LIMITS = { frame_bytes: 4096, frame_messages: 8, depth: 100, requests: 16, ping_ms: 1000, session_ms: 1000 };

interface Kept {
  readonly number: number;
  readonly message: ServerMessage;
}

interface Standing {
  readonly id: number;
  readonly channel: string;
  readonly persist: boolean;
  credit: number;
}

/** One session as the service keeps it: nothing of it is lost with a connection. */
class KeptSession {
  applied = 0;
  number = 0;
  kept: Kept[] = [];
  readonly results = new Map<number, Value>();
  readonly waiting: Standing[] = [];
  readonly released: Capability[] = [];
  ended = false;
  constructor(
    readonly id: number,
    readonly secret: Uint8Array,
  ) {}
}

export class Peer {
  readonly sessions = new Map<number, KeptSession>();
  /** Everything that was applied, in order. */
  readonly log: Request[] = [];
  readonly channels = new Map<string, Value[]>();
  readonly acks: number[] = [];
  readonly hellos: ClientMessage[] = [];
  /** What was said of whose trace the requests after it are. */
  readonly parents: string[] = [];
  /** Frames that came, by their number of messages. */
  readonly frames: number[] = [];
  limits = LIMITS;
  /** Of the wire, as it welcomes. */
  version = 2;
  /** What the next connections are told instead of a welcome. */
  dismiss: { code: string; message: string } | null = null;
  welcomes = true;
  readonly #encoder = new MessageEncoder(clientSealing);
  #session: KeptSession | null = null;
  #send: ((frame: Uint8Array) => void) | null = null;

  get session(): KeptSession {
    if (this.#session === null) throw new Error('no session yet');
    return this.#session;
  }

  connected(send: (frame: Uint8Array) => void): void {
    this.#send = send;
  }

  forgetSessions(): void {
    this.sessions.clear();
  }

  frame(bytes: Uint8Array): void {
    const form = {
      extension: (type: number, payload: Uint8Array) =>
        type === WireExtension.Reference ? readReference(payload) : clientForm.extension(type, payload),
    };
    const messages = decodeFrame(bytes, form).map(readClientMessage);
    this.frames.push(messages.length);
    for (const message of messages) this.#message(message);
  }

  say(...messages: readonly ServerMessage[]): void {
    this.#send?.(frameOf(messages.map((message) => this.#encoder.encode(serverParts(message)))));
  }

  /** Something is put on a channel by somebody else. */
  put(channel: string, ...values: readonly Value[]): void {
    this.#put(channel, new List(values));
    this.#flush();
  }

  #message(message: ClientMessage): unknown {
    switch (message.kind) {
      case 'hello':
        this.hellos.push(message);
        return this.#hello(message);
      case 'ack':
        this.acks.push(message.number);
        this.session.kept = this.session.kept.filter(({ number }) => number > message.number);
        return;
      case 'trace':
        this.parents.push(message.parent);
        return;
      case 'ping':
        return this.say({ kind: 'pong', nonce: message.nonce });
      case 'record':
      case 'record-credit':
      case 'record-end':
        throw new Error('this peer records nothing');
      case 'end':
        this.session.ended = true;
        return this.sessions.delete(this.session.id);
      default:
        if (message.id <= this.session.applied) return;
        this.session.applied = message.id;
        this.log.push(message);
        this.#apply(message);
        this.say({ kind: 'applied', id: message.id });
        this.#flush();
    }
  }

  #hello(hello: Extract<ClientMessage, { kind: 'hello' }>): unknown {
    if (this.dismiss !== null) {
      const error = { hint: '', channel: '', method: '', mistakes: [], ...this.dismiss };
      return this.say({ kind: 'bye', error });
    }
    if (!this.welcomes) return;
    const found = hello.session === null ? undefined : this.sessions.get(hello.session.id);
    const session = found ?? new KeptSession(this.sessions.size + 100, new Uint8Array([1, 2, 3]));
    this.sessions.set(session.id, session);
    this.#session = session;
    if (found !== undefined) session.kept = session.kept.filter(({ number }) => number > (hello.session?.handled ?? 0));
    this.say({
      kind: 'welcome',
      version: this.version,
      session: session.id,
      secret: found === undefined ? session.secret : new Uint8Array(0),
      resumed: found !== undefined,
      applied: session.applied,
      powerbox: POWERBOX,
      holder: 'alice',
      space: 'default',
      server: '0',
      limits: this.limits,
    });
    if (session.kept.length > 0) this.say(...session.kept.map(({ message }) => message));
  }

  #keep(message: (number: number) => ServerMessage): void {
    const number = ++this.session.number;
    const made = message(number);
    this.session.kept.push({ number, message: made });
    this.say(made);
  }

  #answer(id: number, value: Value, last = true): void {
    this.session.results.set(id, value);
    this.#keep((number) => ({ kind: 'deliver', number, id, value, last }));
  }

  #fail(id: number, code: string, message: string, channel = '', method = ''): void {
    const error = { code, message, hint: '', channel, method, mistakes: [] };
    this.#keep((number) => ({ kind: 'error', number, id, error }));
  }

  #apply(request: Request): unknown {
    switch (request.kind) {
      case 'produce':
        return this.#put(String(request.channel), new List(request.message));
      case 'take':
      case 'peek': {
        const channel = String(request.slots[0]?.channel);
        const found = this.channels.get(channel)?.[0];
        if (found !== undefined) {
          if (request.kind === 'take') this.channels.get(channel)?.shift();
          return this.#answer(request.id, new List([found]));
        }
        if (request.limit_ms === 0) return this.#answer(request.id, null);
        this.session.waiting.push({ id: request.id, channel, persist: false, credit: 1 });
        return;
      }
      case 'consume': {
        const channel = String(request.slots[0]?.channel);
        this.session.waiting.push({ id: request.id, channel, persist: request.persist, credit: request.credit });
        return;
      }
      case 'watch':
        this.session.waiting.push({
          id: request.id,
          channel: `watch ${String(request.channel)}`,
          persist: true,
          credit: request.credit,
        });
        return;
      case 'credit': {
        const standing = this.session.waiting.find(({ id }) => id === request.of);
        if (standing !== undefined) standing.credit += request.more;
        return;
      }
      case 'cancel': {
        const index = this.session.waiting.findIndex(({ id }) => id === request.of);
        if (index < 0) return;
        this.session.waiting.splice(index, 1);
        return this.#fail(request.of, 'cancelled', 'it was taken back');
      }
      case 'release':
        this.session.released.push(...(request.capabilities as Capability[]));
        return;
      case 'names':
        return this.#answer(
          request.id,
          new List(
            Array.from({ length: request.count }, (_, index) => new Capability(new Uint8Array([3, request.id, index]))),
          ),
        );
      case 'attenuate':
        return this.#answer(request.id, new Capability(new Uint8Array([request.read ? 1 : 0, request.id])));
      case 'deploy':
        return this.#answer(request.id, request.id);
      case 'call':
        return this.#call(request);
    }
  }

  #call({ id, target, method, args }: Extract<Request, { kind: 'call' }>): unknown {
    const on = this.#dereference(target);
    const given = args.map((arg) => this.#dereference(arg));
    if (!(on instanceof Capability) || !given.every((arg) => arg !== undefined))
      return this.#fail(id, 'arguments_invalid', 'what was referred to is not there');
    switch (method) {
      case 'open':
        return this.#answer(id, new Capability(new Uint8Array([3, ...on.token.slice(1), id & 255])));
      case 'path':
        return this.#answer(id, new Bytes(on.token));
      case 'pair':
        return this.#answer(id, new List([new Capability(new Uint8Array([3, 7, id & 255])), 'second']));
      case 'echo':
        return this.#answer(id, given[0] as Value);
      case 'tuple':
        return this.#answer(id, new Tuple(given));
      case 'never':
        return;
      default:
        return this.#fail(id, 'method_unknown', 'there is no such method', 'thing', method ?? '');
    }
  }

  /** The client counts on results as long as it has not acknowledged them. */
  #dereference(value: Value): Value | undefined {
    if (!(value instanceof Reference)) return value;
    const kept = this.session.kept.some(({ message }) => message.kind === 'deliver' && message.id === value.request);
    let found = kept ? this.session.results.get(value.request) : undefined;
    for (const step of value.path) found = found instanceof List ? found.items[step as number] : undefined;
    return found;
  }

  #put(channel: string, message: Value): void {
    const messages = this.channels.get(channel) ?? [];
    messages.push(message);
    this.channels.set(channel, messages);
    for (const standing of this.session.waiting) {
      if (standing.channel === `watch ${channel}`) this.#answer(standing.id, new List([0, message]), false);
    }
  }

  #flush(): void {
    for (const standing of [...this.session.waiting]) {
      const messages = this.channels.get(standing.channel) ?? [];
      while (messages.length > 0 && standing.credit > 0) {
        standing.credit--;
        this.#answer(standing.id, new List([messages.shift() as Value]), !standing.persist);
        if (standing.persist) continue;
        this.session.waiting.splice(this.session.waiting.indexOf(standing), 1);
        break;
      }
    }
  }
}

interface Timer {
  readonly due_ms: number;
  readonly run: () => void;
}

/** A machine without a clock of its own: time passes when nothing else happens, and lines are cut on demand. */
export class Machine implements Surroundings {
  now_ms = 0;
  /** Reached when somebody dials; null: nobody listens there. */
  peer: Peer | null;
  dials = 0;
  /** Bytes that the line does not take. */
  stuck_bytes = 0;
  #timers: Timer[] = [];
  #line: { up: Uint8Array[]; down: Uint8Array[]; events: ConnectionEvents } | null = null;

  constructor(peer: Peer | null) {
    this.peer = peer;
  }

  random(): number {
    return 0.5;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { due_ms: this.now_ms + delay_ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  dial(_url: string, events: ConnectionEvents): Connection {
    this.dials++;
    const line = { up: [] as Uint8Array[], down: [] as Uint8Array[], events };
    this.#line = line;
    const { peer } = this;
    this.after(0, () => {
      if (this.#line !== line) return;
      if (peer === null) {
        this.cut('nobody listens there');
        return;
      }
      peer.connected((frame) => {
        if (this.#line === line) line.down.push(frame);
      });
      events.opened();
    });
    return {
      send: (frame) => {
        if (this.#line === line) line.up.push(frame);
      },
      buffered_bytes: () => this.stuck_bytes,
      drop: () => {
        if (this.#line === line) this.#line = null;
      },
    };
  }

  /** What is on its way in both directions is lost. */
  cut(reason = 'the line was cut'): void {
    const line = this.#line;
    this.#line = null;
    line?.events.closed(reason);
  }

  get connected(): boolean {
    return this.#line !== null;
  }

  /** One frame goes over the line, if there is one: up or down as told. */
  pass(up: boolean): boolean {
    const line = this.#line;
    const frame = up ? line?.up.shift() : line?.down.shift();
    if (line === null || frame === undefined) return false;
    if (up) this.peer?.frame(frame);
    else line.events.frame(frame);
    return true;
  }

  /** The next timer that is due within this time. */
  tick(within_ms: number): boolean {
    const [next] = this.#timers.toSorted((left, right) => left.due_ms - right.due_ms);
    if (next === undefined || next.due_ms > this.now_ms + within_ms) return false;
    this.now_ms = next.due_ms;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    next.run();
    return true;
  }

  /** Everything that happens within so many milliseconds, in the order in which it would. */
  async settle(within_ms = 50): Promise<void> {
    const end_ms = this.now_ms + within_ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.pass(true) || this.pass(false)) continue;
      if (this.tick(end_ms - this.now_ms)) continue;
      this.now_ms = end_ms;
      return;
    }
  }
}
