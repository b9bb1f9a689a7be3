/**
 * Records a space as it runs: what it begins with, then its causes commit by commit as they become durable, and from time
 * to time a keyframe, from which the record can be begun again. Owns the order in which that is written and what is not
 * written yet; must never hold up the space for longer than it takes to compress a block, nor write down what a crash
 * could still undo.
 */
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import type { CauseRecord, EntryHeader, RecordedCommit, Recorder, Task } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import { Encoder, type Value } from '../values/index.ts';
import { VERSION } from '../version.ts';
import { type Capture, captureOf, writeKeyframe } from './keyframe.ts';
import { PartWriter } from './parts.ts';
import { type Mark, RecordWriter, type TraceRecord, type WholeCommit } from './records.ts';
import { encodeSpace } from './space-record.ts';
import { type KeyframePlace, type TraceSink, TraceWriter } from './writer.ts';

export interface RecordingOptions {
  readonly sink: TraceSink;
  readonly timers: Platform['timers'];
  readonly hashing: Platform['hashing'];
  /** The settings of quotas with which the space is opened. */
  readonly quotas: string | null;
  /** Hears once when the trace cannot be written: the space goes on without it. */
  readonly onFailure: (error: Error) => void;
  /** Bytes of the trace between two keyframes; 0: as many as can be made. Default: `limits.trace_keyframe_bytes`. */
  readonly keyframe_bytes?: number;
}

/** How long what is durable may wait until a block is full. */
const BLOCK_AGE_MS = 1000;
/** A keyframe comes when this many times as much as the last one took has been written since: it is the smaller part. */
const KEYFRAME_SHARE = 2;

/** Hand-overs and large messages. */
type AnyMark = Exclude<TraceRecord, { type: 'cause' | 'commit' }>;

/** A commit that is not durable yet. */
interface Waiting {
  /** All of it, where its causes could be copied from the entry; nothing else is there then but what stood in memory. */
  readonly whole: WholeCommit | null;
  /** The journal's own: nothing is made of them before they are written. */
  readonly causes: readonly CauseRecord[];
  readonly marks: readonly AnyMark[];
  readonly end: Extract<TraceRecord, { type: 'commit' }> | null;
  /** What stood in memory behind it, when a keyframe is to be made of it. */
  readonly standing: Uint8Array | null;
}

export class TraceRecorder implements Recorder {
  readonly #options: RecordingOptions;
  readonly #store: Store;
  readonly #trace: TraceWriter;
  /** Hand-overs and large messages since the last commit, in order. */
  #marks: AnyMark[] = [];
  /** Oldest first. */
  readonly #waiting: Waiting[] = [];
  /** Durable, and not written yet. */
  #ready: Waiting[] = [];
  #isSoon = false;
  #records = new RecordWriter(0);
  /** The last turn that is in a block, or in the one that is filled now. */
  #turn = 0;
  /** The turn after which the records begin that are in no block yet. */
  #from = 0;
  #timer: { cancel(): void } | null = null;
  #over = false;
  readonly #keyframes: KeyframePlace[] = [];
  /** Who waits for the first of them. */
  #basing: (() => void)[] = [];
  /** It has no other beginning than the first of them. */
  #joined = false;
  /** One is being made. */
  #framing = false;
  /** Bytes of the trace at which the next one is due. */
  #frameAt: number;

  private constructor(store: Store, options: RecordingOptions) {
    this.#store = store;
    this.#options = options;
    const { sink } = options;
    this.#trace = new TraceWriter(
      (bytes) => this.#write(bytes),
      () => sink.ready?.() ?? Promise.resolve(),
    );
    sink.onFailure?.((error) => this.#fail(error));
    this.#frameAt = this.#interval;
  }

