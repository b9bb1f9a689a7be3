/**
 * A set of item numbers in order, of any size, kept in rows: a root that lists its leaves, and leaves of at
 * most 1024 numbers. Adding and removing read nothing: what is not in memory is noted and mended when the set
 * is read or written. New numbers are always greater than all that are in the set.
 *
 *   root := count (first count)*   then, when there is one small leaf, its numbers
 *   leaf := count number*          numbers as differences
 */
import { Decoder, type Encoder, type Name } from '../values/index.ts';
import { corrupt } from './corrupt.ts';

const LEAF_MAX = 1024;
/** A set of one leaf of at most this many numbers is written into its root row. */
const INLINE_MAX = 64;

/** How a set reaches its rows. `first` is null for the root. */
export interface SetRows {
  read(first: number | null): Uint8Array | undefined;
  write(first: number | null, value: Uint8Array | null): void;
}

class Leaf {
  /** Null while it is only on disk. */
  numbers: number[] | null;
  /** Numbers to remove from the row when it is read. */
  gone: number[] | null = null;
  dirty = false;
  /** Has a row of its own. */
  stored = false;

  constructor(
    /** No number in the leaf is smaller; also its key. */
    readonly first: number,
    public count: number,
    numbers: number[] | null,
  ) {
    this.numbers = numbers;
  }
}

/** Shared by sets without leaves; never changed. */
const NO_LEAVES: Leaf[] = [];

export class NumberSet {
  /** Null while the root has not been read. */
  #leaves: Leaf[] | null;
  /** The only number of a small new set, which needs no leaf; -1 for none. Most keys are of one item. */
  #only = -1;
  /** There may be a root row. */
  #stored: boolean;
  #added: number[] | null = null;
  #gone: number[] | null = null;
  dirty = false;

  /** A new set, or with `unread` one whose root may have a row. */
  constructor(unread = false) {
    this.#leaves = unread ? null : NO_LEAVES;
    this.#stored = unread;
  }

