/**
 * What a holder asks without a connection of its own: each request is answered by a promise. All of a holder's go through
 * one session, which nobody outside knows; so what they were given stays theirs until it is released, also after a
 * restart. Whoever asks twice is answered twice.
 */
import { type Asked, type Delivery, type Outlet, refused, type Session, SessionReader } from '../embedding/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';
import {
  Capability,
  clientForm,
  clientParts,
  clientSealing,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readServerMessage,
  type Request,
  type WireError,
} from '../wire/index.ts';
import type { SpaceDesk } from './desk.ts';
import type { Feed } from './feed.ts';

type WithoutId<R> = R extends { readonly id: number } ? Omit<R, 'id'> : never;
/** A request; it is given an id here. */
export type Ask = WithoutId<Request> | { readonly kind: 'powerbox' };

interface Waiting {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
  /** Nothing comes of it but that it was applied. */
  readonly isVoid: boolean;
}

const VOID_KINDS: ReadonlySet<string> = new Set(['produce', 'release', 'cancel', 'credit']);

/** Why a request was refused, as it goes over the wire: with the channel and the method that refused. */
export class AnswerError extends PowerboxError {
  readonly answer: WireError;

  constructor(answer: WireError) {
    super(answer.code as PowerboxError['code'], answer.message, { hint: answer.hint });
    this.answer = answer;
  }
}

export class Operations implements Outlet {
  /** The holder's, as its token. */
  readonly powerbox: Capability;
  readonly #session: Session;
  readonly #feed: Feed;
  readonly #reader: SessionReader;
  readonly #encoder = new MessageEncoder(clientSealing);
  readonly #waiting = new Map<number, Waiting>();
  #ids: number;
  #handled: number;
  #ended: PowerboxError | null = null;
  #acknowledging = false;

  private constructor(session: Session, feed: Feed, powerbox: Value) {
    const { holdings } = session.holder;
    this.#session = session;
    this.#feed = feed;
    this.#reader = new SessionReader(holdings);
    this.#ids = session.applied;
    this.#handled = session.durableNext - 1;
    this.powerbox = new Capability(holdings.powerbox(powerbox).payload);
  }

  /** Of a holder of a space. Rejects with `auth_failed` where nobody has that name. */
  static async open(desk: SpaceDesk, holder: string): Promise<Operations> {
    const { session, powerbox } = await desk.openHidden(holder);
    const feed = desk.feed(session);
    // What an earlier one could not do is over.
    await feed.settle();
    // Whoever waited in an earlier process has gone.
    const left = session.allStanding().map(({ id }) => id);
    const handled = session.durableNext - 1;
    const operations = new Operations(session, feed, powerbox);
    session.outlet = operations;
    feed.onProgress = () => operations.#progress();
    feed.push(
      left.map((of) => operations.#cancel(of)),
      handled,
    );
    return operations;
  }

  /** Nothing more is answered: its session has ended. */
  get isOver(): boolean {
    return this.#ended !== null;
  }

  /**
   * What comes of a request, with tokens in the place of names. A signal that is aborted cancels what waits. `parent`: the
   * step of the caller's trace that it belongs to.
   */
  ask(ask: Ask, signal?: AbortSignal, parent: string | null = null): Promise<Value> {
    if (ask.kind === 'powerbox') return Promise.resolve(this.powerbox);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#ids;
    const answered = new Promise<Value>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, isVoid: VOID_KINDS.has(ask.kind) });
    });
    const asked = this.#read({ ...ask, id } as Request);
    this.#feed.push([parent === null ? asked : { ...asked, parent }], 0);
    // Whoever asked over HTTP goes after each answer, too.
    const gone = (): void => {
      if (this.#waiting.has(id)) this.#feed.push([this.#cancel(id)], 0);
    };
    signal?.addEventListener('abort', gone, { once: true });
    return answered;
  }

  #read(request: Request): Asked {
    try {
      const [said] = this.#reader.read(frameOf([this.#encoder.encode(clientParts(request))]));
      if (said?.kind === 'asked') return said.asked;
      throw new PowerboxError('bad_request', 'this is no request');
    } catch (error) {
      return refused(request.id, error);
    }
  }

  #cancel(of: number): Asked {
    const id = ++this.#ids;
    return this.#read({ kind: 'cancel', id, of });
  }

  #progress(): void {
    const { failure } = this.#feed;
    if (failure !== null) this.ended(failure);
  }

  moved(): void {
    for (;;) {
      const deliveries = this.#session.outgoing(this.#handled, Number.MAX_SAFE_INTEGER);
      if (deliveries.length === 0) break;
      for (const delivery of deliveries) this.#take(delivery);
    }
    const { durableApplied } = this.#session;
    for (const [id, waiting] of this.#waiting) {
      if (id > durableApplied) break;
      if (!waiting.isVoid) continue;
      this.#waiting.delete(id);
      waiting.resolve(null);
    }
  }

  #take({ number, bytes }: Delivery): void {
    this.#handled = number;
    const [parts] = decodeFrame(frameOf([bytes]), clientForm);
    const message = readServerMessage(parts as readonly Value[]);
    this.#acknowledgeSoon();
    if (message.kind !== 'deliver' && message.kind !== 'error') return;
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined || (message.kind === 'deliver' && !message.last)) return;
    this.#waiting.delete(message.id);
    if (message.kind === 'deliver') waiting.resolve(message.value);
    else waiting.reject(new AnswerError(message.error));
  }

  /** Once for all that came together. */
  #acknowledgeSoon(): void {
    if (this.#acknowledging) return;
    this.#acknowledging = true;
    queueMicrotask(() => {
      this.#acknowledging = false;
      this.#feed.push([], this.#handled);
    });
  }

  ended(why: PowerboxError): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
    if (this.#session.outlet === this) this.#session.outlet = null;
  }
}