  /** Writes down a store as it is, before a space is opened on it. */
  static async begin(store: Store, options: RecordingOptions): Promise<TraceRecorder> {
    const recorder = new TraceRecorder(store, options);
    const trace = recorder.#trace;
    const { journal, keys, rows } = store;
    const { quotas } = options;
    const { nameKey } = keys;
    const space = { runtime: VERSION, nameKey, quotas, journalFirst: journal.first, without: 'nothing' } as const;
    trace.block('space', 0, encodeSpace(space));
    const parts = new PartWriter((body) => trace.block('rows', 0, body));
    for await (const { key, value } of rows.scan(NO_PREFIX)) {
      parts.add(key, value);
      await trace.ready();
    }
    parts.end();
    const entries = new PartWriter((body) => trace.block('journal', 0, body));
    for await (const { entry } of journal.read(journal.first)) {
      entries.add(entry);
      await trace.ready();
    }
    entries.end();
    recorder.#frameAt = trace.length + recorder.#interval;
    return recorder;
  }

  /** Of a space that is open: whoever has the engine tells it behind which commit it begins. */
  static joining(store: Store, options: RecordingOptions): TraceRecorder {
    return new TraceRecorder(store, options);
  }

  /** The record of a space that was open begins with a keyframe, as soon as this commit is durable. */
  begin(header: EntryHeader, standing: Value): void {
    const { journal, keys } = this.#store;
    const { quotas } = this.#options;
    const { nameKey } = keys;
    const space = { runtime: VERSION, nameKey, quotas, journalFirst: journal.first, without: 'nothing' } as const;
    this.#marks = [];
    this.#turn = this.#from = header.lastTurn;
    this.#records = new RecordWriter(header.lastTurn);
    this.#trace.block('space', header.lastTurn, encodeSpace(space));
    this.#joined = true;
    this.#framing = true;
    this.#waiting.push({ whole: null, causes: [], marks: [], end: null, standing: encoded(standing) });
  }

  /** Resolves when there is something to replay from, or nothing more comes. */
  get based(): Promise<void> {
    if (this.hasBase || this.#over) return Promise.resolve();
    return new Promise((resolve) => this.#basing.push(resolve));
  }

  /** Whether the keyframe with which it begins is whole. */
  get hasBase(): boolean {
    return this.#keyframes.length > 0;
  }

  held(turn: number, task: Task, handling: 'outside' | 'parked'): void {
    this.#marks.push({ type: handling, turn, task: task.number });
  }

  unparked(turn: number, label: string): void {
    this.#marks.push({ type: 'unparked', turn, label });
  }

  blob(hash: Uint8Array, bytes: Uint8Array): void {
    this.#marks.push({ type: 'blob', turn: 0, hash, bytes });
  }

  commit(commit: RecordedCommit): void {
    if (this.#over) return;
    const marks = this.#marks;
    this.#marks = [];
    const isDue = !this.#framing && this.#trace.length + this.#records.length >= this.#frameAt;
    this.#framing ||= isDue;
    const standing = isDue ? encoded(commit.standing()) : null;
    const whole = wholeOf(commit, marks);
    if (whole !== null) {
      this.#waiting.push({ whole, causes: [], marks: [], end: null, standing });
      return;
    }
    const { header, causes, digest } = commit;
    const end = { type: 'commit', turn: header.lastTurn, header, digest } as const;
    this.#waiting.push({ whole, causes, marks, end, standing });
  }

  durable(): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined || this.#over) return;
    this.#ready.push(waiting);
    // A keyframe is made of what the store holds now.
    if (waiting.standing !== null) this.#writeReady();
    else this.#writeSoon();
  }

  /** When those who were told that it is durable have gone on and the next commit is on its way to the disk. */
  #writeSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    const { timers } = this.#options;
    timers.soon(() =>
      timers.soon(() => {
        this.#isSoon = false;
        this.#writeReady();
      }),
    );
  }

  #writeReady(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const waiting of ready) if (!this.#over) this.#writeDown(waiting);
  }

