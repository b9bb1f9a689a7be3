/** Strings count in code points: what a person calls characters, nearly, and the same in every language. */

const SURROGATE = /[\ud800-\udfff]/;

export function codePointCount(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let count = 0;
  for (let unit = 0; unit < text.length; unit++) if ((text.charCodeAt(unit) & 0xfc00) !== 0xdc00) count++;
  return count;
}

/** Code points `from` to before `until`, both at least 0; what lies beyond the end is left out. */
export function sliceText(text: string, from: number, until: number): string {
  if (!SURROGATE.test(text)) return text.slice(from, until);
  const start = unitOf(text, from, 0, 0);
  return text.slice(start, unitOf(text, until, start, from));
}

/** The unit at which code point `wanted` starts, counted on from code point `known` at `unit`. */
function unitOf(text: string, wanted: number, unit: number, known: number): number {
  let at = unit;
  for (let count = known; count < wanted && at < text.length; count++)
    at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  return at;
}
