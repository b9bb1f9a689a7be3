/**
 * Code, stored once by the hash of its canonical bytes. The hash is computed when it is first needed: most
 * terms that a program runs are never stored.
 */
import { NOWHERE } from '../platform/index.ts';
import { decodeValue, encodeValue, type Name, type Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import type { TermReference } from './types.ts';

export class Term implements TermReference {
  compiled: unknown = undefined;
  /** In a durable or coming journal entry, so that later entries name it by hash. */
  journaled = false;
  /** In the rows, so that a cut need not write it. */
  stored = false;
  /** Its index in the entry that is being written. */
  named = NOWHERE;
  readonly term: Value;
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  #hash: Uint8Array | null;

  constructor(term: Value, sha256: (bytes: Uint8Array) => Uint8Array, hash: Uint8Array | null = null) {
    this.term = term;
    this.#sha256 = sha256;
    this.#hash = hash;
  }

  get hash(): Uint8Array {
    this.#hash ??= this.#sha256(encodeValue(this.term));
    return this.#hash;
  }
}

/** The terms of one space that are in memory: by identity while they run, by hash once they are stored. */
export class Terms {
  readonly #byHash = new Map<string, Term>();
  readonly #byIdentity = new WeakMap<object, Term>();
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  /** Journaled since the last cut: that cut writes them as rows, for the entries that hold them will go. */
  #fresh: Term[] = [];
  readonly #readName: (bytes: Uint8Array) => Name;
  readonly #row: (hash: Uint8Array) => Uint8Array | undefined;

  /** `row` reads the canonical bytes of a stored term by its hash. */
  constructor(
    sha256: (bytes: Uint8Array) => Uint8Array,
    readName: (bytes: Uint8Array) => Name,
    row: (hash: Uint8Array) => Uint8Array | undefined,
  ) {
    this.#sha256 = sha256;
    this.#readName = readName;
    this.#row = row;
  }

  of(term: Value): Term {
    if (typeof term !== 'object' || term === null) return new Term(term, this.#sha256);
    let found = this.#byIdentity.get(term);
    if (found === undefined) {
      found = new Term(term, this.#sha256);
      this.#byIdentity.set(term, found);
    }
    return found;
  }

  /** Whether an entry that names this term must write it out, because no entry or row has it yet. */
  journal(term: Term): boolean {
    if (term.journaled) return false;
    term.journaled = true;
    const key = latin1(term.hash);
    const known = this.#byHash.get(key);
    if (known !== undefined) {
      term.stored = known.stored;
      return false;
    }
    this.#byHash.set(key, term);
    this.#fresh.push(term);
    return true;
  }

  /** Remembers a term that an entry holds. */
  known(hash: Uint8Array, term: Value): Term {
    const key = latin1(hash);
    let found = this.#byHash.get(key);
    if (found === undefined) {
      found = new Term(term, this.#sha256, hash);
      found.journaled = true;
      this.#byHash.set(key, found);
      this.#fresh.push(found);
      if (typeof term === 'object' && term !== null) this.#byIdentity.set(term, found);
    }
    return found;
  }

  /** The terms that the cut now beginning must write. */
  takeFresh(): readonly Term[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  byHash(hash: Uint8Array): Term {
    const found = this.#byHash.get(latin1(hash));
    if (found !== undefined) return found;
    const row = this.#row(hash);
    if (row === undefined) throw corrupt('code that is named by its hash and is not there');
    const term = this.known(hash, decodeValue(row, this.#readName));
    term.stored = true;
    return term;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
