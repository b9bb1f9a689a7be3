/**
 * Looks for secrets in what somebody is told, however they are spelled there: as they are, escaped, in hex, in base64 of
 * each alignment and alphabet, as a list of numbers. Any piece of them that is long enough to be of use counts.
 */

/** Bytes of a secret that nobody may see in one piece: what is shorter cannot be completed by trying. */
const PIECE_BYTES = 12;

export interface Secret {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function textSecret(name: string, text: string): Secret {
  return { name, bytes: Buffer.from(text) };
}

/** Each secret of which something stands in the text, and how it is spelled there. */
export function foundIn(text: string, secrets: readonly Secret[]): string[] {
  const lower = text.toLowerCase();
  const found: string[] = [];
  for (const { name, bytes } of secrets)
    for (let start = 0; start + PIECE_BYTES <= bytes.length; start += PIECE_BYTES / 2) {
      const piece = Buffer.from(bytes.subarray(start, start + PIECE_BYTES));
      for (const [spelling, written] of spellings(piece)) {
        const isThere = spelling === 'hex' || spelling === 'numbers' ? lower.includes(written) : text.includes(written);
        if (isThere) found.push(`${name}, bytes ${start} and on, as ${spelling}`);
      }
    }
  return found;
}

function* spellings(piece: Buffer): Generator<readonly [string, string]> {
  yield ['hex', piece.toString('hex')];
  yield ['numbers', [...piece].join(',')];
  yield ['numbers', [...piece].join(', ')];
  yield ['text', piece.toString('latin1')];
  yield ['text', piece.toString('utf8')];
  yield ['escaped text', JSON.stringify(piece.toString('latin1')).slice(1, -1)];
  yield ['escaped text', JSON.stringify(piece.toString('utf8')).slice(1, -1)];
  // What stands before it shifts it by none, one or two bytes; its first and last letters hang on its neighbours.
  for (let shift = 0; shift < 3; shift++) {
    const shifted = Buffer.concat([Buffer.alloc(shift), piece]);
    for (const alphabet of ['base64', 'base64url'] as const) {
      const whole = shifted.toString(alphabet).replace(/=+$/, '');
      yield [`${alphabet} after ${shift}`, whole.slice(shift === 0 ? 0 : shift + 1, -2)];
    }
  }
}
