/**
 * Every value that is no leaf as a sequence of smaller values, and back: the one description of each kind's
 * fields that order, codec and inspection share, so that they cannot drift apart. Owns the shapes written
 * in spec/values.md, section "Nodes". Must never recurse: it looks one level down, its callers walk.
 */
import {
  BoundVariable,
  Bundle,
  Conjunction,
  Disjunction,
  FreeVariable,
  Kind,
  List,
  Match,
  Matches,
  Method,
  Negation,
  New,
  OPERATORS,
  Operation,
  Receive,
  Send,
  TYPE_WORDS,
  TypeWord,
  VariableReference,
  Wildcard,
  kindOf,
} from './value.ts';
import type { Bind, Case, ObjectValue, Operator, Remainder, Value } from './value.ts';

/** Kinds that `partsOf` takes apart; the others are leaves. */
export type Node = Exclude<ObjectValue, { readonly kind: 3 | 4 | 6 | 7 | 12 }>;

/** The values inside a node, one level down, in the order in which they are compared and written. */
export function partsOf(node: Node): readonly Value[] {
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
      return node.items;
    case Kind.Map:
      return interleave(node.keys, node.items);
    case Kind.Bundle:
      return [node.body, node.read, node.write];
    case Kind.Send:
      return [node.channel, new List(node.data), node.persistent];
    case Kind.Receive:
      return [node.persistent, node.body, ...node.binds.map(partsOfBind)];
    case Kind.New:
      return [node.count, node.body];
    case Kind.Match:
      return [node.target, ...node.cases.map((each) => new List([each.freeCount, each.pattern, each.body]))];
    case Kind.Operation:
      return node.right === undefined ? [node.operator, node.left] : [node.operator, node.left, node.right];
    case Kind.Method:
      return [node.target, node.name, ...node.args];
    case Kind.Matches:
      return [node.target, node.pattern];
    case Kind.Par:
    case Kind.Conjunction:
    case Kind.Disjunction:
      return node.parts;
    case Kind.BoundVariable:
      return [node.index];
    case Kind.FreeVariable:
      return [node.level];
    case Kind.Wildcard:
      return [];
    case Kind.VariableReference:
      return [node.index, node.depth];
    case Kind.TypeWord:
      return [node.word];
    case Kind.Negation:
      return [node.body];
    default: {
      const missing: never = node;
      return missing;
    }
  }
}

function interleave(keys: readonly Value[], items: readonly Value[]): Value[] {
  const parts: Value[] = [];
  for (let index = 0; index < keys.length; index++) parts.push(keys[index] as Value, items[index] as Value);
  return parts;
}

function partsOfBind(bind: Bind): Value {
  return new List([bind.source, bind.freeCount, bind.peek, bind.remainder, ...bind.patterns]);
}

/** The remainder of a collection; null for every other node. */
export function remainderOf(node: Node): Remainder {
  switch (node.kind) {
    case Kind.List:
    case Kind.Set:
    case Kind.Map:
      return node.remainder;
    default:
      return null;
  }
}

export function isRemainder(value: Value): value is Remainder {
  if (value === null) return true;
  const kind = kindOf(value);
  return kind === Kind.Wildcard || kind === Kind.FreeVariable || kind === Kind.BoundVariable;
}

/**
 * The inverse of `partsOf` for all kinds but list, tuple, set, map and Par, whose parts are values only. A
 * string is the reason why these parts make no node of that kind.
 */
