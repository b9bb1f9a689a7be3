/**
 * Sources: channels on which things arrive by themselves, each with a native behind its other end. A source is a
 * durable fact from the turn that makes it to the turn that ends it, so it is found again after a restart. Each
 * arrival is one cause and one turn. Owns the facts, and which sources are open in this process. Must never let an
 * arrival in after its source has ended.
 */
import { errorResult, stateKey } from '../../channels/index.ts';
import type { Native } from '../../channels/index.ts';
import { type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Account, Turn } from '../space/index.ts';
import { channelKey, type List, type Tuple, type Value } from '../values/index.ts';
import { reportDurably, type JobContext } from './job.ts';
import { type Arrived, OpenSource } from './open-source.ts';
import { Maker, withoutBundle } from './replies.ts';
import { readSource, SOURCE_PREFIX, type SourceRecord, valuesOf, writeSource } from './source-record.ts';
import { failureOf, type Failure } from './stderr.ts';

export interface NewSourceRecord extends SourceRecord {
  readonly state: Value | undefined;
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
    const found = [...context.engine.facts(SOURCE_PREFIX)].map(([key, fact]) =>
      readSource(key.slice(SOURCE_PREFIX.length), fact),
    );
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
    turn.setFact(SOURCE_PREFIX + id, writeSource(record));
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
    turn.setFact(SOURCE_PREFIX + id, undefined);
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
