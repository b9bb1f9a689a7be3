/**
 * Who records a space, now: whoever was there when it was opened, and those that came since. One who comes begins behind a
 * commit, with what stands in memory there, and hears of every commit after it. Owns who they are; where nobody is, all of
 * it costs a look at a number.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import type { EntryHeader } from './entry.ts';
import type { RecordedCommit, Recorder } from './recording.ts';
import type { Task } from './types.ts';

/** One that begins with a space that is open already. */
export interface JoiningRecorder extends Recorder {
  /** It begins behind the commit that is being written now, and hears of that one only that it is durable. */
  begin(header: EntryHeader, standing: Value): void;
}

export class Recorders implements Recorder {
  #all: readonly Recorder[];
  #joining: JoiningRecorder[] = [];

  constructor(first: Recorder | null) {
    this.#all = first === null ? [] : [first];
  }

  /** Whether anybody hears of what happens now. */
  get any(): boolean {
    return this.#all.length > 0;
  }

  /** From the end of the commit that is made now; refused with `rate_limited` when there are too many. */
  join(recorder: JoiningRecorder): void {
    if (this.#all.length + this.#joining.length >= limits.recorders_max)
      throw new PowerboxError('rate_limited', `this space is being recorded ${limits.recorders_max} times already`, {
        hint: 'End one of these recordings first.',
      });
    this.#joining.push(recorder);
  }

  leave(recorder: Recorder): void {
    this.#all = this.#all.filter((other) => other !== recorder);
    this.#joining = this.#joining.filter((other) => other !== recorder);
  }

  /** A commit is being written, and nothing of the next one has happened. */
  begin(header: EntryHeader, standing: () => Value): void {
    if (this.#joining.length === 0) return;
    const joining = this.#joining;
    this.#joining = [];
    const now = standing();
    for (const recorder of joining) recorder.begin(header, now);
    this.#all = [...this.#all, ...joining];
  }

  held(turn: number, task: Task, handling: 'outside' | 'parked'): void {
    for (const recorder of this.#all) recorder.held(turn, task, handling);
  }

  unparked(turn: number, label: string): void {
    for (const recorder of this.#all) recorder.unparked(turn, label);
  }

  commit(commit: RecordedCommit): void {
    for (const recorder of this.#all) recorder.commit(commit);
  }

  durable(): void {
    for (const recorder of this.#all) recorder.durable();
  }

  blob(hash: Uint8Array, bytes: Uint8Array): void {
    for (const recorder of this.#all) recorder.blob(hash, bytes);
  }
}
