/**
 * Runs a trace again: the state that it begins with is laid into a store in memory, a space is opened on it, and its
 * causes are done in the turns in which they were done. All else follows, and after each commit must be what followed
 * then. Touches nothing: no native is called, no clock is looked at, no file is opened.
 *
 * Where it comes to a keyframe, its state must be that which the keyframe has.
 *
 * Owns whose turn is next, and what led to each; stops for good at the first difference.
 */
import { PowerboxError } from '../errors.ts';
import type { CauseRecord, Observer, SpaceEngine, Task } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import { Bytes, List, sizeOf, Tuple, type Value } from '../values/index.ts';
import { baseOf, keyframeBase } from './base.ts';
import { Chain } from './chain.ts';
import { type ChainLink, Departure } from './departure.ts';
import type { TraceBytes } from './blocks.ts';
import { invalid, requireHead, TRACE_VERSION_COMPARED } from './blocks.ts';
import { keyframeBefore } from './keyframe.ts';
import { type KeyframeMark, TraceReader } from './reader.ts';
import type { TraceRecord } from './records.ts';
import type { KeyframePlace } from './writer.ts';

/** How a space is opened for a replay: with all its causes registered, its runner, and natives that are only asked. */
export type OpenForReplay = (base: {
  readonly store: Store;
  readonly quotas: string | null;
  /** What stood in memory, where it begins in the middle. */
  readonly standing?: Value;
  readonly observer?: Observer;
}) => Promise<SpaceEngine>;

/** One turn that has been replayed. */
export type ReplayedTurn =
  | {
      readonly type: 'cause';
      readonly turn: number;
      readonly cause: CauseRecord;
      readonly refusal: PowerboxError | null;
    }
  | { readonly type: 'task' | 'outside' | 'parked'; readonly turn: number; readonly task: Task }
  | { readonly type: 'unparked'; readonly turn: number; readonly label: string };

export interface ReplayOptions {
  /**
   * The first turn that must be replayed: it begins with the last keyframe before that, and takes the state there as it
   * stands. Default: the first turn of the trace.
   */
  readonly from?: number;
  readonly observer?: Observer;
  /** Called after each turn. True: stop there. */
  readonly onTurn?: (turn: ReplayedTurn) => boolean;
  /** Puts another cause in the place of one that was recorded: what follows is then not compared any more. */
  readonly substitute?: (cause: CauseRecord, engine: SpaceEngine) => CauseRecord;
  /** Called before each turn, with its number. */
  readonly beforeTurn?: (turn: number) => void;
}

export interface ReplayReport {
  /** The last turn that was replayed, and how many. */
  readonly turn: number;
  readonly turns: number;
  readonly commits: number;
  readonly causes: number;
  /** Whether that was all of the trace. */
  readonly complete: boolean;
}

/** Kinds of causes with which a chain begins, for people. */
export interface Wording {
  cause(cause: CauseRecord): string;
  task(task: Task): string;
}

interface ReplayParts {
  readonly bytes: TraceBytes;
  readonly reader: TraceReader;
  readonly store: Store;
  readonly engine: SpaceEngine;
  readonly open: OpenForReplay;
}

export class Replay {
  readonly engine: SpaceEngine;
  /** The release that recorded it. */
  readonly runtime: string;
  readonly #options: ReplayOptions;
  readonly #records: Generator<TraceRecord | KeyframeMark>;
  readonly #open: OpenForReplay;
  readonly #reader: TraceReader;
  readonly #store: Store;
  readonly #bytes: TraceBytes;
  /** What an older release wrote has other rows in its logs: tasks and messages are counted, and nothing more is compared. */
  readonly #isCompared: boolean;
  readonly #chain = new Chain();
  readonly #wording: Wording;
  /** Causes by their turn, large ones as words only: what a chain is told with. */
  readonly #told = new Map<number, CauseRecord | string>();
  #record: TraceRecord | KeyframeMark | null = null;
  /** Of the keyframe that is being passed: what the state was where it begins. */
  #passed: { readonly place: KeyframePlace; readonly digest: Uint8Array } | null = null;
  #turns = 0;
  #commits = 0;
  #causes = 0;
  #complete = false;

  private constructor({ bytes, reader, store, engine, open }: ReplayParts, wording: Wording, options: ReplayOptions) {
    this.engine = engine;
    this.#open = open;
    this.#reader = reader;
    this.runtime = reader.space.runtime;
    this.#store = store;
    this.#bytes = bytes;
    this.#isCompared = requireHead(bytes) >= TRACE_VERSION_COMPARED;
    this.#wording = wording;
    this.#options = options;
    this.#records = reader.records((bytes) => engine.names.read(bytes));
  }

