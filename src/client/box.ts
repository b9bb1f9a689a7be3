/**
 * What a program holds of a space: its powerbox, channels, deploys. Thin: each method is one request of the session.
 * Must never decide anything that the service decides.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { List, type Value } from '../values/index.ts';
import { type Request, versionOf, type WireSlot } from '../wire/index.ts';
import type { CursorKeeper } from './cursor.ts';
import type { Emitter } from './emitter.ts';
import type { SystemChannel } from './generated.ts';
import type { Outgoing } from './marshal.ts';
import type {
  BoxEvents,
  ConsumeOptions,
  Deployed,
  DeployOptions,
  EstimateAnswer,
  Messages,
  MessagesOptions,
  ProduceOptions,
  QueryAnswer,
  QueryOptions,
  ReceiveSlot,
  SignalOptions,
  TakeOptions,
  Watch,
  Watched,
  WatchOptions,
} from './options.ts';
import type { RecordedTrace } from './recording.ts';
import type { Make, Requests } from './requests.ts';
import type { ConnectionState, Session } from './session.ts';
import { Stream, type StreamOptions } from './stream.ts';
import { answerTo, type CallOptions, objectAt, sourceOf, stateOf, type Target } from './stubs.ts';
import { milliseconds, wholeNumber } from './times.ts';
import type {
  Answer,
  ChannelName,
  Given,
  Handle,
  Pipelined,
  Received,
  ReceivedMessage,
  Remote,
  SentMessage,
} from './types.ts';

/** One channel, with what can be done there. */
export class Channel implements AsyncIterable<ReceivedMessage> {
  readonly #box: BoxMethods;
  readonly #name: ChannelName;

  constructor(box: BoxMethods, name: ChannelName) {
    this.#box = box;
    this.#name = name;
  }

  produce(...message: SentMessage): Promise<void> {
    return this.#box.produce(this.#name, message);
  }

  take(options?: TakeOptions): Promise<ReceivedMessage | null> {
    return this.#box.take(this.#name, options);
  }

  peek(options?: TakeOptions): Promise<ReceivedMessage | null> {
    return this.#box.peek(this.#name, options);
  }

  messages(options?: MessagesOptions): Messages {
    return this.#box.messages(this.#name, options);
  }

  watch(options?: WatchOptions): Watch {
    return this.#box.watch(this.#name, options);
  }

  [Symbol.asyncIterator](): Messages {
    return this.messages();
  }
}

export class BoxMethods implements AsyncDisposable {
  readonly #session: Session;
  readonly #requests: Requests;
  readonly #cursors: CursorKeeper;
  readonly #events: Emitter<BoxEvents>;
  readonly #powerbox: () => SystemChannel;
  readonly #state: () => ConnectionState;

  constructor(
    session: Session,
    cursors: CursorKeeper,
    events: Emitter<BoxEvents>,
    powerbox: () => SystemChannel,
    state: () => ConnectionState,
  ) {
    this.#session = session;
    this.#requests = session.requests;
    this.#cursors = cursors;
    this.#events = events;
    this.#powerbox = powerbox;
    this.#state = state;
  }

  /** The holder's powerbox: what its methods are is what the box has, too. */
  get powerbox(): SystemChannel {
    return this.#powerbox();
  }

  /** How it stands with the connection. */
  get state(): ConnectionState {
    return this.#state();
  }

  /** Requests that are on their way, or wait for their answers. */
  get unanswered(): number {
    return this.#session.unanswered;
  }