  #writeDown({ whole, causes, marks, end, standing }: Waiting): void {
    if (whole !== null) {
      this.#records.whole(whole);
      this.#turn = whole.header.lastTurn;
      this.#flushFull();
    }
    let next = 0;
    for (const mark of marks) {
      for (let cause = causes[next]; cause !== undefined && cause.turn < mark.turn; cause = causes[++next])
        this.#cause(cause);
      this.#records.write(mark);
      if (mark.type !== 'blob') this.#turn = mark.turn;
      this.#flushFull();
    }
    for (let cause = causes[next]; cause !== undefined; cause = causes[++next]) this.#cause(cause);
    if (end !== null) {
      this.#records.write(end);
      this.#turn = end.turn;
      this.#flushFull();
    }
    if (standing !== null) this.#keyframe(standing);
    else if (this.#records.length > 0) this.#timer ??= this.#options.timers.after(BLOCK_AGE_MS, () => this.#flush());
  }

  #cause(cause: CauseRecord): void {
    this.#records.cause(cause);
    this.#turn = cause.turn;
    this.#flushFull();
  }

  /** Also amid a commit: whoever reads it expands one block at a time. */
  #flushFull(): void {
    if (this.#records.length >= limits.trace_block_bytes) this.#flush();
  }

  /** The space has closed, or what is recorded is enough: ends the trace. */
  end(): void {
    if (this.#over) return;
    this.#writeReady();
    this.#flush();
    this.#trace.end(this.#turn, this.#keyframes);
    this.#stop();
  }

  /** What the store holds at this moment is what follows from all turns up to this one. */
  #keyframe(standing: Uint8Array): void {
    this.#flush();
    const capture = captureOf(this.#store);
    const began = this.#trace.length;
    const interval = this.#interval;
    const turn = this.#turn;
    this.#framed(capture, turn, standing).then(
      () => {
        this.#framing = false;
        const taken = this.#trace.length - began;
        this.#frameAt = this.#trace.length + (interval === 0 ? 0 : Math.max(interval, KEYFRAME_SHARE * taken));
      },
      (error: unknown) => {
        // The store cannot be read: the space will say so. The record is as good without, unless it begins there.
        if (this.#joined && !this.hasBase) this.#fail(error);
      },
    );
  }

  #framed(capture: Capture, turn: number, standing: Uint8Array): Promise<void> {
    const { hashing } = this.#options;
    return writeKeyframe({
      capture,
      turn,
      standing,
      trace: this.#trace,
      sha256: (bytes) => hashing.sha256(bytes),
      isOver: () => this.#over,
      whole: (place) => {
        this.#keyframes.push(place);
        for (const resolve of this.#basing.splice(0)) resolve();
      },
    });
  }

  get #interval(): number {
    return this.#options.keyframe_bytes ?? limits.trace_keyframe_bytes;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#records.length === 0) return;
    this.#trace.block('turns', this.#from, this.#records.finish());
    this.#from = this.#turn;
  }

  #write(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#options.sink.write(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** It breaks off here. */
  #fail(error: unknown): void {
    if (this.#over) return;
    this.#stop(error);
  }

  #stop(failure: unknown = null): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
    let told = failure;
    try {
      this.#options.sink.close();
    } catch (error) {
      told ??= error;
    }
    if (told !== null) this.#options.onFailure(told instanceof Error ? told : new Error(String(told)));
    for (const resolve of this.#basing.splice(0)) resolve();
  }
}

/** Null: it is written cause by cause, for the entry does not have all of them, or they would make too large a block. */
function wholeOf({ header, causes, written, digest }: RecordedCommit, marks: readonly AnyMark[]): WholeCommit | null {
  if (written === null || written.bytes.length > limits.trace_block_bytes) return null;
  const handed: Mark[] = [];
  for (const mark of marks) {
    if (mark.type === 'blob') return null;
    handed.push(mark);
  }
  const ended: number[] = [];
  for (let index = 0; index < causes.length; index++) {
    const { task } = causes[index] as CauseRecord;
    if (task !== 0) ended.push(index, task);
  }
  // The entry's bytes are the journal's, and this waits for longer.
  const { version, bytes } = written;
  return { header, digest, marks: handed, ended, causes: { version, bytes: bytes.slice() } };
}

const NO_PREFIX = new Uint8Array(0);

function encoded(value: Value): Uint8Array {
  const encoder = new Encoder();
  encoder.value(value);
  return encoder.finish();
}
