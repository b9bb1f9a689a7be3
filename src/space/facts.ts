/**
 * Facts by their keys. Those that end in a number, as of effects that have begun, come and go all the time: they stand in a
 * table for each beginning of their keys, from which nothing is left when they go. Owns nothing else; must never tell the
 * order in which facts came, for it has none.
 */
import { NumberMap } from '../platform/index.ts';

const ZERO = 48;
const NINE = 57;
const SLASH = 47;
/** Digits that always make a safe integer. */
const DIGITS_MAX = 15;

export class Facts<V> {
  readonly #plain = new Map<string, V>();
  /** By what stands before the number, the slash included. */
  readonly #numbered = new Map<string, NumberMap<V>>();
  /** The table used last, for most keys begin as the one before. */
  #recentPrefix = '';
  #recent: NumberMap<V> | null = null;

  get size(): number {
    let size = this.#plain.size;
    for (const table of this.#numbered.values()) size += table.size;
    return size;
  }

  get(key: string): V | undefined {
    const digits = digitsFrom(key);
    return digits === 0 ? this.#plain.get(key) : this.#tableOf(key, digits)?.get(numberFrom(key, digits));
  }

  has(key: string): boolean {
    const digits = digitsFrom(key);
    return digits === 0 ? this.#plain.has(key) : (this.#tableOf(key, digits)?.has(numberFrom(key, digits)) ?? false);
  }

  set(key: string, value: V): void {
    const digits = digitsFrom(key);
    if (digits === 0) {
      this.#plain.set(key, value);
      return;
    }
    let table = this.#tableOf(key, digits);
    if (table === undefined) {
      table = new NumberMap();
      this.#numbered.set(key.slice(0, digits), table);
    }
    table.set(numberFrom(key, digits), value);
  }

  delete(key: string): void {
    const digits = digitsFrom(key);
    if (digits === 0) this.#plain.delete(key);
    else this.#tableOf(key, digits)?.delete(numberFrom(key, digits));
  }

  /** As they are now. */
  *entries(): Iterable<readonly [string, V]> {
    yield* this.#plain;
    for (const [prefix, table] of this.#numbered)
      for (const number of table.numbers()) yield [`${prefix}${number}`, table.get(number) as V];
  }

  #tableOf(key: string, digits: number): NumberMap<V> | undefined {
    if (this.#recent !== null && digits === this.#recentPrefix.length && key.startsWith(this.#recentPrefix))
      return this.#recent;
    const prefix = key.slice(0, digits);
    const table = this.#numbered.get(prefix);
    if (table === undefined) return undefined;
    this.#recentPrefix = prefix;
    this.#recent = table;
    return table;
  }
}

/** Where the number at the end of a key begins, behind a slash; 0 when it ends in none that is written as numbers are. */
function digitsFrom(key: string): number {
  let at = key.length;
  while (at > 0 && isDigit(key.charCodeAt(at - 1))) at--;
  const count = key.length - at;
  if (at === 0 || count === 0 || count > DIGITS_MAX || key.charCodeAt(at - 1) !== SLASH) return 0;
  return count > 1 && key.charCodeAt(at) === ZERO ? 0 : at;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}

function numberFrom(key: string, digits: number): number {
  let number = 0;
  for (let at = digits; at < key.length; at++) number = 10 * number + key.charCodeAt(at) - ZERO;
  return number;
}