  static async open(
    bytes: TraceBytes,
    open: OpenForReplay,
    wording: Wording,
    options: ReplayOptions = {},
  ): Promise<Replay> {
    const { from, observer } = options;
    const reader = new TraceReader(bytes, from === undefined ? null : keyframeBefore(bytes, from));
    const { quotas, without } = reader.space;
    if (without !== 'nothing')
      throw new PowerboxError('not_available', `this trace was written without its ${without}: it cannot be replayed`, {
        hint: 'It can be shown: powerbox trace show.',
      });
    const base = await baseOf(bytes, reader);
    const { store } = base;
    const engine = await open({ ...base, quotas, ...(observer === undefined ? {} : { observer }) });
    return new Replay({ bytes, reader, store, engine, open }, wording, options);
  }

  get turn(): number {
    return this.engine.turn;
  }

  /** To the end, to turn `until`, or to where `onTurn` stops it. Rejects with a `Departure` at the first difference. */
  async run(until: number = Number.POSITIVE_INFINITY): Promise<ReplayReport> {
    for (;;) {
      this.#record ??= this.#next();
      const record = this.#record;
      if (record === null) {
        this.#complete = true;
        break;
      }
      if (record.type === 'keyframe' || record.type === 'keyframe-end') {
        this.#record = null;
        await this.#pass(record);
        continue;
      }
      if (!this.#catchUp(record, until)) break;
      if (record.type !== 'commit' && record.type !== 'blob' && this.turn >= until) break;
      this.#record = null;
      if (record.type === 'blob') await this.#store.blobs.put(record.hash, record.bytes);
      else if (record.type === 'commit') await this.#commit(record);
      else if (this.#redo(record)) break;
    }
    return this.report;
  }

  get report(): ReplayReport {
    const { turn } = this;
    return { turn, turns: this.#turns, commits: this.#commits, causes: this.#causes, complete: this.#complete };
  }

  #next(): TraceRecord | KeyframeMark | null {
    const next = this.#records.next();
    return next.done === true ? null : next.value;
  }

  /** Runs the tasks between two records. False: stopped before the record's own turn. */
  #catchUp(record: TraceRecord, until: number): boolean {
    if (record.type === 'blob') return true;
    const { engine } = this;
    // A commit ends after its last turn; what else is recorded is a turn of its own.
    const last = record.type === 'commit' ? record.turn : record.turn - 1;
    if (engine.turn > last) throw invalid(`a record of turn ${record.turn} stands after one of turn ${engine.turn}`);
    const { onTurn } = this.#options;
    while (engine.turn < last) {
      if (engine.turn >= until) return false;
      const turn = this.#begin();
      const first = engine.nextTask;
      const found = engine.redoTask('inline');
      if (found === null) throw this.#departs(turn, 'a task that ran', 'has nothing left to run');
      if (found.handling !== 'inline')
        throw this.#departs(turn, 'a task that ran in its turn', `hands over ${this.#wording.task(found.task)}`);
      // Most turns are of this kind: nothing is made for nobody to look at.
      this.#turns++;
      this.#chain.add(turn, found.task.number, first);
      if (onTurn?.({ type: 'task', turn, task: found.task }) === true) return false;
    }
    return true;
  }

  #begin(): number {
    const turn = this.engine.turn + 1;
    this.#options.beforeTurn?.(turn);
    return turn;
  }

