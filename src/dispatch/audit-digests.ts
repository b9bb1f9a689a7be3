/**
 * Digests of what calls say, for the audit. Many calls say nothing, or the same one or two little words or numbers each
 * time, and those are hashed once. Owns what it has hashed; must never keep more than its bounds.
 */
import type { Hashing } from '../platform/index.ts';
import { Encoder, List, type Value } from '../values/index.ts';

/** Words that are kept with their digests: how long at most, in UTF-16 units. */
const WORD_LENGTH_MAX = 64;
/** Of words, and of what is said behind each of them. */
const WORDS_MAX = 1024;
const BEHIND_MAX = 4;

/** What is kept of what a call said. */
export interface Said {
  /** SHA-256 of the canonical bytes of the list of arguments. */
  readonly digest: Uint8Array;
  readonly size_bytes: number;
}

type Word = string | number;

interface KeptWord {
  alone: Said | null;
  /** By the word behind it. */
  behind: Map<Word, Said> | null;
}

export class AuditDigests {
  readonly #hashing: Hashing;
  readonly #encoder = new Encoder(256);
  #words = new Map<Word, KeptWord>();
  /** Of a call without arguments. */
  #nothing: Said | null = null;

  constructor(hashing: Hashing) {
    this.#hashing = hashing;
  }

  of(args: readonly Value[]): Said {
    const { length } = args;
    if (length === 0) {
      this.#nothing ??= this.#hashed(args);
      return this.#nothing;
    }
    const [first, second] = args;
    if (length > 2 || !isWord(first) || (length === 2 && !isWord(second))) return this.#hashed(args);
    const kept = this.#kept(first);
    if (length === 1) {
      kept.alone ??= this.#hashed(args);
      return kept.alone;
    }
    kept.behind ??= new Map();
    let said = kept.behind.get(second as Word);
    if (said === undefined) {
      if (kept.behind.size >= BEHIND_MAX) kept.behind = new Map();
      said = this.#hashed(args);
      kept.behind.set(second as Word, said);
    }
    return said;
  }

  /** How many bytes it has. */
  lengthOf(value: Value): number {
    this.#encoder.reset();
    this.#encoder.value(value);
    return this.#encoder.length;
  }

  #kept(word: Word): KeptWord {
    let kept = this.#words.get(word);
    if (kept === undefined) {
      // Not emptied: a table that is emptied holds on to its successor.
      if (this.#words.size >= WORDS_MAX) this.#words = new Map();
      kept = { alone: null, behind: null };
      this.#words.set(word, kept);
    }
    return kept;
  }

  #hashed(args: readonly Value[]): Said {
    const size_bytes = this.lengthOf(new List(args));
    return { digest: this.#hashing.sha256(this.#encoder.view()), size_bytes };
  }
}

function isWord(value: Value | undefined): value is Word {
  return typeof value === 'number' || (typeof value === 'string' && value.length <= WORD_LENGTH_MAX);
}