  /** Calls the listener at each event of the kind; answers how to stop it. */
  on<Name extends keyof BoxEvents>(name: Name, listener: (event: BoxEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Gives a program in Rholang to the space, under the powers of this holder. Rejects with all its mistakes at once. */
  deploy(text: string, options: DeployOptions = {}): Promise<Deployed> {
    const { name = 'program', uris = {}, atomic = false, signal } = options;
    return this.#ask<Deployed>(
      'deploy',
      (outgoing) => {
        const bound = boundIn(outgoing, uris);
        return (id) => this.#spoken({ kind: 'deploy', id, text, name, uris: bound, ...(atomic ? { atomic } : {}) });
      },
      (value) => {
        const found = this.#requests.capabilities.receive(value) as Readonly<Record<string, unknown>> | number;
        return { deploy: typeof found === 'number' ? found : (found['deploy'] as number), name };
      },
      { signal },
    );
  }

  /** Runs a program that changes nothing, and answers what it sends on `rho:answer`. */
  query(text: string, options: QueryOptions = {}): Promise<QueryAnswer> {
    return this.#forked<QueryAnswer>('query', text, options);
  }

  /** What a program would cost, and which calls to the world it makes first; none of them is made. */
  estimate(text: string, options: QueryOptions = {}): Promise<EstimateAnswer> {
    return this.#forked<EstimateAnswer>('estimate', text, options);
  }

  #forked<T>(kind: 'query' | 'estimate', text: string, options: QueryOptions): Promise<T> {
    const { name = 'program', uris = {}, limit_ms = null, cost_max = null, signal } = options;
    return this.#ask<T>(
      kind,
      (outgoing) => {
        milliseconds(kind, 'limit_ms', limit_ms, 1);
        if (cost_max !== null) wholeNumber(kind, 'cost_max', cost_max, [1, Number.MAX_SAFE_INTEGER]);
        const bound = boundIn(outgoing, uris);
        return (id) => this.#spoken({ kind, id, text, name, uris: bound, limit_ms, cost_max });
      },
      (value) => this.#requests.capabilities.receive(value),
      { signal },
    );
  }

  /**
   * Records the space from now on: the bytes of a trace, as they come, for `powerbox replay`. Only for a holder whom the
   * operator lets, for a trace shows all that is in the space; else it rejects with `not_permitted`. In Node:
   * `await pipeline(box.record({ signal }), createWriteStream('run.trace'))`. When the signal is aborted the trace is ended,
   * and what is still to come makes it whole; leaving the loop cuts it off.
   */
  record({ signal }: SignalOptions = {}): RecordedTrace {
    const recorded = this.#session.record();
    if (signal?.aborted === true) void recorded.stop();
    else signal?.addEventListener('abort', () => void recorded.stop(), { once: true });
    return recorded;
  }

  /** Refuses what the service of this connection does not know. */
  #spoken(request: Request): Request {
    const { version = 0 } = this.#session.welcome ?? {};
    if (versionOf(request) <= version) return request;
    throw new PowerboxError('not_available', `${request.kind}: this service speaks version ${version} of the wire`, {
      hint: 'It is older than this client, and cannot do that.',
    });
  }

  /** Resolves when the message is durable. */
  produce(channel: ChannelName, message: SentMessage, options: ProduceOptions = {}): Promise<void> {
    const { persist = false, lease_ms = null, signal } = options;
    return this.#ask<void>(
      'produce',
      (outgoing) => {
        milliseconds('produce', 'lease_ms', lease_ms, 1);
        const to = outgoing.target(targetOf(channel));
        const values = outgoing.values(message);
        return (id) => ({ kind: 'produce', id, channel: to, message: values, persist, lease_ms });
      },
      () => undefined,
      { signal, silent: true },
    );
  }

  /** The oldest message that fits, taken; null when none is there within the time. */
  take(channel: ChannelName, options: TakeOptions = {}): Promise<ReceivedMessage | null> {
    return this.#receive('take', channel, options);
  }

  /** The oldest message that fits; it stays. */
  peek(channel: ChannelName, options: TakeOptions = {}): Promise<ReceivedMessage | null> {
    return this.#receive('peek', channel, options);
  }

  /** Waits for one message on each slot at once, and takes them, or looks where a slot peeks. */
  async consume(slots: readonly ReceiveSlot[], options: ConsumeOptions = {}): Promise<readonly ReceivedMessage[]> {
    const { limit_ms = null, signal } = options;
    const found = await this.#ask<readonly ReceivedMessage[] | null>(
      'consume',
      (outgoing) => {
        milliseconds('consume', 'limit_ms', limit_ms);
        const places = slots.map((slot) => slotOf(outgoing, slot));
        return (id) => ({ kind: 'take', id, slots: places, limit_ms });
      },
      (value) => (value === null ? null : this.#messages(value)),
      { signal, patient: true },
    );
    if (found !== null) return found;
    throw new PowerboxError('timed_out', `consume: nothing came within ${limit_ms} ms`);
  }

  /**
   * Messages of a channel as they come, each taken. What was sent to this program and not read when the loop is left is
   * put back, after what is there by then.
   */
  messages(channel: ChannelName, options: MessagesOptions = {}): Messages {
    const { match, credit = limits.wire_credit_default, name, signal } = options;
    const unread = async (items: readonly ReceivedMessage[]): Promise<void> => {
      await Promise.all(items.map((item) => this.produce(channel, item as SentMessage)));
    };
    const convert = (value: Value): ReceivedMessage => this.#messages(value)[0] ?? [];
    const stream = this.#stream('messages', { credit, signal, convert, unread, name });
    const makeSlot = (outgoing: Outgoing): WireSlot =>
      slotOf(outgoing, match === undefined ? { channel } : { channel, match });
    return this.#begin(stream, name, 'messages', credit, (outgoing) => {
      wholeNumber('messages', 'credit', credit, [1, limits.wire_credit_max]);
      const slots = [makeSlot(outgoing)];
      return (id) => ({ kind: 'consume', id, slots, persist: true, credit });
    });
  }

  /** What is put on a channel from now on, without taking it; and what stays there already. */
  watch(channel: ChannelName, options: WatchOptions = {}): Watch {
    const { credit = limits.wire_credit_default, signal } = options;
    const convert = (value: Value): Watched => {
      const [missed, message] = value instanceof List ? value.items : [];
      return { message: this.#message(message ?? null), missed: typeof missed === 'number' ? missed : 0 };
    };
    const stream = this.#stream('watch', { credit, signal, convert, unread: async () => {}, name: undefined });
    return this.#begin(stream, undefined, 'watch', credit, (outgoing) => {
      wholeNumber('watch', 'credit', credit, [1, limits.wire_credit_max]);
      const to = outgoing.target(targetOf(channel));
      return (id) => ({ kind: 'watch', id, channel: to, credit });
    });
  }

  /**
   * A call by the name of its method, for names that JavaScript has a use of its own for; with null the target is a
   * plain channel, and gets the arguments and after them the channel of the reply.
   */
  call(
    target: ChannelName,
    method: string | null,
    args: SentMessage = [],
    options: CallOptions = {},
  ): Answer<Received> {
    return answerTo(this.#requests.call(targetOf(target), method, args, options), options) as Answer<Received>;
  }

  /** An object behind a channel, with the methods that the program says it has. */
  object<T>(channel: ChannelName): Remote<T> {
    const target = targetOf(channel);
    if ('capability' in target) return channel as unknown as Remote<T>;
    return objectAt(this.#requests, target) as Remote<T>;
  }

  channel(name: ChannelName): Channel {
    return new Channel(this, name);
  }

  /** A fresh channel that nobody else has. */
  newName(options: SignalOptions = {}): Pipelined<Handle> {
    return this.#names(1, options, 0) as Pipelined<Handle>;
  }

  newNames(count: number, options: SignalOptions = {}): Answer<readonly Handle[]> {
    return this.#names(count, options) as Answer<readonly Handle[]>;
  }

  /** A handle to the same channel that can do less. What is not named stays allowed as far as it was. */
  attenuate(
    handle: Given<Handle>,
    rights: { readonly read?: boolean; readonly write?: boolean },
    { signal }: SignalOptions = {},
  ): Pipelined<Handle> {
    const { read = true, write = true } = rights;
    const pending = this.#requests.ask(
      'attenuate',
      (outgoing) => {
        const capability = outgoing.value(handle);
        return (id) => ({ kind: 'attenuate', id, capability, read, write });
      },
      (value) => this.#requests.capabilities.receive(value),
      { signal },
    );
    return answerTo(pending) as Pipelined<Handle>;
  }

  /**
   * Ends this client. With `keepSession` the session waits at the service for another run with the same cursor; else
   * nothing of it is kept.
   */
  async close(options: { readonly keepSession?: boolean } = {}): Promise<void> {
    this.#session.close(options.keepSession ?? false);
    await this.#cursors.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #names(count: number, { signal }: SignalOptions, ...path: readonly number[]): Answer<unknown> {
    const pending = this.#requests.ask(
      'newName',
      () => {
        wholeNumber('newNames', 'count', count, [1, limits.wire_names_max]);
        return (id) => ({ kind: 'names', id, count });
      },
      (value) => this.#requests.capabilities.receiveAll(value),
      { signal },
    );
    return answerTo(pending, {}, path);
  }

  #receive(kind: 'take' | 'peek', channel: ChannelName, options: TakeOptions): Promise<ReceivedMessage | null> {
    const { match, limit_ms = 0, signal } = options;
    return this.#ask<ReceivedMessage | null>(
      kind,
      (outgoing) => {
        milliseconds(kind, 'limit_ms', limit_ms);
        const slots = [slotOf(outgoing, match === undefined ? { channel } : { channel, match })];
        return (id) => ({ kind, id, slots, limit_ms });
      },
      (value) => (value === null ? null : (this.#messages(value)[0] ?? null)),
      { signal, patient: true },
    );
  }

  #ask<T>(...args: Parameters<Requests['ask']>): Promise<T> {
    const pending = this.#requests.ask(...args);
    // A promise of its own tells by itself that nobody hears it.
    pending.heard = true;
    return pending.promise.then((value) => value as T);
  }

  #stream<T>(
    asked: string,
    options: Pick<StreamOptions<T>, 'credit' | 'signal' | 'convert' | 'unread'> & { readonly name: string | undefined },
  ): Stream<T> {
    const { name } = options;
    return new Stream<T>({
      ...options,
      asked,
      owner: this.#requests,
      whenDone: this.#cursors.kept,
      ended: () => {
        if (name !== undefined) this.#cursors.drop(name);
      },
    });
  }

  #begin<T>(stream: Stream<T>, name: string | undefined, asked: string, credit: number, make: Make): Stream<T> {
    const earlier = name === undefined ? undefined : this.#cursors.idOf(name);
    try {
      const adopted = earlier === undefined ? null : this.#requests.adopt(asked, stream.sink, earlier);
      stream.begin(adopted ?? this.#requests.standing(asked, make, stream.sink, name));
      if (adopted !== null) this.#requests.creditAnew(adopted, credit);
      const orphans = adopted === null ? [] : this.#cursors.claim(earlier as number);
      for (const { value, last, handled } of orphans) stream.sink.deliver(value, last, handled);
    } catch (error) {
      stream.sink.fail(error);
    }
    return stream;
  }

  #messages(value: Value): readonly ReceivedMessage[] {
    return value instanceof List ? value.items.map((item) => this.#message(item)) : [];
  }

  #message(value: Value): ReceivedMessage {
    return this.#requests.capabilities.receiveAll(value) as ReceivedMessage;
  }
}

function targetOf(channel: ChannelName): Target {
  return stateOf(channel) ?? sourceOf(channel) ?? { name: channel };
}

function boundIn(outgoing: Outgoing, uris: Readonly<Record<string, Given<Handle>>>): ReadonlyMap<string, Value> {
  return new Map(Object.entries(uris).map(([uri, handle]) => [uri, outgoing.value(handle)]));
}

function slotOf(outgoing: Outgoing, { channel, match, peek = false }: ReceiveSlot): WireSlot {
  return {
    channel: outgoing.target(targetOf(channel)),
    pattern: outgoing.pattern(match),
    peek,
  };
}
