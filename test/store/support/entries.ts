/** Entries whose bytes follow from their number, so that whoever reads one knows what it must be. */
export function entryOf(number: number, size_bytes: number): Uint8Array {
  const entry = new Uint8Array(size_bytes);
  let word = number >>> 0;
  for (let index = 0; index < size_bytes; index++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    entry[index] = word >>> 24;
  }
  return entry;
}
