/**
 * The one data model: every value of every language, every quoted process, every pattern.
 *
 * A value is immutable. JavaScript primitives stand for the cheap kinds (nil, booleans, Int, strings); all
 * other kinds are instances of the classes below and carry a numeric `kind`, which is also the type rank of
 * the order by value. Build collections and processes only through the functions of `build.ts`: they keep
 * sets and maps sorted, processes normalised and equality structural.
 *
 *   nil      null                       Int      number (safe integer) or, beyond 2^53, bigint in 64 bits
 *   boolean  true, false                string   well-formed string (no lone surrogate)
 */

export const Kind = {
  Nil: 0,
  Boolean: 1,
  Int: 2,
  BigInt: 3,
  Float: 4,
  String: 5,
  Bytes: 6,
  Uri: 7,
  List: 8,
  Tuple: 9,
  Set: 10,
  Map: 11,
  Name: 12,
  Bundle: 13,
  // processes, in the order in which the parts of a parallel composition sort
  Send: 20,
  Receive: 21,
  New: 22,
  Match: 23,
  Operation: 24,
  Method: 25,
  Matches: 26,
  Par: 27,
  // parts of patterns and of open terms
  BoundVariable: 30,
  FreeVariable: 31,
  Wildcard: 32,
  VariableReference: 33,
  TypeWord: 34,
  Conjunction: 35,
  Disjunction: 36,
  Negation: 37,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Arbitrary-precision integer; another type than Int, even for equal numbers. */
export class BigInteger {
  readonly kind = Kind.BigInt;
  constructor(readonly value: bigint) {}
}

/** 64-bit float with one NaN and no -0 (build with `float`). */
export class Float {
  readonly kind = Kind.Float;
  constructor(readonly value: number) {}
}

/** Byte array. Owns its bytes: nobody writes to them after construction. */
export class Bytes {
  readonly kind = Kind.Bytes;
  constructor(readonly bytes: Uint8Array) {}
}

export class Uri {
  readonly kind = Kind.Uri;
  constructor(readonly text: string) {}
}

/**
 * The rest of a collection or of a name list in a pattern: `none` admits nothing more, `drop` (`..._`)
 * anything, a variable captures it. In a closed value it is always null.
 */
export type Remainder = null | Wildcard | FreeVariable | BoundVariable;

export class List {
  readonly kind = Kind.List;
  constructor(
    readonly items: readonly Value[],
    readonly remainder: Remainder = null,
  ) {}
}

export class Tuple {
  readonly kind = Kind.Tuple;
  constructor(readonly items: readonly Value[]) {}
}

/** Items sorted by value, no two equal. */
export class SetValue {
  readonly kind = Kind.Set;
  constructor(
    readonly items: readonly Value[],
    readonly remainder: Remainder = null,
  ) {}
}

/** Entries sorted by key, no two keys equal; `keys[i]` belongs to `items[i]`. */
export class MapValue {
  readonly kind = Kind.Map;
  constructor(
    readonly keys: readonly Value[],
    readonly items: readonly Value[],
    readonly remainder: Remainder = null,
  ) {}
}

/** Makes the bytes of names; one for each space, it holds the space's `nameKey`. */
export interface NameDeriver {
  /** The 32 bytes of the name that was drawn `counter`th by the task `task`. Called at most once a name. */
  derive(name: Name): Uint8Array;
}

/**
 * An unforgeable name. Its bytes are derived when first needed; most names never need them. Two objects can
 * stand for one name only if both have bytes (one was read from disk), so `sameName` is exact.
 */
export class Name {
  readonly kind = Kind.Name;
  /** The space's own slot: the channel that this name denotes, so that a lookup costs nothing. */
  place: unknown = undefined;
  #bytes: Uint8Array | null;
  readonly #deriver: NameDeriver | null;

  constructor(
    deriver: NameDeriver | null,
    readonly task: number,
    readonly counter: number,
    bytes: Uint8Array | null,
  ) {
    this.#deriver = deriver;
    this.#bytes = bytes;
  }

  /** Whether it is known to whoever draws names with this deriver by task and counter alone. */
  isDrawnBy(deriver: NameDeriver): boolean {
    return this.#bytes === null && this.#deriver === deriver;
  }

  /** True once the bytes exist, so once this name may be known under another object. */
  get derived(): boolean {
    return this.#bytes !== null;
  }

  get bytes(): Uint8Array {
    if (this.#bytes === null) {
      if (this.#deriver === null) throw new Error('a name without bytes needs a deriver');
      this.#bytes = this.#deriver.derive(this);
    }
    return this.#bytes;
  }
}

/** A value with rights taken away: `bundle+` writes only, `bundle-` reads only, `bundle0` neither. */
export class Bundle {
  readonly kind = Kind.Bundle;
  constructor(
    readonly body: Value,
    readonly read: boolean,
    readonly write: boolean,
  ) {}
}

// ---------------------------------------------------------------- processes
// Variables are de Bruijn: a bound variable counts binders from the innermost (0 is the last one bound);
// a free variable (patterns only) has a level, numbered by first occurrence within its pattern.
// Names and processes are one datatype: `@P` and `*x` leave no trace in a term.

export class Send {
  readonly kind = Kind.Send;
  constructor(
    readonly channel: Value,
    readonly data: readonly Value[],
    readonly persistent: boolean,
  ) {}
}

/** One bind of a receive: `patterns...remainder <- source`. Its free variables are levels 0..freeCount-1. */
export interface Bind {
  readonly patterns: readonly Value[];
  readonly remainder: Remainder;
  readonly source: Value;
  readonly freeCount: number;
  /** This bind only looks: `<<-`. */
  readonly peek: boolean;
}

/** `for(binds){body}`; the body sees the binds' variables, bind by bind in level order. */
export class Receive {
  readonly kind = Kind.Receive;
  constructor(
    readonly binds: readonly Bind[],
    readonly body: Value,
    readonly persistent: boolean,
  ) {}
}

/** `new` of `count` names. URIs are gone by now: they are bound where the source was deployed. */
export class New {
  readonly kind = Kind.New;
  constructor(
    readonly count: number,
    readonly body: Value,
  ) {}
}

export interface Case {
  readonly pattern: Value;
  readonly body: Value;
  readonly freeCount: number;
}

export class Match {
  readonly kind = Kind.Match;
  constructor(
    readonly target: Value,
    readonly cases: readonly Case[],
  ) {}
}

export const OPERATORS = [
  'not',
  'neg',
  'or',
  'and',
  '||',
  '&&',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '++',
  '--',
  '*',
  '/',
  '%',
  '%%',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** An expression that is not evaluated yet; `right` is null for `not` and `neg` only. */
export class Operation {
  readonly kind = Kind.Operation;
  constructor(
    readonly operator: Operator,
    readonly left: Value,
    readonly right: Value | undefined,
  ) {}
}

export class Method {
  readonly kind = Kind.Method;
  constructor(
    readonly target: Value,
    readonly name: string,
    readonly args: readonly Value[],
  ) {}
}

/** `target matches pattern`; captures of the pattern are discarded. */
export class Matches {
  readonly kind = Kind.Matches;
  constructor(
    readonly target: Value,
    readonly pattern: Value,
  ) {}
}

/** Parallel composition of at least two parts: a sorted multiset, flat, without nil. */
export class Par {
  readonly kind = Kind.Par;
  constructor(readonly parts: readonly Value[]) {}
}

export class BoundVariable {
  readonly kind = Kind.BoundVariable;
  constructor(readonly index: number) {}
}

export class FreeVariable {
  readonly kind = Kind.FreeVariable;
  constructor(readonly level: number) {}
}

export class Wildcard {
  readonly kind = Kind.Wildcard;
  static readonly the = new Wildcard();
}

/** `=x` or `=*x` in a pattern: bound variable `index`, seen from `depth` pattern levels further in. */
export class VariableReference {
  readonly kind = Kind.VariableReference;
  constructor(
    readonly index: number,
    readonly depth: number,
  ) {}
}

export const TYPE_WORDS = ['Bool', 'Int', 'BigInt', 'Float', 'String', 'Uri', 'ByteArray'] as const;
export class TypeWord {
  readonly kind = Kind.TypeWord;
  constructor(readonly word: (typeof TYPE_WORDS)[number]) {}
}

export class Conjunction {
  readonly kind = Kind.Conjunction;
  constructor(readonly parts: readonly Value[]) {}
}
export class Disjunction {
  readonly kind = Kind.Disjunction;
  constructor(readonly parts: readonly Value[]) {}
}
export class Negation {
  readonly kind = Kind.Negation;
  constructor(readonly body: Value) {}
}

export type ObjectValue =
  | BigInteger
  | Float
  | Bytes
  | Uri
  | List
  | Tuple
  | SetValue
  | MapValue
  | Name
  | Bundle
  | Send
  | Receive
  | New
  | Match
  | Operation
  | Method
  | Matches
  | Par
  | BoundVariable
  | FreeVariable
  | Wildcard
  | VariableReference
  | TypeWord
  | Conjunction
  | Disjunction
  | Negation;

export type Value = null | boolean | number | bigint | string | ObjectValue;

/** The kind, and so the type rank, of any value. */
export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return Kind.Int;
    case 'string':
      return Kind.String;
    case 'boolean':
      return Kind.Boolean;
    default:
      return value === null ? Kind.Nil : value.kind;
  }
}

/** Whether two name objects stand for one name. */
export function sameName(left: Name, right: Name): boolean {
  if (left === right) return true;
  if (!left.derived || !right.derived) return false;
  const a = left.bytes;
  const b = right.bytes;
  for (let index = 0; index < 32; index++) if (a[index] !== b[index]) return false;
  return true;
}
