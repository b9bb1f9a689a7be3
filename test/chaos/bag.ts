/**
 * Whether a history of a bag is linearizable: sends of values that are all different, takes that got one, takes that found
 * nothing. Decides exactly, and in the time that sorting takes, because the values are different:
 *
 * - what is taken was sent, is taken once, and was not taken before anybody began to send it;
 * - where a take found nothing there is a moment, between its call and its answer, at which no value was surely there.
 *   A value is surely there from the answer of its send to the call of its take.
 *
 * That is enough: put each empty take at such a moment, each send of a value that is not there at once before its take
 * where the two overlap, else at its answer, and its take at its call; then nothing lies between them that found nothing.
 */
export interface Interval {
  /** When it was asked, and when its answer was known; a `responded` of Infinity: no answer came. */
  readonly invoked: number;
  readonly responded: number;
}

export type BagOperation<V> = Interval &
  (
    | { readonly kind: 'send'; readonly value: V }
    | { readonly kind: 'take'; readonly value: V }
    | { readonly kind: 'empty' }
  );

export interface Violation<V> {
  readonly law: 'sent twice' | 'taken unsent' | 'taken twice' | 'taken before sent' | 'empty while full';
  readonly operation: BagOperation<V>;
}

export function bagViolations<V>(history: readonly BagOperation<V>[]): readonly Violation<V>[] {
  const found: Violation<V>[] = [];
  const sends = new Map<V, BagOperation<V>>();
  for (const operation of history) {
    if (operation.kind !== 'send') continue;
    if (sends.has(operation.value)) found.push({ law: 'sent twice', operation });
    sends.set(operation.value, operation);
  }
  const takes = new Map<V, BagOperation<V>>();
  for (const operation of history) {
    if (operation.kind !== 'take') continue;
    const send = sends.get(operation.value);
    if (send === undefined) found.push({ law: 'taken unsent', operation });
    else if (takes.has(operation.value)) found.push({ law: 'taken twice', operation });
    else if (operation.responded < send.invoked) found.push({ law: 'taken before sent', operation });
    takes.set(operation.value, operation);
  }
  const sure = [...sends].map(([value, send]) => ({
    from: send.responded,
    to: takes.get(value)?.invoked ?? Number.POSITIVE_INFINITY,
  }));
  const times = covered(sure.filter(({ from, to }) => from < to));
  for (const operation of history) {
    if (operation.kind === 'empty' && isCovered(times, operation)) found.push({ law: 'empty while full', operation });
  }
  return found;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The same times as spans that do not meet, in order. */
function covered(spans: readonly Span[]): readonly Span[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of spans.toSorted((left, right) => left.from - right.from)) {
    const last = merged[merged.length - 1];
    // Spans are open: where one ends as the next begins there is a moment without either.
    if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

function isCovered(spans: readonly Span[], { invoked, responded }: Interval): boolean {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle] as Span).from < invoked) low = middle + 1;
    else high = middle;
  }
  const span = spans[low - 1];
  return span !== undefined && responded < span.to;
}
