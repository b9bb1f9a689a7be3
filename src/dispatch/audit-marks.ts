/**
 * Where the audit stood each time it was looked whether rows must go, so that dropping the oldest reads none of them.
 * Owns the marks of what this process has written. Must never say of a row that it was written earlier than it was.
 */

/** A row, and what can be said of it without reading it. */
export interface Mark {
  readonly number: number;
  /** Bytes of all rows up to this one. */
  readonly total_bytes: number;
  readonly start_ms: number;
}

/** How many are kept; of more every second one goes, and they are further apart from then on. */
const MARKS_MAX = 1024;

export class Marks {
  #marks: Mark[] = [];
  /** Of so many marks one is kept. */
  #every = 1;
  #untilKept = 1;

  /** Of a later row than any before. */
  add(mark: Mark): void {
    if (--this.#untilKept > 0) return;
    this.#untilKept = this.#every;
    this.#marks.push(mark);
    if (this.#marks.length <= MARKS_MAX) return;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 1);
    this.#every *= 2;
    this.#untilKept = this.#every;
  }

  /** The first mark from a row on; those before it are not needed any more. */
  from(number: number): Mark | undefined {
    const marks = this.#marks;
    while (marks[0] !== undefined && marks[0].number < number) marks.shift();
    return marks[0];
  }

  /** Rows from one mark to the next are about so many times as many as from one look to the next. */
  get every(): number {
    return this.#every;
  }
}
