/**
 * Records a space as it runs: what it begins with, then its causes commit by commit as they become durable. Owns the
 * order in which that is written and what is not written yet; must never hold up the space for longer than it takes to
 * compress a block, nor write down what a crash could still undo.
 */
import type { Platform } from '../platform/index.ts';
import type { CauseRecord, EntryHeader, Recorder, Task } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import { limits } from '../limits.ts';
import { VERSION } from '../version.ts';
import { Encoder } from '../values/index.ts';
import { BlockWriter, type BlockKind, traceHead } from './blocks.ts';
import { RecordWriter, type TraceRecord } from './records.ts';
import { encodeSpace } from './space-record.ts';

/** Where a trace is written. Each call has the next bytes. */
export interface TraceSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

export interface RecordingOptions {
  readonly sink: TraceSink;
  readonly timers: Platform['timers'];
  /** The settings of quotas with which the space is opened. */
  readonly quotas: string | null;
  /** Hears once when the trace cannot be written: the space goes on without it. */
  readonly onFailure: (error: Error) => void;
}

/** How long what is durable may wait until a block is full. */
const BLOCK_AGE_MS = 1000;

export class TraceRecorder implements Recorder {
  readonly #options: RecordingOptions;
  readonly #blocks = new BlockWriter();
  /** Hand-overs and large messages since the last commit, in order. */
  #marks: TraceRecord[] = [];
  /** Of commits that are not durable yet, oldest first. */
  readonly #waiting: (readonly TraceRecord[])[] = [];
  #records = new RecordWriter(0);
  /** The last turn that is in a block, or in the one that is filled now. */
  #turn = 0;
  #timer: { cancel(): void } | null = null;
  #over = false;

  private constructor(options: RecordingOptions) {
    this.#options = options;
  }

  /** Writes down a store as it is, before a space is opened on it. */
  static async begin(store: Store, options: RecordingOptions): Promise<TraceRecorder> {
    const recorder = new TraceRecorder(options);
    const { journal, keys, rows } = store;
    recorder.#write(traceHead());
    const { quotas } = options;
    const { nameKey } = keys;
    recorder.#block(
      'space',
      encodeSpace({ runtime: VERSION, nameKey, quotas, journalFirst: journal.first, without: 'nothing' }),
    );
    const parts = new PartWriter((body) => recorder.#block('rows', body));
    for await (const { key, value } of rows.scan(NO_PREFIX)) parts.add(key, value);
    parts.end();
    const entries = new PartWriter((body) => recorder.#block('journal', body));
    for await (const { entry } of journal.read(journal.first)) entries.add(entry);
    entries.end();
    return recorder;
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

  commit(header: EntryHeader, causes: readonly CauseRecord[], digest: Uint8Array): void {
    const records: TraceRecord[] = [];
    let next = 0;
    for (const mark of this.#marks) {
      for (; next < causes.length && (causes[next] as CauseRecord).turn < mark.turn; next++)
        records.push({ type: 'cause', ...(causes[next] as CauseRecord) });
      records.push(mark);
    }
    for (; next < causes.length; next++) records.push({ type: 'cause', ...(causes[next] as CauseRecord) });
    records.push({ type: 'commit', turn: header.lastTurn, header, digest });
    this.#marks = [];
    this.#waiting.push(records);
  }

  durable(): void {
    const records = this.#waiting.shift();
    if (records === undefined || this.#over) return;
    for (const record of records) {
      this.#records.write(record);
      if (record.type !== 'blob') this.#turn = record.turn;
    }
    if (this.#records.length >= limits.trace_block_bytes) this.#flush();
    else this.#timer ??= this.#options.timers.after(BLOCK_AGE_MS, () => this.#flush());
  }

  /** The space has closed, or what is recorded is enough: ends the trace. */
  end(): void {
    if (this.#over) return;
    this.#flush();
    this.#block('end', NOTHING);
    this.#stop();
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#records.length === 0) return;
    const body = this.#records.finish();
    this.#block('turns', body, this.#from);
    this.#from = this.#turn;
    this.#records = new RecordWriter(this.#turn);
  }

  /** The turn after which the records begin that are in no block yet. */
  #from = 0;

  #block(kind: BlockKind, body: Uint8Array, turn = this.#turn): void {
    this.#write(this.#blocks.block(kind, turn, body));
  }

  #write(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#options.sink.write(bytes);
    } catch (error) {
      this.#stop();
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#options.sink.close();
  }
}

const NO_PREFIX = new Uint8Array(0);
const NOTHING = new Uint8Array(0);

/** Byte arrays one after the other, in blocks of some size. */
class PartWriter {
  readonly #flush: (body: Uint8Array) => void;
  #encoder = new Encoder(4096);

  constructor(flush: (body: Uint8Array) => void) {
    this.#flush = flush;
  }

  add(...parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#encoder.bytes(part);
    if (this.#encoder.length >= limits.trace_block_bytes) this.end();
  }

  end(): void {
    if (this.#encoder.length === 0) return;
    this.#flush(this.#encoder.finish());
    this.#encoder = new Encoder(4096);
  }
}
