/**
 * Values, patterns and processes as Rholang text: what standard output shows, and what reports show to people. What
 * is printed can be read again, but for names, byte arrays and floats that are not finite. Owns the layout
 * (spec/rholang.md, "Printing"). Never uses the JavaScript stack for nesting and never shows the bytes of a name.
 */
import { Kind, Wildcard, kindOf } from '../values/index.ts';
import type {
  BigInteger, Bind, BoundVariable, Bundle, Bytes, Conjunction, Disjunction, Float, FreeVariable, List, MapValue, Match, Matches,
  Method, Name, Negation, New, Operation, Par, Receive, Remainder, Send, SetValue, Tuple, TypeWord, Uri, Value, VariableReference,
} from '../values/index.ts';

export interface PrintOptions {
  /** Characters after which the text ends with `…`. */
  readonly lengthMax?: number;
}

/** On one line. */
export function print(value: Value, options: PrintOptions = {}): string {
  const fast = printLeaf(value);
  if (fast !== null) return options.lengthMax !== undefined && fast.length > options.lengthMax ? `${fast.slice(0, options.lengthMax)}…` : fast;
  return new Printer(false, options.lengthMax ?? Number.POSITIVE_INFINITY).print(value);
}

/** On as many lines as a person wants: parallel parts and bodies on lines of their own. */
export function printProcess(value: Value, options: PrintOptions = {}): string {
  return new Printer(true, options.lengthMax ?? Number.POSITIVE_INFINITY).print(value);
}

/** A string literal: quotes, backslashes and control characters are escaped, all else stands as it is. */
export function printString(text: string): string {
  return `"${text.replaceAll(ESCAPED, escapeCharacter)}"`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const ESCAPED = /["\\\u0000-\u001f\u007f]/g;

function escapeCharacter(character: string): string {
  switch (character) {
    case '"': return '\\"';
    case '\\': return '\\\\';
    case '\n': return '\\n';
    case '\r': return '\\r';
    case '\t': return '\\t';
    default: return `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
  }
}

/** A value that holds no other, or null. */
function printLeaf(value: Value): string | null {
  switch (kindOf(value)) {
    case Kind.Nil: return 'Nil';
    case Kind.Boolean:
    case Kind.Int:
      return String(value);
    case Kind.String: return printString(value as string);
    case Kind.BigInt: return `${(value as BigInteger).value}n`;
    case Kind.Float: return printFloat((value as Float).value);
    case Kind.Bytes: return hex((value as Bytes).bytes, Number.POSITIVE_INFINITY);
    case Kind.Uri: return `\`${(value as Uri).text.replaceAll(/[`\\]/g, '\\$&')}\``;
    case Kind.Name: return `Unforgeable(0x${hex((value as Name).bytes, NAME_BYTES_SHOWN)}…)`;
    case Kind.TypeWord: return (value as TypeWord).word;
    case Kind.Wildcard: return '_';
    default: return null;
  }
}

/** Enough to tell names of one report apart, too few to be the name. */
const NAME_BYTES_SHOWN = 4;

function printFloat(number: number): string {
  const text = String(number);
  return Number.isInteger(number) && !text.includes('e') ? `${text}.0` : text;
}

function hex(bytes: Uint8Array, countMax: number): string {
  let text = '';
  for (let index = 0; index < Math.min(bytes.length, countMax); index++) text += (bytes[index] as number).toString(16).padStart(2, '0');
  return text;
}

/** A variable in scope: `new` binds names, patterns bind processes. */
interface Variable {
  readonly name: string;
  readonly isName: boolean;
}

/** One level of patterns: what is bound in it, and how its pattern's own variables are called. */
interface Frame {
  readonly bound: Variable[];
  readonly free: (string | undefined)[] | null;
}

/** Text to write, or what writes it. */
type Item = string | (() => void);

/** Levels of precedence that matter here (spec/rholang.md, "Grammar"). */
const LEVEL_ANY = 0;
const LEVEL_SEND = 3;
const LEVEL_OPERAND = 10;
const LEVEL_CASE = 13;
const LEVEL_NEGATION = 15;
const LEVEL_ATOM = 16;

