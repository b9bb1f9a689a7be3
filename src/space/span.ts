/**
 * Following one message: a span is one step of its way, and whatever that step sets in motion is a step beneath it. The
 * way is kept in memory, beside tasks and causes and never in the record: after a crash it is not gone on with, and no
 * turn can tell whether it is followed.
 */
export interface Span {
  /** A step beneath this one; null: no more of this way is told. */
  begin(name: string, fields: SpanFields): Span | null;
  /** This step for somebody elsewhere whose own steps are to come beneath it: a `traceparent` as the W3C has it. */
  readonly traceparent: string;
  /** `ok`, or the code of what went wrong. */
  end(outcome: string): void;
}

export type SpanFields = Readonly<Record<string, string | number>>;

/**
 * Whether a message from outside is followed, and its first step. `parent` is the `traceparent` that came with it, as it
 * came: whoever sent it is not believed to have written one.
 */
export type Follow = (name: string, fields: SpanFields, parent?: string | null) => Span | null;
