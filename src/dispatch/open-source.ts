/**
 * The end of a source that its native holds in this process: its signal, its queue of pushes, and the wait for a reader
 * who is behind or a quota that is full. What arrives is posted as one cause; what that does in its turn is said
 * by whoever keeps the facts.
 */
import { stateKey } from '../../channels/index.ts';
import type { Made, NativeError, Source } from '../../channels/index.ts';
import { limits } from '../limits.ts';
import type { Account } from '../space/index.ts';
import { List, type Tuple, type Value } from '../values/index.ts';
import { made } from './answers.ts';
import { insist, recordOf, type JobContext } from './job.ts';
import { type SourceRecord, valuesOf } from './source-record.ts';
import { oneLine, type Failure } from './stderr.ts';
import type { Room } from './value-check.ts';

/** What became of an arrival: there was no room for it, or its source had ended before. */
export type Arrived = 'taken' | 'full' | 'ended';

/** Who keeps the facts of sources. */
export interface SourceOwner {
  readonly context: JobContext;
  /** Whether its fact is there. */
  isOpen(id: string): boolean;
}

export class OpenSource implements Source {
  readonly record: SourceRecord;
  readonly resumed: boolean;
  opened = false;
  readonly #owner: SourceOwner;
  readonly #leaving = new AbortController();
  /** Ends when there is room for the next message. */
  #pushing: Promise<unknown> = Promise.resolve();
  /** Ends when the message under way has arrived: whether there is room for another one is no matter for an end. */
  #arriving: Promise<unknown> = Promise.resolve();
  /** Whether the reader is behind is not known yet: the source is of an earlier process. */
  #behind: boolean;

  constructor(owner: SourceOwner, record: SourceRecord, resumed: boolean) {
    this.#owner = owner;
    this.record = record;
    this.resumed = resumed;
    this.#behind = resumed;
  }

  get id(): string {
    return this.record.id;
  }

  get handle(): Value {
    return this.record.handle;
  }

  get account(): Account {
    return this.record.account;
  }

  get cap(): string {
    return this.record.cap;
  }

  get state(): Value | undefined {
    return this.#owner.context.engine.fact(stateKey(this.id));
  }

  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  leave(): void {
    this.#leaving.abort();
  }

  push(message: readonly Made[], options: { readonly state?: Value; readonly last?: boolean } = {}): Promise<boolean> {
    const done = this.#pushing.then(() => this.#push(message, options));
    this.#pushing = done.catch(() => {});
    return done;
  }

  /** Reports it to the reader, and to the holder's STDERR; the source has ended. */
  fail(error: NativeError): Promise<boolean> {
    const failure: Failure = { code: error.code, message: oneLine(error.message), hint: '' };
    return this.#arriving.then(() => this.#fail(failure));
  }

  report({ code, message }: NativeError): void {
    const { stderr } = this.#owner.context;
    stderr.report(this.account, { code, message: oneLine(message), hint: '' }, this.record.native, null);
  }

  async #push(
    message: readonly Made[],
    { state, last = false }: { readonly state?: Value; readonly last?: boolean },
  ): Promise<boolean> {
    const room: Room = { bytes: limits.answer_bytes_max };
    const items: Tuple[] = [];
    if (!Array.isArray(message) || message.length > limits.message_values_max)
      return this.#fail(garbage(`a message is a list of at most ${limits.message_values_max} values`));
    for (const thing of message) {
      const item = made(thing, room);
      if (typeof item === 'string') return this.#fail(garbage(item));
      items.push(item);
    }
    // What an earlier process sent may lie unread yet: a restart must not let one more in each time.
    if (this.#behind && !(await this.#roomForMore())) return false;
    this.#behind = false;
    const arriving = this.#arrive(items, [new List(items), new List(state === undefined ? [] : [state]), last]);
    this.#arriving = arriving.catch(() => {});
    if (!(await arriving)) return false;
    return last || (!this.signal.aborted && this.#roomForMore());
  }

  /** Posts it, once there is room for it in the quota. False: the source has ended before that. */
  async #arrive(items: readonly Tuple[], parts: readonly Value[]): Promise<boolean> {
    for (let told = false; ; told = true) {
      const arrived = await this.#post(parts);
      if (arrived !== 'full') return arrived === 'taken';
      if (!told) this.#tellFull();
      if (!(await this.#quotaRoom(items))) return false;
    }
  }

  #tellFull(): void {
    const { stderr } = this.#owner.context;
    const message = `what arrives at ${this.record.native} waits: there is no room left to store it`;
    stderr.report(this.account, { code: 'quota_exceeded', message, hint: '' }, this.record.native, null);
  }

  /** Resolves when there may be room for the message in the account's quota; false when the source ends before that. */
  async #quotaRoom(items: readonly Tuple[]): Promise<boolean> {
    const { engine, timers } = this.#owner.context;
    const message = valuesOf(items);
    // Now and then it is tried without room: a reader who waits takes it at once.
    for (let left_ms = QUOTA_RETRY_MS; left_ms > 0 && !this.signal.aborted; left_ms -= QUOTA_LOOK_MS) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          timer.cancel();
          this.signal.removeEventListener('abort', go);
          resolve();
        };
        const timer = timers.after(QUOTA_LOOK_MS, go);
        this.signal.addEventListener('abort', go, { once: true });
      });
      if (engine.fits(this.account, message)) break;
    }
    return !this.signal.aborted;
  }

  async #fail(failure: Failure): Promise<boolean> {
    const ended = await this.#post([failure.code, failure.message]);
    return ended === 'taken';
  }

  /** One turn, unless the source has ended before it. Never rejects: a space that closes takes nothing more. */
  async #post(parts: readonly Value[]): Promise<Arrived> {
    const { context } = this.#owner;
    const { id, account } = this.record;
    if (context.stopped || !this.#owner.isOpen(id)) return 'ended';
    const cause = { kind: 'arrival', payload: recordOf([id, ...parts]), account };
    try {
      return await insist(context, () => context.engine.enact<Arrived>(cause));
    } catch {
      // Only the engine rejects, once for all: whoever owns the space has been told.
      return 'ended';
    }
  }

  /** Resolves when the reader is no longer behind; false when the source ends before that. */
  #roomForMore(): Promise<boolean> {
    const { engine } = this.#owner.context;
    const { channel, unread_max } = this.record;
    return new Promise((resolve) => {
      const left = (): void => {
        watch.cancel();
        resolve(false);
      };
      const watch = engine.whenFewer(channel, unread_max, () => {
        this.signal.removeEventListener('abort', left);
        resolve(true);
      });
      this.signal.addEventListener('abort', left, { once: true });
    });
  }
}

/** How often it is looked whether there is room again, and how long until it is tried without. */
const QUOTA_LOOK_MS = 50;
const QUOTA_RETRY_MS = 1_000;

function garbage(why: string): Failure {
  return { code: 'native_failed', message: `what the native sent cannot be taken: ${why}`, hint: '' };
}
