/** Who hears, turn by turn and commit by commit, what a replay needs beside the state that the record begins with. */
import type { Value } from '../values/index.ts';
import type { CauseRecord, EntryHeader } from './entry.ts';
import type { Task } from './types.ts';

/** Causes in the form in which a journal entry of this version has them. */
export interface WrittenCauses {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** The turns since the last commit, as they are written. */
export interface RecordedCommit {
  readonly header: EntryHeader;
  readonly causes: readonly CauseRecord[];
  /** The same as they stand in the entry: the bytes only while this is told. Null: some of it stands in blobs. */
  readonly written: WrittenCauses | null;
  /** Of what followed from them. */
  readonly digest: Uint8Array;
  /** Gives, now and not later, what stands in memory only: where a record is to be begun again behind this commit. */
  readonly standing: () => Value;
}

/**
 * Told inside the turn, so it must be quick and must not throw. What is told of a commit is on disk when `durable` is
 * said; commits become durable in their order.
 */
export interface Recorder {
  /** The turn in which this task was handed over to somebody outside, or put aside for want of a runner. */
  held(turn: number, task: Task, handling: 'outside' | 'parked'): void;
  /** The turn in which the parked tasks of a label became ready again. */
  unparked(turn: number, label: string): void;
  commit(commit: RecordedCommit): void;
  durable(): void;
  /** A large message was read: one that was there before the record began is in no cause. */
  blob(hash: Uint8Array, bytes: Uint8Array): void;
}