  /** A turn that the record tells. True: stop there. */
  #redo(record: Exclude<TraceRecord, { type: 'commit' | 'blob' }>): boolean {
    const { engine } = this;
    const turn = this.#begin();
    const first = engine.nextTask;
    switch (record.type) {
      case 'cause': {
        if (!engine.knows(record.kind)) throw this.#unknown(record);
        if (record.task !== 0 && engine.held(record.task) === undefined)
          throw this.#departs(
            turn,
            `${this.#wording.cause(record)} for task ${record.task}`,
            'has no such task outside',
          );
        const done = this.#options.substitute?.(record, engine) ?? record;
        const refusal = engine.redoCause(done);
        this.#causes++;
        this.#tell(turn, record);
        return this.#ran({ type: 'cause', turn, cause: record, refusal }, 0, first);
      }
      case 'unparked':
        engine.unpark(record.label);
        if (engine.turn !== turn)
          throw this.#departs(turn, `tasks of ${JSON.stringify(record.label)} that go on`, 'has none put aside');
        return this.#ran({ type: 'unparked', turn, label: record.label }, 0, first);
      default: {
        const found = engine.redoTask(record.type);
        const wanted = record.type === 'outside' ? 'handed over' : 'put aside';
        if (found === null) throw this.#departs(turn, `task ${record.task} ${wanted}`, 'has nothing left to run');
        const { task, handling } = found;
        if (handling !== record.type || task.number !== record.task)
          throw this.#departs(turn, `task ${record.task} ${wanted}`, `runs ${this.#wording.task(task)}`);
        return this.#ran({ type: record.type, turn, task }, task.number, first);
      }
    }
  }

  #ran(turn: ReplayedTurn, task: number, firstTask: number): boolean {
    this.#turns++;
    this.#chain.add(turn.turn, task, firstTask);
    return this.#options.onTurn?.(turn) ?? false;
  }

  #tell(turn: number, cause: CauseRecord): void {
    this.#told.set(turn, isLarge(cause) ? this.#wording.cause(cause) : cause);
    if (this.#told.size <= TOLD_MAX) return;
    const [oldest] = this.#told.keys();
    if (oldest !== undefined) this.#told.delete(oldest);
  }

  async #commit({ turn, header, digest }: Extract<TraceRecord, { type: 'commit' }>): Promise<void> {
    const { nextTask, nextStamp } = this.engine.header();
    this.#commits++;
    if (this.#options.substitute !== undefined) {
      await this.engine.redoCommit();
      return;
    }
    if (nextTask !== header.nextTask || nextStamp !== header.nextStamp) {
      const counted = (tasks: number, stamps: number): string => `${tasks} tasks and ${stamps} messages so far`;
      throw this.#departs(
        turn,
        `${counted(header.nextTask, header.nextStamp)} at the end of its commit`,
        `has ${counted(nextTask, nextStamp)}`,
      );
    }
    const followed = await this.engine.redoCommit();
    if (!this.#isCompared || equal(followed, digest)) return;
    throw this.#departs(
      turn,
      `a commit with the digest ${hex(digest)}`,
      `has ${hex(followed)}: the same number of things, and not the same`,
    );
  }

  /** A keyframe says what the state is where it begins: it must be that to which the replay came. */
  async #pass(mark: KeyframeMark): Promise<void> {
    if (this.#options.substitute !== undefined || !this.#isCompared) return;
    if (mark.type === 'keyframe') {
      const { place } = mark;
      if (place.turn !== this.turn) throw invalid(`a keyframe of turn ${place.turn} stands after turn ${this.turn}`);
      const isBeginning = place.at === this.#reader.keyframe?.at;
      this.#passed = isBeginning ? null : { place, digest: await this.engine.stateDigest() };
      return;
    }
    const passed = this.#passed;
    this.#passed = null;
    if (passed === null) return;
    const { place, digest } = passed;
    const { space } = this.#reader;
    const base = await keyframeBase(this.#bytes, space, place);
    const other = await this.#open({ ...base, quotas: space.quotas });
    const recorded = await other.stateDigest();
    await base.store.close();
    if (equal(recorded, digest)) return;
    throw this.#departs(place.turn, `a keyframe whose state is ${hex(recorded)}`, `has come to ${hex(digest)}`);
  }

  /** The cause from which a turn follows, and the turns between, newest first. */
  chain(turn: number): ChainLink[] {
    return this.#chain.of(turn).map((one) => {
      const cause = this.#told.get(one);
      return {
        turn: one,
        what: cause === undefined ? 'a task' : typeof cause === 'string' ? cause : this.#wording.cause(cause),
      };
    });
  }

  /** The turn that made a task, and the turn before which a turn follows. */
  before(turn: number): number | null {
    return this.#chain.before(turn);
  }

  #departs(turn: number, recorded: string, replayed: string): Departure {
    return new Departure({ turn, recorded, replayed, chain: this.chain(turn) });
  }

  #unknown({ kind, turn }: CauseRecord): PowerboxError {
    return invalid(
      `the cause of turn ${turn} is of kind ${JSON.stringify(kind.slice(0, 64))}, which this program does not know`,
    );
  }

  /** The state stays as it is; nothing more is replayed. */
  async close(): Promise<void> {
    this.#bytes.close();
    await this.#store.close();
  }
}

/** Causes that are remembered for chains. */
const TOLD_MAX = 100_000;
/** Characters, bytes and items from which on a cause is too large to be kept as it is. */
const LARGE = 1024;

function isLarge({ payload, message }: CauseRecord): boolean {
  let left = LARGE;
  const values: Value[] = [payload, ...(message ?? [])];
  for (let value = values.pop(); value !== undefined && left > 0; value = values.pop()) {
    left--;
    if (typeof value === 'string') left -= value.length;
    else if (value instanceof Bytes) left -= value.bytes.length;
    else if (value instanceof List || value instanceof Tuple) {
      left -= value.items.length;
      if (left > 0) values.push(...value.items);
    } else if (typeof value === 'object' && value !== null) left -= sizeOf(value);
  }
  return left <= 0;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
