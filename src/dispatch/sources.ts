/**
 * Sources: channels on which things arrive by themselves, each with a native behind its other end. A source is a
 * durable fact from the turn that makes it to the turn that ends it, so it is found again after a restart. Each
 * arrival is one cause and one turn. Owns what of a source is open in this process: its signal, its queue of
 * pushes and the wait for a reader who is behind. Must never let an arrival in after its source has ended.
 */
import { errorResult, stateKey } from '../../channels/index.ts';
import type { Made, Native, NativeError, Source } from '../../channels/index.ts';
import { type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Account, Turn } from '../space/index.ts';
import { channelKey, List, Tuple, type Value } from '../values/index.ts';
import { made } from './answers.ts';
import { insist, recordOf, reportDurably, type JobContext } from './job.ts';
import { Maker, withoutBundle } from './replies.ts';
import { failureOf, oneLine, type Failure } from './stderr.ts';
import type { Room } from './value-check.ts';

/** What the fact of a source says. */
export interface SourceRecord {
  readonly id: string;
  readonly native: string;
  readonly handle: Value;
  /** Where its messages go. */
  readonly channel: Value;
  /** Where an error goes instead of there. */
  readonly errors: Value | null;
  readonly account: Account;
  readonly cap: string;
  readonly unread_max: number;
  /** Its messages are the reply of a call. */
  readonly replies: boolean;
}

export interface NewSourceRecord extends SourceRecord {
  readonly state: Value | undefined;
}

const PREFIX = 'source/';

function write(source: SourceRecord): Tuple {
  const { native, handle, channel, errors, account, cap, unread_max, replies } = source;
  return new Tuple([
    native,
    handle,
    channel,
    new List(errors === null ? [] : [errors]),
    account,
    cap,
    unread_max,
    replies,
  ]);
}

function read(id: string, fact: Value): SourceRecord {
  const [native, handle, channel, errors, account, cap, unread_max, replies] = (fact as Tuple).items;
  return {
    id,
    native: native as string,
    handle: handle as Value,
    channel: channel as Value,
    errors: (errors as List).items[0] ?? null,
    account: account as number,
    cap: cap as string,
    unread_max: unread_max as number,
    replies: replies as boolean,
  };
}

export class Sources {
  /** Gives the natives of this process by name; one that is not there finds its sources when it is registered. */
  readonly #native: (name: string) => Native | undefined;
  readonly #ended: (account: Account) => void;
  readonly #open = new Map<string, OpenSource>();
  readonly #byChannel = new Map<string, OpenSource>();
  readonly #counts = new Map<Account, number>();
  #context: JobContext | null = null;
  #started = false;

  constructor(native: (name: string) => Native | undefined, ended: (account: Account) => void) {
    this.#native = native;
    this.#ended = ended;
  }