  /** Reads the root if need be. */
  count(rows: SetRows): number {
    const leaves = this.#read(rows);
    if (this.#only >= 0) return 1;
    let count = 0;
    for (const leaf of leaves) count += leaf.count;
    return count;
  }

  /** Leaves in memory, for estimates of size. */
  get loadedLeaves(): number {
    let loaded = 0;
    if (this.#leaves !== null) for (const leaf of this.#leaves) if (leaf.numbers !== null) loaded++;
    return loaded;
  }

  add(number: number): void {
    this.dirty = true;
    const leaves = this.#leaves;
    if (leaves === null) {
      this.#added ??= [];
      this.#added.push(number);
      return;
    }
    if (leaves.length === 0) {
      if (this.#only < 0) {
        this.#only = number;
        return;
      }
      this.#leafOfOnly();
      this.add(number);
      return;
    }
    let last = leaves[leaves.length - 1];
    if (last === undefined || last.numbers === null || last.numbers.length >= LEAF_MAX) {
      last = new Leaf(number, 0, []);
      leaves.push(last);
    }
    (last.numbers as number[]).push(number);
    last.count++;
    last.dirty = true;
  }

  delete(number: number): void {
    this.dirty = true;
    const leaves = this.#leaves;
    if (leaves === null) {
      this.#gone ??= [];
      this.#gone.push(number);
      return;
    }
    if (this.#only === number) {
      this.#only = -1;
      return;
    }
    const leaf = leaves[leafOf(leaves, number)];
    if (leaf === undefined) throw corrupt('an index that does not know an item');
    leaf.count--;
    leaf.dirty = true;
    if (leaf.numbers === null) {
      leaf.gone ??= [];
      leaf.gone.push(number);
    } else remove(leaf.numbers, number);
  }

  /** Gives the only number a leaf, because it is not the only one any more. */
  #leafOfOnly(): void {
    const leaf = new Leaf(this.#only, 1, [this.#only]);
    leaf.dirty = true;
    this.#leaves = [leaf];
    this.#only = -1;
  }

  /** The smallest number above `number`, or -1. */
  after(number: number, rows: SetRows): number {
    const leaves = this.#read(rows);
    if (this.#only >= 0) return this.#only > number ? this.#only : -1;
    for (let index = Math.max(0, leafOf(leaves, number)); index < leaves.length; index++) {
      const leaf = leaves[index] as Leaf;
      if (leaf.count === 0) continue;
      const numbers = this.#readLeaf(leaf, rows);
      const at = above(numbers, number);
      if (at < numbers.length) return numbers[at] as number;
    }
    return -1;
  }

  /** Writes what has changed. Reads what it must mend. */
  flush(encoder: Encoder, rows: SetRows): void {
    if (!this.dirty) return;
    const leaves = this.#read(rows);
    const kept: Leaf[] = [];
    for (const leaf of leaves) {
      if (leaf.count > 0) kept.push(leaf);
      else if (leaf.stored) rows.write(leaf.first, null);
    }
    this.#leaves = kept;
    this.dirty = false;
    const [only] = kept;
    if (this.#only >= 0) {
      encoder.reset();
      this.writeRoot(encoder);
      rows.write(null, encoder.finish());
      this.#stored = true;
      return;
    }
    if (only === undefined) {
      if (this.#stored) rows.write(null, null);
      this.#stored = false;
      return;
    }
    const inline = kept.length === 1 && only.count <= INLINE_MAX;
    for (const leaf of kept) {
      if (!leaf.dirty && !(inline && leaf.numbers === null)) continue;
      const numbers = this.#readLeaf(leaf, rows);
      leaf.dirty = false;
      if (inline) {
        if (leaf.stored) rows.write(leaf.first, null);
        leaf.stored = false;
        continue;
      }
      encoder.reset();
      writeNumbers(encoder, numbers, leaf.first);
      rows.write(leaf.first, encoder.finish());
      leaf.stored = true;
    }
    encoder.reset();
    this.writeRoot(encoder);
    rows.write(null, encoder.finish());
    this.#stored = true;
  }

  /** For a set whose root is part of another row; to be called after `flush`. */
  writeRoot(encoder: Encoder): void {
    if (this.#only >= 0) {
      encoder.uint(1);
      encoder.uint(this.#only);
      encoder.uint(1);
      encoder.uint(1);
      encoder.uint(0);
      return;
    }
    const leaves = this.#leaves as Leaf[];
    encoder.uint(leaves.length);
    for (const leaf of leaves) {
      encoder.uint(leaf.first);
      encoder.uint(leaf.count);
    }
    const [only] = leaves;
    if (leaves.length === 1 && only !== undefined && !only.stored)
      writeNumbers(encoder, only.numbers as number[], only.first);
  }

  readRoot(decoder: Decoder): void {
    const leaves: Leaf[] = [];
    for (let count = decoder.uint(); count > 0; count--) leaves.push(new Leaf(decoder.uint(), decoder.uint(), null));
    const [only] = leaves;
    if (only !== undefined && leaves.length === 1 && only.count <= INLINE_MAX)
      only.numbers = readNumbers(decoder, only.first);
    else for (const leaf of leaves) leaf.stored = true;
    this.#leaves = leaves;
  }

  /** Forgets leaves that can be read again. */
  unload(): void {
    if (this.#leaves === null) return;
    for (const leaf of this.#leaves) if (leaf.stored && !leaf.dirty) leaf.numbers = null;
  }

  #read(rows: SetRows): Leaf[] {
    if (this.#leaves !== null) return this.#leaves;
    const row = rows.read(null);
    if (row === undefined) this.#leaves = [];
    else {
      const decoder = new Decoder(row, noNames);
      this.readRoot(decoder);
      decoder.end();
    }
    const added = this.#added;
    const gone = this.#gone;
    this.#added = null;
    this.#gone = null;
    if (added !== null) for (const number of added) this.add(number);
    if (gone !== null) for (const number of gone) this.delete(number);
    return this.#leaves as unknown as Leaf[];
  }

  #readLeaf(leaf: Leaf, rows: SetRows): number[] {
    if (leaf.numbers !== null) return leaf.numbers;
    const row = rows.read(leaf.first);
    if (row === undefined) throw corrupt('an index with a leaf missing');
    const decoder = new Decoder(row, noNames);
    const numbers = readNumbers(decoder, leaf.first);
    decoder.end();
    const { gone } = leaf;
    leaf.gone = null;
    if (gone !== null) for (const number of gone) remove(numbers, number);
    leaf.numbers = numbers;
    return numbers;
  }
}

function noNames(): Name {
  throw corrupt('a name in an index');
}

function writeNumbers(encoder: Encoder, numbers: readonly number[], first: number): void {
  encoder.uint(numbers.length);
  let last = first;
  for (const number of numbers) {
    encoder.uint(number - last);
    last = number;
  }
}

function readNumbers(decoder: Decoder, first: number): number[] {
  const numbers: number[] = [];
  let last = first;
  for (let count = decoder.uint(); count > 0; count--) {
    last += decoder.uint();
    numbers.push(last);
  }
  return numbers;
}

/** Index of the leaf that would hold the number: the last whose first is not above it. */
function leafOf(leaves: readonly Leaf[], number: number): number {
  let low = 0;
  let high = leaves.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((leaves[middle] as Leaf).first > number) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

function above(numbers: readonly number[], number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) > number) high = middle;
    else low = middle + 1;
  }
  return low;
}

function remove(numbers: number[], number: number): void {
  const at = above(numbers, number) - 1;
  if (numbers[at] !== number) throw corrupt('an index that does not know an item');
  if (at === 0) numbers.shift();
  else numbers.splice(at, 1);
}
