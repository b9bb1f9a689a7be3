/**
 * Values, patterns and processes as Rholang text: what standard output shows, and what reports show to people. What
 * is printed can be read again, but for names, byte arrays and floats that are not finite. Owns the layout
 * (spec/rholang.md, "Printing"). Never uses the JavaScript stack for nesting and never shows the bytes of a name.
 */
import { Kind, Wildcard, kindOf } from '../values/index.ts';
import {
  LEVEL_ANY,
  LEVEL_ATOM,
  LEVEL_CASE,
  LEVEL_NEGATION,
  LEVEL_OPERAND,
  LEVEL_SEND,
  levelOf,
  printLeaf,
} from './print-leaf.ts';
import type {
  Bind,
  BoundVariable,
  Bundle,
  Conjunction,
  Disjunction,
  FreeVariable,
  List,
  MapValue,
  Match,
  Matches,
  Method,
  Negation,
  New,
  Operation,
  Par,
  Receive,
  Remainder,
  Send,
  SetValue,
  Tuple,
  Value,
  VariableReference,
} from '../values/index.ts';

export interface PrintOptions {
  /** Characters after which the text ends with `…`. */
  readonly lengthMax?: number;
}

/** On one line. */
export function print(value: Value, options: PrintOptions = {}): string {
  const fast = printLeaf(value);
  if (fast !== null)
    return options.lengthMax !== undefined && fast.length > options.lengthMax
      ? `${fast.slice(0, options.lengthMax)}…`
      : fast;
  return new Printer(false, options.lengthMax ?? Number.POSITIVE_INFINITY).print(value);
}

