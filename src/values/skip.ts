/**
 * Where a value ends, by its heads alone. Pure; must never take memory, or more time than there are bytes, whatever the
 * heads claim. What is wrong with a value is found by whoever reads it, in `decoder.ts`.
 */

/** The place behind the value that begins at `start`; −1 when none does, or it is cut short. */
export function endOfValue(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let left = 1; left > 0; left--) {
    if (at >= bytes.length) return -1;
    const head = bytes[at++] as number;
    if (head < 0x80 || head >= 0xe0) continue;
    if (head < 0x90) left += 2 * (head & 0x0f);
    else if (head < 0xa0) left += head & 0x0f;
    else if (head < 0xc0) at += head & 0x1f;
    else if (head >= 0xdc) {
      const width = 2 << (head & 1);
      left += (head < 0xde ? 1 : 2) * bigEndian(bytes, at, width);
      at += width;
    } else {
      const width = WIDTHS[head - 0xc0] as number;
      if (width < 0) return -1;
      at += (PLAIN[head - 0xc0] as number) + width + (width === 0 ? 0 : bigEndian(bytes, at, width));
    }
  }
  return at <= bytes.length ? at : -1;
}

/** Of the heads from 0xc0 to 0xdb: in how many bytes they say how many follow; −1: no value begins so. */
const WIDTHS = [0, -1, 0, 0, 1, 2, 4, 1, 2, 4, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4];
/** How many bytes belong to them in any case: the number, or the type of an extension. */
const PLAIN = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0];

/** Beyond the end there are zeros, and the caller sees that it has gone beyond. */
function bigEndian(bytes: Uint8Array, at: number, width: number): number {
  let number = 0;
  for (let index = at; index < at + width; index++) number = number * 256 + (bytes[index] ?? 0);
  return number;
}