/** Deeper lines are not indented further, so that the text grows with the term and not with its square. */
const INDENT_MAX = 40;

class Printer {
  readonly #lines: boolean;
  readonly #lengthMax: number;
  readonly #out: string[] = [];
  #length = 0;
  #indent = 0;
  #names = 0;
  readonly #pending: Item[] = [];
  readonly #frames: Frame[] = [{ bound: [], free: null }];

  constructor(lines: boolean, lengthMax: number) {
    this.#lines = lines;
    this.#lengthMax = lengthMax;
  }

  print(value: Value): string {
    this.#then(this.#value(value, LEVEL_ANY, true));
    while (this.#length <= this.#lengthMax) {
      const item = this.#pending.pop();
      if (item === undefined) return this.#out.join('');
      if (typeof item === 'string') {
        this.#out.push(item);
        this.#length += item.length;
      } else item();
    }
    return `${this.#out.join('').slice(0, this.#lengthMax)}…`;
  }

  /** Writes these next, in this order. Long rows come as arrays: as arguments they would fill the stack. */
  #then(...items: readonly (Item | readonly Item[])[]): void {
    for (let index = items.length - 1; index >= 0; index--) {
      const item = items[index] as Item | readonly Item[];
      if (typeof item === 'string' || typeof item === 'function') this.#pending.push(item);
      else for (let inner = item.length - 1; inner >= 0; inner--) this.#pending.push(item[inner] as Item);
    }
  }

  /** `value` where a form of `level` or higher may stand; `block` where parallel parts get lines of their own. */
  #value(value: Value, level: number, block = false): Item {
    const leaf = printLeaf(value);
    if (leaf !== null && levelOf(value) >= level) return leaf;
    return () => {
      if (levelOf(value) < level) this.#then('{', this.#value(value, LEVEL_ANY), '}');
      else if (leaf !== null) this.#then(leaf);
      else this.#node(value, block);
    };
  }

  #name(value: Value): Item {
    return () => {
      if (value instanceof Wildcard) return this.#then('_');
      const variable = kindOf(value) === Kind.BoundVariable ? this.#bound(value as BoundVariable) : undefined;
      if (variable?.isName === true) return this.#then(variable.name);
      return this.#then('@{', this.#value(value, LEVEL_ANY), '}');
    };
  }

  #node(value: Value, block: boolean): void {
    switch (kindOf(value)) {
      case Kind.List: {
        const { items, remainder } = value as List;
        return this.#then('[', this.#commas(items), this.#remainder(remainder, items.length), ']');
      }
      case Kind.Tuple: {
        const { items } = value as Tuple;
        return this.#then('(', this.#commas(items), items.length === 1 ? ',)' : ')');
      }
      case Kind.Set: {
        const { items, remainder } = value as SetValue;
        return this.#then('Set(', this.#commas(items), this.#remainder(remainder, items.length), ')');
      }
      case Kind.Map: return this.#map(value as MapValue);
      case Kind.Bundle: return this.#bundle(value as Bundle);
      case Kind.Send: {
        const { channel, data, persistent } = value as Send;
        return this.#then(this.#name(channel), persistent ? '!!(' : '!(', this.#commas(data), ')');
      }
      case Kind.Receive: return this.#receive(value as Receive);
      case Kind.New: return this.#new(value as New);
      case Kind.Match: return this.#match(value as Match);
      case Kind.Operation: return this.#operation(value as Operation);
      case Kind.Method: {
        const { target, name, args } = value as Method;
        return this.#then('(', this.#value(target, LEVEL_ANY), `).${name}(`, this.#commas(args), ')');
      }
      case Kind.Matches: {
        const { target, pattern } = value as Matches;
        return this.#then('(', this.#value(target, LEVEL_OPERAND), ' matches ', this.#pattern([], (value) => value(pattern, LEVEL_OPERAND)), ')');
      }
      case Kind.Par: {
        const { parts } = value as Par;
        const items: Item[] = [];
        for (const part of parts) items.push(items.length === 0 ? '' : block ? this.#newline(' |') : ' | ', this.#value(part, 1));
        return this.#then(items);
      }
      case Kind.BoundVariable: {
        const { name, isName } = this.#bound(value as BoundVariable);
        return this.#then(isName ? `*${name}` : name);
      }
      case Kind.FreeVariable: return this.#then(this.#free(value as FreeVariable));
      case Kind.VariableReference: return this.#reference(value as VariableReference);
      case Kind.Conjunction: return this.#connective((value as Conjunction).parts, ' /\\ ');
      case Kind.Disjunction: return this.#connective((value as Disjunction).parts, ' \\/ ');
      case Kind.Negation: return this.#then('~', this.#value((value as Negation).body, LEVEL_NEGATION));
      default: throw new Error(`kind ${kindOf(value)} is a leaf`);
    }
  }

  #commas(values: readonly Value[]): Item[] {
    const items: Item[] = [];
    for (const value of values) {
      if (items.length > 0) items.push(', ');
      items.push(this.#value(value, LEVEL_ANY));
    }
    return items;
  }

  #remainder(remainder: Remainder, before: number, sign = '...'): Item {
    if (remainder === null) return '';
    const gap = before > 0 ? ' ' : '';
    return () => {
      if (kindOf(remainder) === Kind.BoundVariable) this.#then(`${gap}${sign}${this.#bound(remainder as BoundVariable).name}`);
      else this.#then(gap + sign, this.#value(remainder, LEVEL_ATOM));
    };
  }

  #map({ keys, items, remainder }: MapValue): void {
    const parts: Item[] = [];
    for (const [index, key] of keys.entries()) {
      if (index > 0) parts.push(', ');
      parts.push(this.#value(key, LEVEL_ANY), ' : ', this.#value(items[index] as Value, LEVEL_ANY));
    }
    this.#then('{', parts, this.#remainder(remainder, keys.length), '}');
  }

  #bundle({ body, read, write }: Bundle): void {
    this.#then(`bundle${read ? (write ? '' : '-') : write ? '+' : '0'}{ `, this.#value(body, LEVEL_ANY), ' }');
  }

  #operation({ operator, left, right }: Operation): void {
    if (right !== undefined) {
      return this.#then('(', this.#value(left, LEVEL_OPERAND), ` ${operator} `, this.#value(right, LEVEL_OPERAND), ')');
    }
    if (operator === 'not') return this.#then('(not ', this.#value(left, LEVEL_OPERAND), ')');
    // the inner parentheses keep the minus from joining a number
    return this.#then('(-(', this.#value(left, LEVEL_ANY), '))');
  }

  #connective(parts: readonly Value[], sign: string): void {
    const items: Item[] = [];
    for (const part of parts) {
      if (items.length > 0) items.push(sign);
      items.push(this.#value(part, LEVEL_NEGATION));
    }
    this.#then('(', items, ')');
  }

  #new({ count, body }: New): void {
    const variables = Array.from({ length: count }, () => ({ name: this.#fresh(), isName: true }));
    this.#then(`new ${variables.map((each) => each.name).join(', ')} in `, this.#scoped(variables, body));
  }

  #receive({ binds, body, persistent }: Receive): void {
    const variables: Variable[] = [];
    const items: Item[] = [];
    for (const bind of binds) {
      if (items.length > 0) items.push('  & ');
      const names: (string | undefined)[] = [];
      const { patterns, remainder, source } = bind;
      items.push(
        ...this.#pattern(names, () => () => this.#formals(patterns, remainder)),
        `${patterns.length === 0 && remainder === null ? '' : ' '}${bind.peek ? '<<-' : persistent ? '<=' : '<-'} `,
        this.#name(source),
        () => this.#addCaptured(variables, names, bind),
      );
    }
    this.#then('for( ', items, ' ) ', () => this.#then(this.#scoped(variables, body)));
  }

  #addCaptured(variables: Variable[], names: (string | undefined)[], { freeCount }: Pick<Bind, 'freeCount'>): void {
    for (let level = 0; level < freeCount; level++) variables.push({ name: names[level] ?? this.#fresh(), isName: false });
  }

  #formals(patterns: readonly Value[], remainder: Remainder): void {
    const items: Item[] = [];
    for (const pattern of patterns) {
      if (items.length > 0) items.push(', ');
      items.push(this.#name(pattern));
    }
    this.#then(items, this.#remainder(remainder, patterns.length, '...@'));
  }

  #match({ target, cases }: Match): void {
    const items: Item[] = [];
    for (const { pattern, body, freeCount } of cases) {
      const names: (string | undefined)[] = [];
      const variables: Variable[] = [];
      items.push(
        this.#newline(' '),
        ...this.#pattern(names, (value) => value(pattern, LEVEL_CASE)),
        () => this.#addCaptured(variables, names, { freeCount }),
        ' => ',
        () => this.#then(this.#scoped(variables, body)),
      );
    }
    this.#then(
      'match ',
      this.#value(target, LEVEL_SEND + 1),
      ' {',
      () => void this.#indent++,
      items,
      () => void this.#indent--,
      this.#newline(' '),
      '}',
    );
  }

  /** A body in braces, with these variables in scope. */
  #scoped(variables: readonly Variable[], body: Value): Item[] {
    return [
      '{',
      () => {
        const { bound } = this.#frame;
        for (const variable of variables) bound.push(variable);
        this.#indent++;
      },
      this.#newline(' '),
      this.#value(body, LEVEL_ANY, true),
      () => {
        this.#frame.bound.length -= variables.length;
        this.#indent--;
      },
      this.#newline(' '),
      '}',
    ];
  }

  /** A pattern: a level of its own, whose variables get their names in `names` as they are written. */
  #pattern(names: (string | undefined)[], write: (value: (value: Value, level: number) => Item) => Item): Item[] {
    return [
      () => void this.#frames.push({ bound: [], free: names }),
      write((value, level) => this.#value(value, level)),
      () => void this.#frames.pop(),
    ];
  }

  get #frame(): Frame {
    return this.#frames[this.#frames.length - 1] as Frame;
  }

  #fresh(): string {
    return `x${this.#names++}`;
  }

  #bound({ index }: BoundVariable): Variable {
    return this.#variable(0, index);
  }

  /** A variable that is bound outside of what is printed has no name of its own. */
  #variable(depth: number, index: number): Variable {
    const bound = this.#frames[this.#frames.length - 1 - depth]?.bound ?? [];
    return bound[bound.length - 1 - index] ?? { name: `outer${Math.max(0, index - bound.length)}`, isName: false };
  }

  #free({ level }: FreeVariable): string {
    const { free } = this.#frame;
    if (free === null) return `free${level}`;
    const name = free[level] ?? this.#fresh();
    free[level] = name;
    return name;
  }

  #reference({ index, depth }: VariableReference): void {
    const { name, isName } = this.#variable(depth, index);
    this.#then(isName ? `=*${name}` : `=${name}`);
  }

  /** A line of its own, or `flat` (for ` |`: with a space behind). */
  #newline(flat: string): Item {
    return () => {
      if (!this.#lines) return this.#then(flat === ' |' ? ' | ' : flat);
      return this.#then(`${flat === ' |' ? flat : ''}\n${'  '.repeat(Math.min(this.#indent, INDENT_MAX))}`);
    };
  }
}

/** The level of precedence at which a value prints. */
function levelOf(value: Value): number {
  switch (kindOf(value)) {
    case Kind.Int: return (value as number | bigint) < 0 ? 10 : LEVEL_ATOM;
    case Kind.BigInt: return (value as BigInteger).value < 0n ? 10 : LEVEL_ATOM;
    case Kind.Float: return (value as Float).value < 0 ? 10 : LEVEL_ATOM;
    case Kind.Par: return 0;
    case Kind.New: return 1;
    case Kind.Receive:
    case Kind.Match:
    case Kind.Bundle:
      return 2;
    case Kind.Send: return LEVEL_SEND;
    case Kind.Method: return 11;
    case Kind.BoundVariable: return 12;
    case Kind.VariableReference: return LEVEL_CASE;
    case Kind.Negation: return LEVEL_NEGATION;
    default: return LEVEL_ATOM;
  }
}