  /** Finds the sources of earlier processes; nothing of them is open before `start`. */
  attach(context: JobContext): void {
    this.#context = context;
    context.engine.register('arrival', (turn, { payload }) => this.#arrived(turn, payload));
    const found = [...context.engine.facts(PREFIX)].map(([key, fact]) => read(key.slice(PREFIX.length), fact));
    for (const record of found.sort(byAge)) this.#add(record, true);
  }

  /** Opens what was found; said once, when the space moves. */
  start(): void {
    this.#started = true;
    for (const source of [...this.#open.values()]) this.#openAt(source);
  }

  /** A native has been registered: sources that waited for it. */
  appeared(native: string): void {
    if (!this.#started) return;
    for (const source of [...this.#open.values()]) if (source.record.native === native) this.#openAt(source);
  }

  /** In the turn of the answer that makes it. A failure: there are too many. */
  create(turn: Turn, { state, ...record }: NewSourceRecord): Failure | null {
    const { id, account } = record;
    if ((this.#counts.get(account) ?? 0) >= limits.sources_max) {
      return {
        code: 'quota_exceeded',
        message: `this program has ${limits.sources_max} sources open already`,
        hint: '',
      };
    }
    if (this.context.mode !== 'transaction')
      return { code: 'not_available', message: 'nothing arrives by itself in a query', hint: '' };
    turn.setFact(PREFIX + id, write(record));
    if (state !== undefined) turn.setFact(stateKey(id), state);
    const source = this.#add(record, false);
    turn.afterDurable(() => this.#openAt(source));
    return null;
  }

  /** Ends the source behind a channel, when it is one of this native and of the grant of the caller. */
  close(turn: Turn, channel: Value, native: string, cap: string): boolean {
    const source = this.#byChannel.get(channelKey(withoutBundle(channel)));
    if (source === undefined || source.record.native !== native) return false;
    const { capabilities } = this.context;
    if (capabilities.rootOf(source.record.cap) !== capabilities.rootOf(cap)) return false;
    this.end(turn, source.record.id, null);
    return true;
  }

  /** Ends a source in this turn; whoever reads its channel is told why, unless they ended it themselves. */
  end(turn: Turn, id: string, why: Failure | null): void {
    const source = this.#open.get(id);
    if (source === undefined) return;
    const { record } = source;
    turn.setFact(PREFIX + id, undefined);
    if (turn.fact(stateKey(id)) !== undefined) turn.setFact(stateKey(id), undefined);
    this.#remove(source);
    if (why !== null) {
      const told = errorResult(why.code, why.message, record.native, 'source');
      turn.produceAnyway(record.errors ?? record.channel, [told]);
    }
    turn.afterDurable(() => {
      source.leave();
      this.#ended(record.account);
    });
  }

  /** Every source, oldest first. */
  records(): readonly SourceRecord[] {
    return [...this.#open.values()].map(({ record }) => record);
  }

  count(account: Account): number {
    return this.#counts.get(account) ?? 0;
  }

  /** The process leaves: nothing more arrives, and every source is found again. */
  stop(): void {
    for (const source of this.#open.values()) source.leave();
  }

  /** The turn of an arrival: its message, or the error with which its source has ended. */
  #arrived(turn: Turn, payload: Value): Arrived {
    const [, id, first, ...rest] = (payload as Tuple).items;
    const source = this.#open.get(id as string);
    if (source === undefined) return 'ended';
    const { record } = source;
    if (typeof first === 'string') {
      const { stderr } = this.context;
      const failure: Failure = { code: first as ErrorCode, message: rest[0] as string, hint: '' };
      this.end(turn, record.id, failure);
      reportDurably(turn, record.account, stderr, failure, record.native, null);
      return 'taken';
    }
    const [state, last] = rest as [List, boolean];
    try {
      if (!this.#put(turn, record, (first as List).items as readonly Tuple[])) return 'full';
    } catch (thrown) {
      // Its channel takes no messages any more: there is nobody to send to.
      if (!isPowerboxError(thrown)) throw thrown;
      turn.fail(thrown);
      this.end(turn, record.id, null);
      return 'ended';
    }
    if (!this.isOpen(record.id)) return 'taken';
    if (state.items[0] !== undefined) turn.setFact(stateKey(record.id), state.items[0]);
    if (last) this.end(turn, record.id, null);
    return 'taken';
  }

  /** Puts the message on the channel; false when there is no room for it, and then nothing has changed. */
  #put(turn: Turn, record: SourceRecord, items: readonly Tuple[]): boolean {
    if (items.every((item) => item.items[0] === 'ok')) return turn.offer(record.channel, valuesOf(items));
    const maker = new Maker(turn, record.account, this.context, record.cap, null);
    const values: Value[] = [];
    for (const item of items) {
      const value = maker.make(item.items);
      if (value !== null && typeof value === 'object' && 'code' in value) {
        this.end(turn, record.id, value);
        return true;
      }
      values.push(value);
    }
    // What was made cannot be unmade: a connection that is there is handed out, and charged.
    turn.produceAnyway(record.channel, values);
    return true;
  }

  #add(record: SourceRecord, resumed: boolean): OpenSource {
    const source = new OpenSource(this, record, resumed);
    this.#open.set(record.id, source);
    // A reply's channel belongs to its caller.
    if (!record.replies) this.#byChannel.set(channelKey(record.channel), source);
    this.#counts.set(record.account, this.count(record.account) + 1);
    return source;
  }

  #remove({ record }: OpenSource): void {
    this.#open.delete(record.id);
    if (!record.replies) this.#byChannel.delete(channelKey(record.channel));
    const left = this.count(record.account) - 1;
    if (left > 0) this.#counts.set(record.account, left);
    else this.#counts.delete(record.account);
  }

  #openAt(source: OpenSource): void {
    const context = this.#context;
    const native = this.#native(source.record.native);
    if (
      context === null ||
      context.stopped ||
      context.paused ||
      native === undefined ||
      source.opened ||
      source.signal.aborted
    )
      return;
    source.opened = true;
    if (source.record.replies) this.#limit(context, source);
    try {
      if (native.open !== undefined) {
        native.open(source);
        return;
      }
      void source.fail({ code: 'native_failed', message: `the native ${source.record.native} opens no sources` });
    } catch (thrown) {
      context.counts.thrown++;
      void source.fail(failureOf(thrown, 'native_failed'));
    }
  }

  /** A reply that comes later is within the time that the caller allows, counted by each process from its start. */
  #limit({ capabilities, timers }: JobContext, source: OpenSource): void {
    const limit_ms = capabilities.limitOf(source.record.cap);
    if (limit_ms === null) return;
    const message = `${source.record.native} has not answered within ${limit_ms} ms`;
    const timer = timers.after(limit_ms, () => void source.fail({ code: 'timed_out', message }));
    source.signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  // ------------------------------------------------------------------ for the open ends

  get context(): JobContext {
    if (this.#context === null) throw new PowerboxError('bad_request', 'this dispatcher has no space yet');
    return this.#context;
  }

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }
}

function byAge(left: SourceRecord, right: SourceRecord): number {
  return ageOf(left) - ageOf(right) || (left.id < right.id ? -1 : 1);
}

/** Ids are `t<number>` or `t<number>.<index>`. */
function ageOf({ id }: SourceRecord): number {
  return Number.parseInt(id.slice(1), 10);
}

/** What became of an arrival: there was no room for it, or its source had ended before. */
type Arrived = 'taken' | 'full' | 'ended';

class OpenSource implements Source {
  readonly record: SourceRecord;
  readonly resumed: boolean;
  opened = false;
  readonly #sources: Sources;
  readonly #leaving = new AbortController();
  /** Ends when there is room for the next message. */
  #pushing: Promise<unknown> = Promise.resolve();
  /** Ends when the message under way has arrived: whether there is room for another one is no matter for an end. */
  #arriving: Promise<unknown> = Promise.resolve();
  /** Whether the reader is behind is not known yet: the source is of an earlier process. */
  #behind: boolean;

  constructor(sources: Sources, record: SourceRecord, resumed: boolean) {
    this.#sources = sources;
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
    return this.#sources.context.engine.fact(stateKey(this.id));
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
    const { stderr } = this.#sources.context;
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
    const { stderr } = this.#sources.context;
    const message = `what arrives at ${this.record.native} waits: there is no room left to store it`;
    stderr.report(this.account, { code: 'quota_exceeded', message, hint: '' }, this.record.native, null);
  }

  /** Resolves when there may be room for the message in the account's quota; false when the source ends before that. */
  async #quotaRoom(items: readonly Tuple[]): Promise<boolean> {
    const { engine, timers } = this.#sources.context;
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
    const { context } = this.#sources;
    const { id, account } = this.record;
    if (context.stopped || !this.#sources.isOpen(id)) return 'ended';
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
    const { engine } = this.#sources.context;
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

function valuesOf(items: readonly Tuple[]): Value[] {
  return items.map((item) => item.items[1] as Value);
}

function garbage(why: string): Failure {
  return { code: 'native_failed', message: `what the native sent cannot be taken: ${why}`, hint: '' };
}