export function nodeOf(kind: number, parts: readonly Value[]): Node | string {
  switch (kind) {
    case Kind.Bundle: {
      const [body, read, write] = parts;
      if (parts.length !== 3 || typeof read !== 'boolean' || typeof write !== 'boolean')
        return 'a bundle is body, read, write';
      if (kindOf(body as Value) === Kind.Bundle) return 'a bundle directly in a bundle';
      return new Bundle(body as Value, read, write);
    }
    case Kind.Send: {
      const [channel, data, persistent] = parts;
      const items = plainItems(data);
      if (parts.length !== 3 || items === null || typeof persistent !== 'boolean')
        return 'a send is channel, data, persistent';
      return new Send(channel as Value, items, persistent);
    }
    case Kind.Receive:
      return receiveOf(parts);
    case Kind.New: {
      const [count, body] = parts;
      if (parts.length !== 2 || !isCount(count) || count === 0) return 'a new is a count of at least 1 and a body';
      return new New(count, body as Value);
    }
    case Kind.Match:
      return matchOf(parts);
    case Kind.Operation: {
      const [operator, left, right] = parts;
      if (!isOperator(operator)) return 'an operation starts with its operator';
      const unary = operator === 'not' || operator === 'neg';
      if (parts.length !== (unary ? 2 : 3)) return 'an operation with the wrong number of operands';
      return new Operation(operator, left as Value, right);
    }
    case Kind.Method: {
      const [target, name] = parts;
      if (parts.length < 2 || typeof name !== 'string') return 'a method call is target, name, arguments';
      return new Method(target as Value, name, parts.slice(2));
    }
    case Kind.Matches:
      if (parts.length !== 2) return 'a matches is target and pattern';
      return new Matches(parts[0] as Value, parts[1] as Value);
    case Kind.Conjunction:
      return parts.length < 2 ? 'a conjunction has two parts or more' : new Conjunction(parts);
    case Kind.Disjunction:
      return parts.length < 2 ? 'a disjunction has two parts or more' : new Disjunction(parts);
    case Kind.Negation:
      return parts.length !== 1 ? 'a negation has one part' : new Negation(parts[0] as Value);
    default:
      return variableOf(kind, parts);
  }
}

function variableOf(kind: number, parts: readonly Value[]): Node | string {
  const [first, second] = parts;
  switch (kind) {
    case Kind.BoundVariable:
      if (parts.length !== 1 || !isCount(first)) return 'a bound variable has an index';
      return new BoundVariable(first);
    case Kind.FreeVariable:
      if (parts.length !== 1 || !isCount(first)) return 'a free variable has a level';
      return new FreeVariable(first);
    case Kind.Wildcard:
      return parts.length !== 0 ? 'a wildcard has no parts' : Wildcard.the;
    case Kind.VariableReference:
      if (parts.length !== 2 || !isCount(first) || !isCount(second)) return 'a variable reference is index and depth';
      return new VariableReference(first, second);
    case Kind.TypeWord: {
      const word = TYPE_WORDS.find((each) => each === first);
      if (parts.length !== 1 || word === undefined) return 'a type word is one of the known words';
      return new TypeWord(word);
    }
    default:
      return `no node has the tag ${kind}`;
  }
}

function receiveOf(parts: readonly Value[]): Node | string {
  const [persistent, body] = parts;
  if (parts.length < 3 || typeof persistent !== 'boolean') return 'a receive is persistent, body, and one bind or more';
  const binds: Bind[] = [];
  for (let index = 2; index < parts.length; index++) {
    const items = plainItems(parts[index]);
    if (items === null || items.length < 4) return 'a bind is source, count of variables, peek, remainder, patterns';
    const [source, freeCount, peek, remainder] = items as readonly [Value, Value, Value, Value];
    if (!isCount(freeCount) || typeof peek !== 'boolean' || !isRemainder(remainder)) {
      return 'a bind is source, count of variables, peek, remainder, patterns';
    }
    binds.push({ patterns: items.slice(4), remainder, source, freeCount, peek });
  }
  return new Receive(binds, body as Value, persistent);
}

function matchOf(parts: readonly Value[]): Node | string {
  if (parts.length < 1) return 'a match has a target';
  const cases: Case[] = [];
  for (let index = 1; index < parts.length; index++) {
    const items = plainItems(parts[index]);
    if (items === null || items.length !== 3) return 'a case is count of variables, pattern, body';
    const [freeCount, pattern, body] = items as readonly [Value, Value, Value];
    if (!isCount(freeCount)) return 'a case is count of variables, pattern, body';
    cases.push({ pattern, body, freeCount });
  }
  return new Match(parts[0] as Value, cases);
}

function isCount(value: Value | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}

function isOperator(value: Value | undefined): value is Operator {
  return (OPERATORS as readonly unknown[]).includes(value);
}

function plainItems(value: Value | undefined): readonly Value[] | null {
  return value instanceof List && value.remainder === null ? value.items : null;
}

/** Kinds that have parts. */
export function isNode(value: Value): value is Node {
  if (typeof value !== 'object' || value === null) return false;
  switch (value.kind) {
    case Kind.BigInt:
    case Kind.Float:
    case Kind.Bytes:
    case Kind.Uri:
    case Kind.Name:
      return false;
    default:
      return true;
  }
}
