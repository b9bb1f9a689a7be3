/**
 * What is the same in the rows of many calls: who asked whom for what, and what came of it. Owns the numbers by which rows
 * name such words, which are facts of the space, and how often each was said. Must never number what there is no end of.
 */
import { limits } from '../limits.ts';
import type { Engine, Turn } from '../space/index.ts';
import { encodeValue, Tuple, type Value } from '../values/index.ts';

/** How often a method was answered so, since the start of the process. */
export interface CallTally {
  readonly native: string;
  readonly method: string;
  /** `ok`, or the code of the error. */
  readonly result: string;
  count: number;
  sum_ms: number;
  bytes: number;
}

/** Whoever called, under which grant, by what, and the answer: `ok`, or the code of the error. */
export interface CallWords {
  readonly grant: string;
  readonly cap: string;
  readonly native: string;
  readonly method: string;
  readonly result: string;
}

/** Words, as rows have them. */
export interface Words extends CallWords {
  readonly holder: string;
  /** In canonical form: the number of the fact that has them, or all as they are. */
  readonly encoded: Uint8Array;
  /** Of a row with them, about. */
  readonly row_bytes: number;
  readonly tally: CallTally;
}

/** The fact of words is the tuple of them, by their number. */
const PREFIX = 'audit/words/';
/** What is made of words in memory; of more all is made again. */
const MADE_MAX = 1024;
/** What a row takes beside its words: numbers, hash, and their headers. */
const ROW_BYTES = 64;
const NO_TEXTS: readonly Value[] = new Array<string>(6).fill('');

export class AuditWords {
  readonly #made = new Map<string, Words>();
  /** The last of each method, so that the key is seldom made. */
  readonly #last = new Map<string, Words>();
  /** By what they say, the numbers of those that are facts. */
  readonly #numbers = new Map<string, number>();
  /** Since the start, by native, method and result: for who watches, read by no turn. */
  readonly #tallies = new Map<string, CallTally>();
  #engine: Pick<Engine, 'fact'> | null = null;

  /** The space as it was found. */
  attach(engine: Pick<Engine, 'fact' | 'facts'>): void {
    this.#engine = engine;
    for (const [key, words] of engine.facts(PREFIX))
      this.#numbers.set(keyOf(textsOf(words)), Number(key.slice(PREFIX.length)));
  }

  /** In a turn, in which they may get their number. */
  of(turn: Turn, holder: string, { grant, cap, native, method, result }: CallWords): Words {
    const last = this.#last.get(method);
    if (
      last !== undefined &&
      last.native === native &&
      last.cap === cap &&
      last.grant === grant &&
      last.result === result &&
      last.holder === holder
    )
      return last;
    const texts = [holder, grant, cap, native, method, result];
    const key = keyOf(texts);
    let words = this.#made.get(key);
    if (words === undefined) {
      const tally = this.#tallyOf(native, method, result);
      words = { holder, grant, cap, native, method, result, ...this.#formOf(turn, key, texts), tally };
      // Capabilities come and go: what was forgotten is made again.
      if (this.#made.size >= MADE_MAX) this.#made.clear();
      this.#made.set(key, words);
    }
    this.#last.set(method, words);
    return words;
  }

  /** Of a row: holder, grant, cap, native, method, result. */
  read(words: Value | undefined): readonly Value[] {
    return textsOf(typeof words === 'number' ? this.#engine?.fact(PREFIX + words) : words);
  }

  /** Natives, methods and codes are words of declarations, so there are not many. */
  tallies(): Iterable<Readonly<CallTally>> {
    return this.#tallies.values();
  }

  /** What was derived is not numbered, for programs derive without end; nor what comes past the bound. */
  #formOf(turn: Turn, key: string, texts: readonly string[]): Pick<Words, 'encoded' | 'row_bytes'> {
    const [, grant, cap] = texts;
    let number = this.#numbers.get(key);
    if (number === undefined && cap === grant && this.#numbers.size < limits.audit_words_max) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
      turn.setFact(PREFIX + number, new Tuple(texts));
    }
    if (number !== undefined) return { encoded: encodeValue(number), row_bytes: ROW_BYTES };
    return {
      encoded: encodeValue(new Tuple(texts)),
      row_bytes: texts.reduce((sum, { length }) => sum + length, ROW_BYTES),
    };
  }

  #tallyOf(native: string, method: string, result: string): CallTally {
    const key = keyOf([native, method, result]);
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { native, method, result, count: 0, sum_ms: 0, bytes: 0 };
      this.#tallies.set(key, tally);
    }
    return tally;
  }
}

/** Whatever is in the words, no others have this key. */
function keyOf(texts: readonly Value[]): string {
  return JSON.stringify(texts);
}

function textsOf(words: Value | undefined): readonly Value[] {
  return words instanceof Tuple ? words.items : NO_TEXTS;
}