/** On as many lines as a person wants: parallel parts and bodies on lines of their own. */
export function printProcess(value: Value, options: PrintOptions = {}): string {
  return new Printer(true, options.lengthMax ?? Number.POSITIVE_INFINITY).print(value);
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

/** Text to write, or what says when its turn has come what to write there. */
type Item = string | (() => Items);
type Items = readonly (Item | readonly Item[])[];
const NOTHING: Items = [];

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
    this.#next([this.#value(value, LEVEL_ANY, true)]);
    while (this.#length <= this.#lengthMax) {
      const item = this.#pending.pop();
      if (item === undefined) return this.#out.join('');
      if (typeof item === 'string') {
        this.#out.push(item);
        this.#length += item.length;
      } else this.#next(item());
    }
    return `${this.#out.join('').slice(0, this.#lengthMax)}…`;
  }

  #next(items: Items): void {
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
      if (levelOf(value) < level) return ['{', this.#value(value, LEVEL_ANY), '}'];
      return leaf !== null ? [leaf] : this.#node(value, block);
    };
  }

  #name(value: Value): Item {
    return () => {
      if (value instanceof Wildcard) return ['_'];
      const variable = kindOf(value) === Kind.BoundVariable ? this.#bound(value as BoundVariable) : undefined;
      if (variable?.isName === true) return [variable.name];
      return ['@{', this.#value(value, LEVEL_ANY), '}'];
    };
  }

  #node(value: Value, block: boolean): Items {
    switch (kindOf(value)) {
      case Kind.List: {
        const { items, remainder } = value as List;
        return ['[', this.#commas(items), this.#remainder(remainder, items.length), ']'];
      }
      case Kind.Tuple: {
        const { items } = value as Tuple;
        return ['(', this.#commas(items), items.length === 1 ? ',)' : ')'];
      }
      case Kind.Set: {
        const { items, remainder } = value as SetValue;
        return ['Set(', this.#commas(items), this.#remainder(remainder, items.length), ')'];
      }
      case Kind.Map:
        return this.#map(value as MapValue);
      case Kind.Bundle:
        return this.#bundle(value as Bundle);
      case Kind.Send: {
        const { channel, data, persistent } = value as Send;
        return [this.#name(channel), persistent ? '!!(' : '!(', this.#commas(data), ')'];
      }
      case Kind.Receive:
        return this.#receive(value as Receive);
      case Kind.New:
        return this.#new(value as New);
      case Kind.Match:
        return this.#match(value as Match);
      case Kind.Operation:
        return this.#operation(value as Operation);
      case Kind.Method: {
        const { target, name, args } = value as Method;
        return ['(', this.#value(target, LEVEL_ANY), `).${name}(`, this.#commas(args), ')'];
      }
      case Kind.Matches: {
        const { target, pattern } = value as Matches;
        return [
          '(',
          this.#value(target, LEVEL_OPERAND),
          ' matches ',
          this.#pattern([], (value) => value(pattern, LEVEL_OPERAND)),
          ')',
        ];
      }
      case Kind.Par: {
        const { parts } = value as Par;
        const items: Item[] = [];
        for (const part of parts)
          items.push(items.length === 0 ? '' : block ? this.#newline(' |') : ' | ', this.#value(part, 1));
        return [items];
      }
      case Kind.BoundVariable: {
        const { name, isName } = this.#bound(value as BoundVariable);
        return [isName ? `*${name}` : name];
      }
      case Kind.FreeVariable:
        return [this.#free(value as FreeVariable)];
      case Kind.VariableReference:
        return this.#reference(value as VariableReference);
      case Kind.Conjunction:
        return this.#connective((value as Conjunction).parts, ' /\\ ');
      case Kind.Disjunction:
        return this.#connective((value as Disjunction).parts, ' \\/ ');
      case Kind.Negation:
        return ['~', this.#value((value as Negation).body, LEVEL_NEGATION)];
      default:
        throw new Error(`kind ${kindOf(value)} is a leaf`);
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
      if (kindOf(remainder) === Kind.BoundVariable)
        return [`${gap}${sign}${this.#bound(remainder as BoundVariable).name}`];
      return [gap + sign, this.#value(remainder, LEVEL_ATOM)];
    };
  }

  #map({ keys, items, remainder }: MapValue): Items {
    const parts: Item[] = [];
    for (const [index, key] of keys.entries()) {
      if (index > 0) parts.push(', ');
      parts.push(this.#value(key, LEVEL_ANY), ' : ', this.#value(items[index] as Value, LEVEL_ANY));
    }
    return ['{', parts, this.#remainder(remainder, keys.length), '}'];
  }

  #bundle({ body, read, write }: Bundle): Items {
    return [`bundle${read ? (write ? '' : '-') : write ? '+' : '0'}{ `, this.#value(body, LEVEL_ANY), ' }'];
  }

  #operation({ operator, left, right }: Operation): Items {
    if (right !== undefined) {
      return ['(', this.#value(left, LEVEL_OPERAND), ` ${operator} `, this.#value(right, LEVEL_OPERAND), ')'];
    }
    if (operator === 'not') return ['(not ', this.#value(left, LEVEL_OPERAND), ')'];
    // the inner parentheses keep the minus from joining a number
    return ['(-(', this.#value(left, LEVEL_ANY), '))'];
  }

  #connective(parts: readonly Value[], sign: string): Items {
    const items: Item[] = [];
    for (const part of parts) {
      if (items.length > 0) items.push(sign);
      items.push(this.#value(part, LEVEL_NEGATION));
    }
    return ['(', items, ')'];
  }

  #new({ count, body }: New): Items {
    const variables = Array.from({ length: count }, () => ({ name: this.#fresh(), isName: true }));
    return [`new ${variables.map((each) => each.name).join(', ')} in `, this.#scoped(variables, body)];
  }

  #receive({ binds, body, persistent }: Receive): Items {
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
    return ['for( ', items, ' ) ', () => [this.#scoped(variables, body)]];
  }

  #addCaptured(variables: Variable[], names: (string | undefined)[], { freeCount }: Pick<Bind, 'freeCount'>): Items {
    for (let level = 0; level < freeCount; level++)
      variables.push({ name: names[level] ?? this.#fresh(), isName: false });
    return NOTHING;
  }

  #formals(patterns: readonly Value[], remainder: Remainder): Items {
    const items: Item[] = [];
    for (const pattern of patterns) {
      if (items.length > 0) items.push(', ');
      items.push(this.#name(pattern));
    }
    return [items, this.#remainder(remainder, patterns.length, '...@')];
  }

  #match({ target, cases }: Match): Items {
    const items: Item[] = [];
    for (const { pattern, body, freeCount } of cases) {
      const names: (string | undefined)[] = [];
      const variables: Variable[] = [];
      items.push(
        this.#newline(' '),
        ...this.#pattern(names, (value) => value(pattern, LEVEL_CASE)),
        () => this.#addCaptured(variables, names, { freeCount }),
        ' => ',
        () => [this.#scoped(variables, body)],
      );
    }
    return [
      'match ',
      this.#value(target, LEVEL_SEND + 1),
      ' {',
      () => this.#shiftIndent(1),
      items,
      () => this.#shiftIndent(-1),
      this.#newline(' '),
      '}',
    ];
  }

  /** A body in braces, with these variables in scope. */
  #scoped(variables: readonly Variable[], body: Value): Item[] {
    return [
      '{',
      () => {
        const { bound } = this.#frame;
        for (const variable of variables) bound.push(variable);
        return this.#shiftIndent(1);
      },
      this.#newline(' '),
      this.#value(body, LEVEL_ANY, true),
      () => {
        this.#frame.bound.length -= variables.length;
        return this.#shiftIndent(-1);
      },
      this.#newline(' '),
      '}',
    ];
  }

  /** A pattern: a level of its own, whose variables get their names in `names` as they are written. */
  #pattern(names: (string | undefined)[], write: (value: (value: Value, level: number) => Item) => Item): Item[] {
    return [
      () => {
        this.#frames.push({ bound: [], free: names });
        return NOTHING;
      },
      write((value, level) => this.#value(value, level)),
      () => {
        this.#frames.pop();
        return NOTHING;
      },
    ];
  }

  #shiftIndent(by: number): Items {
    this.#indent += by;
    return NOTHING;
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

  #reference({ index, depth }: VariableReference): Items {
    const { name, isName } = this.#variable(depth, index);
    return [isName ? `=*${name}` : `=${name}`];
  }

  /** A line of its own, or `flat` (for ` |`: with a space behind). */
  #newline(flat: string): Item {
    return () => {
      if (!this.#lines) return [flat === ' |' ? ' | ' : flat];
      return [`${flat === ' |' ? flat : ''}\n${'  '.repeat(Math.min(this.#indent, INDENT_MAX))}`];
    };
  }
}
