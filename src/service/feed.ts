/**
 * The way of a session's requests into the space: in the order in which they came, each once, many to a turn. Owns what
 * is on the way. Outlives a connection, so that what one has brought is settled before the next goes on.
 */
import type { Asked, Session, Sessions } from '../embedding/index.ts';
import type { PowerboxError } from '../errors.ts';
import { isPowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface FeedOptions {
  readonly session: Session;
  readonly sessions: Sessions;
  readonly publicNames: boolean;
  /** What a program needs before its turn; null: it has had a turn of its own. Never rejects. */
  readonly prepare: (asked: Asked) => Promise<Asked | null>;
}

/** A request, and how far deliveries were handled when it came: what was acknowledged after it is not known to it. */
interface Queued {
  readonly asked: Asked;
  readonly handled: number;
}

const NONE: readonly Queued[] = [];

export class Feed {
  readonly #options: FeedOptions;
  #queue: Queued[] = [];
  #handled = 0;
  /** What was said of it is on its way. */
  #handledSent = 0;
  #preparing = false;
  #underWay = 0;
  #failure: PowerboxError | null = null;
  readonly #idle: (() => void)[] = [];
  /** Called each time there is less under way; and when something has failed. */
  onProgress: () => void = () => {};

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Turns that are not durable yet. */
  get underWay(): number {
    return this.#underWay + (this.#preparing ? 1 : 0);
  }

  /** Why nothing more goes in; the connection that brought it ends, and the next one begins anew. */
  get failure(): PowerboxError | null {
    return this.#failure;
  }

  /** Requests in the order of their ids, and how far deliveries were handled. Those that came before are left out. */
  push(asked: readonly Asked[], handled: number): void {
    const { session } = this.#options;
    if (this.#failure !== null) return;
    if (handled > this.#handled) this.#handled = handled;
    for (const one of asked) {
      const { id } = one.request;
      if (id <= session.received) continue;
      session.received = id;
      this.#queue.push({ asked: one, handled: this.#handled });
    }
    this.#pump();
  }

  /** Resolves when nothing is under way. What failed is forgotten: whoever goes on sends it again. */
  async settle(): Promise<void> {
    if (this.underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    const { session } = this.#options;
    this.#failure = null;
    this.#queue = [];
    session.received = session.applied;
  }

  #pump(): void {
    if (this.#preparing || this.#failure !== null) return;
    const queue = this.#queue;
    let start = 0;
    while (start < queue.length) {
      let end = start;
      while (end < queue.length && end - start < limits.session_turn_requests && !isProgram(queue[end] as Queued))
        end++;
      if (end > start) {
        this.#post(queue.slice(start, end), (queue[start] as Queued).handled);
        start = end;
        continue;
      }
      this.#prepareFirst(queue[start] as Queued);
      break;
    }
    this.#queue = start === 0 ? queue : queue.slice(start);
    if (!this.#preparing && this.#handled > this.#handledSent) this.#post(NONE, this.#handled);
  }

  #prepareFirst(first: Queued): void {
    this.#preparing = true;
    void this.#options.prepare(first.asked).then((asked) => {
      this.#preparing = false;
      if (this.#queue[0] === first) this.#queue.splice(0, 1, ...(asked === null ? [] : [{ ...first, asked }]));
      this.#pump();
      this.#progress();
    });
  }

  #post(queued: readonly Queued[], handled: number): void {
    const { session, sessions, publicNames } = this.#options;
    const asked = queued.map((one) => one.asked);
    this.#underWay++;
    this.#handledSent = handled;
    sessions.ask(session, asked, handled, publicNames).then(
      () => {
        this.#underWay--;
        this.#progress();
      },
      (error: unknown) => {
        this.#underWay--;
        if (!isPowerboxError(error)) throw error;
        this.#failure ??= error;
        this.#progress();
      },
    );
  }

  #progress(): void {
    this.onProgress();
    if (this.underWay > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function isProgram({ asked }: Queued): boolean {
  return asked.request.kind === 'deploy';
}
