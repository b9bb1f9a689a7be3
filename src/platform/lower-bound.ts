/** The place of something in what is in order, found by looking at few of them. */

/** The first place from `start` on, and before `end`, that is not below what is sought; `end` when all are. */
export function lowerBound(start: number, end: number, isBelow: (place: number) => boolean): number {
  let low = start;
  let high = end;
  while (low < high) {
    // Numbers of a space are larger than what shifts take, and a sum of two may be rounded up to the higher one.
    const middle = low + Math.floor((high - low) / 2);
    if (isBelow(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
