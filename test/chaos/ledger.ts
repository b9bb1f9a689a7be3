/**
 * What the programs of a campaign of the client have asked and seen, by the one clock of this process; and what of it would
 * break a promise. Must never count on how long anything takes.
 */
import assert from 'node:assert/strict';
import { isPowerboxError } from '../../src/client/index.ts';
import { type BagOperation, bagViolations } from './bag.ts';

/** Of something that is to happen once: it was acknowledged, or it was taken back and may have happened. */
export type Promised = 'once' | 'perhaps';

export class Ledger {
  readonly failures: string[] = [];
  readonly bag: BagOperation<number>[] = [];
  /** Sends that were taken back, of which nobody knows: by value, when they were asked. */
  readonly #perhapsSent = new Map<number, number>();
  readonly #marks = new Map<string, Promised>();
  /** Values that were put into each box, in the order of each sender. */
  readonly #posted = new Map<string, Map<number, number>>();
  readonly #read = new Map<string, Map<number, number[]>>();
  #nextMark = 0;
  #nextValue = 0;
  /** What came to its end, as it may: by kind. */
  readonly ended = new Map<string, number>();

  mark(): string {
    return `mark ${this.#nextMark++}`;
  }

  value(): number {
    return this.#nextValue++;
  }

  count(kind: string): void {
    this.ended.set(kind, (this.ended.get(kind) ?? 0) + 1);
  }

  /** A promise was broken. */
  broken(what: string, error?: unknown): void {
    const why = isPowerboxError(error)
      ? `: ${error.code}: ${error.message}`
      : error === undefined
        ? ''
        : `: ${String(error)}`;
    this.failures.push(`${what}${why}`);
  }

  // ---------------------------------------------------------------- what happens once

  happens(mark: string, promised: Promised): void {
    this.#marks.set(mark, promised);
  }

  /** With all marks that are there when everything has come to its end. */
  judgeMarks(found: readonly unknown[]): void {
    const seen = new Set<unknown>();
    for (const mark of found) {
      if (seen.has(mark)) this.broken(`${String(mark)} has happened twice`);
      seen.add(mark);
      if (!this.#marks.has(mark as string)) this.broken(`${String(mark)} was never asked for`);
    }
    for (const [mark, promised] of this.#marks)
      if (promised === 'once' && !seen.has(mark)) this.broken(`${mark} was answered and has not happened`);
  }

  // ---------------------------------------------------------------- the bag

  sent(value: number, invoked: number, promised: Promised): void {
    if (promised === 'once') this.bag.push({ kind: 'send', value, invoked, responded: performance.now() });
    else this.#perhapsSent.set(value, invoked);
  }

  taken(value: unknown, invoked: number): void {
    const responded = performance.now();
    if (value === null) this.bag.push({ kind: 'empty', invoked, responded });
    else this.bag.push({ kind: 'take', value: value as number, invoked, responded });
  }

  /** With the bag drained. */
  judgeBag(): void {
    const taken = new Set(this.bag.flatMap((operation) => (operation.kind === 'take' ? [operation.value] : [])));
    for (const [value, invoked] of this.#perhapsSent)
      if (taken.has(value)) this.bag.push({ kind: 'send', value, invoked, responded: Number.POSITIVE_INFINITY });
    for (const { law, operation } of bagViolations(this.bag)) this.broken(`${law}: ${JSON.stringify(operation)}`);
    for (const operation of this.bag)
      if (operation.kind === 'send' && !taken.has(operation.value)) this.broken(`lost: ${JSON.stringify(operation)}`);
  }

  // ---------------------------------------------------------------- boxes that are read in loops

  /** The next number of a sender for a box: from 0, one more each time. */
  post(box: string, sender: number): number {
    const of = this.#posted.get(box) ?? new Map<number, number>();
    this.#posted.set(box, of);
    const next = of.get(sender) ?? 0;
    of.set(sender, next + 1);
    return next;
  }

  read(box: string, sender: number, number: number): void {
    const of = this.#read.get(box) ?? new Map<number, number[]>();
    this.#read.set(box, of);
    of.set(sender, [...(of.get(sender) ?? []), number]);
  }

  /** How many that were posted there nobody has read. */
  unread(box: string): number {
    let left = 0;
    for (const [sender, count] of this.#posted.get(box) ?? [])
      left += count - new Set(this.#read.get(box)?.get(sender)).size;
    return left;
  }

  /** In words, for a campaign that does not come to its end. */
  allUnread(): string {
    const boxes = [...this.#posted.keys()].filter((box) => this.unread(box) > 0);
    return boxes.map((box) => `${box}: ${this.unread(box)}`).join(', ') || 'nothing';
  }

  /**
   * `once`: each was read once; `ordered`: and in the order of its sender; `again`: by a reader that was killed, who may read
   * some again, and goes on from there without a gap.
   */
  judgeBox(box: string, law: 'once' | 'ordered' | 'again'): void {
    for (const [sender, count] of this.#posted.get(box) ?? []) {
      const read = this.#read.get(box)?.get(sender) ?? [];
      const what = `${box}, of ${sender}`;
      if (new Set(read).size !== count) this.broken(`${what}: ${new Set(read).size} of ${count} were read`);
      if (law !== 'again' && new Set(read).size !== read.length) this.broken(`${what}: read twice: ${read.join(' ')}`);
      if (law === 'once') continue;
      const gap = read.findIndex((number, index) => {
        const before = read[index - 1] ?? -1;
        return law === 'ordered' ? number !== before + 1 : number > before + 1;
      });
      if (gap >= 0) this.broken(`${what}: out of order at ${gap}: ${read.join(' ')}`);
    }
  }

  judge(): void {
    assert.deepEqual(this.failures.slice(0, 5), [], `${this.failures.length} promises were broken`);
  }
}
