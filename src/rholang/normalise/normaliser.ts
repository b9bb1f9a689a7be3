/**
 * Text tree to normalised term: variables to indices, sugar to its meaning, parallel parts and binds in order.
 * Owns the meaning of every form of the grammar (spec/rholang.md, "Desugaring"). Gathers static errors and goes
 * on, so that a program's errors come all at once; never uses the JavaScript stack for nesting.
 */
import {
  BoundVariable,
  List,
  Match,
  Matches,
  Method,
  Negation,
  New,
  Operation,
  Send,
  TypeWord,
  bundle,
  conjunction,
  disjunction,
  list,
  par,
} from '../../values/index.ts';
import type { Case, Operator, Remainder, Value } from '../../values/index.ts';
import type { SourceText, Tree } from '../syntax/index.ts';
import { bigIntegerLiteral, floatLiteral, integerLiteral, stringLiteral, uriLiteral } from './literals.ts';
import type { Literal } from './literals.ts';
import type { Problems } from './problems.ts';
import { listOf, mapOf, setOf, tupleOf } from './collections.ts';
import { renumber } from './numbering.ts';
import { receiveOf, sendAndWait } from './receives.ts';
import { Scope } from './scope.ts';
import { referenceOf, remainderOf, variableOf, wildcardOf } from './variables.ts';
import { child } from './walker.ts';
import type { FormalsValue, Walker } from './walker.ts';
import type { Part, Step, Work } from './work.ts';

export interface Context {
  readonly source: SourceText;
  readonly uris: ReadonlyMap<string, Value>;
  readonly granted: readonly string[];
  readonly problems: Problems;
  /** Where each node of the term came from: offsets. */
  readonly places: Map<object, number>;
}

export class Normaliser implements Walker {
  readonly scope = new Scope();
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  get problems(): Problems {
    return this.#context.problems;
  }

  /** Notes where a node came from; gives it back. */
  placed<Node extends object>(node: Node, tree: Tree): Node {
    this.#context.places.set(node, tree.from);
    return node;
  }

  /** A process, expression, collection or pattern. */
  process(given: Tree): Work {
    const tree = inner(given);
    switch (tree.name) {
      case 'Nil':
        return null;
      case 'True':
        return true;
      case 'False':
        return false;
      case 'Integer':
      case 'BigInteger':
      case 'BigIntegerCall':
      case 'Float':
        return this.#number(tree, tree, false);
      case 'String':
        return stringLiteral(this.text(tree));
      case 'Uri':
        return this.placed(uriLiteral(this.text(tree)) as object, tree) as Value;
      case 'TypeWord':
        return new TypeWord(this.text(tree) as TypeWord['word']);
      case 'Variable':
        return variableOf(this, tree, 'process');
      case 'Wildcard':
        return wildcardOf(this, tree);
      case 'Par':
        return this.#parallel(tree);
      case 'List':
        return listOf(this, tree);
      case 'Tuple':
        return tupleOf(this, tree);
      case 'Set':
        return setOf(this, tree);
      case 'Map':
        return mapOf(this, tree);
      case 'Eval':
        return this.name(tree.children.at(-1) as Tree);
      case 'Send':
        return this.#send(tree);
      case 'SyncSend':
        return sendAndWait(this, tree);
      case 'For':
      case 'Contract':
        return receiveOf(this, tree);
      case 'New':
        return this.#new(tree);
      case 'Match':
        return this.#match(tree);
      case 'If':
        return this.#if(tree);
      case 'Let':
        return this.#let(tree);
      case 'Bundle':
        return this.#bundle(tree);
      case 'Select':
        return this.#select(tree);
      case 'Method':
        return this.#method(tree);
      case 'Not':
        return this.#unary(tree, 'not', child(tree, 0));
      case 'Negate':
        return this.#negate(tree);
      case 'Or':
      case 'And':
      case 'Equality':
      case 'Comparison':
      case 'Sum':
      case 'Product':
        return this.#operation(tree);
      case 'Matches':
        return this.#matches(tree);
      case 'Conjunction':
        return this.#connective(tree);
      case 'Disjunction':
        return this.#connective(tree);
      case 'Negation':
        return this.#connective(tree);
      case 'Reference':
        return referenceOf(this, tree, 'process');
      case 'NameReference':
        return referenceOf(this, tree, 'name');
      default:
        throw new Error(`${tree.name} is no process`);
    }
  }

  /** What stands where a channel is meant. */
  name(tree: Tree): Work {
    switch (tree.name) {
      case 'NameVariable':
        return variableOf(this, tree, 'name');
      case 'NameWildcard':
        return wildcardOf(this, tree);
      case 'Quote':
        return this.process(child(tree, 0));
      default:
        throw new Error(`${tree.name} is no name`);
    }
  }

  *each(trees: readonly Tree[]): Part<Value[]> {
    const values: Value[] = [];
    for (const tree of trees) values.push(yield this.process(tree));
    return values;
  }

  /** The formals of a bind, contract or declaration; the caller has entered the pattern. */
  *formals(tree: Tree): Part<FormalsValue> {
    const patterns: Value[] = [];
    let remainder: Remainder = null;
    for (const each of tree.children) {
      if (each.name === 'NameRest') remainder = remainderOf(this, each);
      else patterns.push(yield this.name(each));
    }
    return { patterns, remainder };
  }

  /** The process between braces, nil if there is none. */
  body(tree: Tree): Work {
    return tree.children.length === 0 ? null : this.process(child(tree, 0));
  }

  /** A variable that the compiler bound, seen from here. */
  bound(level: number): BoundVariable {
    return new BoundVariable(this.scope.index(level));
  }

  text(tree: Tree): string {
    return this.#context.source.text.slice(tree.from, tree.to);
  }

  #number(tree: Tree, whole: Tree, negative: boolean): Value {
    const text = this.text(tree);
    let literal: Literal;
    if (tree.name === 'Integer') literal = integerLiteral(text, negative);
    else if (tree.name === 'BigInteger') literal = bigIntegerLiteral(text.slice(0, -1), negative);
    else if (tree.name === 'BigIntegerCall') literal = bigIntegerLiteral(this.text(child(tree, 0)), negative);
    else literal = floatLiteral(text, negative);
    if ('value' in literal) return literal.value;
    this.problems.add('integer_range', literal.problem, whole.from, whole.to, literal.hint);
    return 0;
  }

  /** Parts of parts in one go: braces around a parallel composition mean nothing, however deep. */
  *#parallel(tree: Tree): Step {
    const pending: Tree[] = [tree];
    const parts: Value[] = [];
    while (pending.length > 0) {
      const next = pending.pop() as Tree;
      if (next.name === 'Par' || next.name === 'Block' || next.name === 'Group') {
        for (let index = next.children.length - 1; index >= 0; index--) pending.push(next.children[index] as Tree);
      } else parts.push(yield this.process(next));
    }
    return par(parts);
  }

  *#send(tree: Tree): Step {
    const channel = yield this.name(child(tree, 0));
    const data = yield* this.each(child(tree, 2).children);
    return this.placed(new Send(channel, data, this.text(child(tree, 1)) === '!!'), tree);
  }

  *#new(tree: Tree): Step {
    const { scope } = this;
    const mark = scope.mark();
    let count = 0;
    for (const each of tree.children.slice(0, -1)) {
      const [identifier, uri] = each.children as [Tree, Tree?];
      const name = this.text(identifier);
      if (uri === undefined) {
        scope.bind(name, 'name', identifier.from);
        count++;
      } else scope.bindValue(name, this.#resolve(uri), identifier.from);
    }
    const body = yield this.process(tree.children.at(-1) as Tree);
    scope.release(mark);
    return count === 0 ? body : this.placed(new New(count, body), tree);
  }

  #resolve(tree: Tree): Value {
    const { uris, granted, problems } = this.#context;
    const uri = uriLiteral(this.text(tree)) as { readonly text: string };
    const value = uris.get(uri.text);
    if (value !== undefined) return value;
    const known =
      granted.length === 0 ? 'nothing was granted' : `granted: ${granted.map((each) => `\`${each}\``).join(', ')}`;
    problems.add(
      'uri_not_granted',
      `the URI \`${uri.text}\` was not granted to this program; ${known}`,
      tree.from,
      tree.to,
      'ask the operator for the grant, or take the line out',
      'uri_not_granted',
    );
    return null;
  }

  *#match(tree: Tree): Step {
    const target = yield this.process(child(tree, 0));
    const cases: Case[] = [];
    for (const each of tree.children.slice(1)) {
      this.scope.enterPattern();
      const pattern = yield this.process(child(each, 0));
      const free = this.scope.leavePattern();
      renumber([pattern], null, free);
      const mark = this.scope.mark();
      this.scope.bindAll(free);
      const body = yield this.process(child(each, 1));
      this.scope.release(mark);
      cases.push({ pattern, body, freeCount: free.entries.length });
    }
    return this.placed(new Match(target, cases), tree);
  }

  *#if(tree: Tree): Step {
    const target = yield this.process(child(tree, 0));
    const yes = yield this.process(child(tree, 1));
    const no = tree.children.length < 3 ? null : yield this.process(child(tree, 2));
    return this.placed(
      new Match(target, [
        { pattern: true, body: yes, freeCount: 0 },
        { pattern: false, body: no, freeCount: 0 },
      ]),
      tree,
    );
  }

  #let(tree: Tree): Work {
    const what = child(tree, 0);
    if (what.name === 'LetJoin') return receiveOf(this, tree);
    return this.#letSequence(what.name === 'LetSequence' ? what.children : [what], 0, child(tree, 1));
  }

  *#letSequence(declarations: readonly Tree[], index: number, body: Tree): Step {
    const declaration = declarations[index] as Tree;
    const target = new List(yield* this.each(child(declaration, 1).children));
    this.scope.enterPattern();
    const { patterns, remainder } = yield* this.formals(child(declaration, 0));
    const free = this.scope.leavePattern();
    renumber(patterns, remainder, free);
    const mark = this.scope.mark();
    this.scope.bindAll(free);
    const rest = yield index + 1 < declarations.length
      ? this.#letSequence(declarations, index + 1, body)
      : this.body(body);
    this.scope.release(mark);
    return this.placed(
      new Match(target, [{ pattern: list(patterns, remainder), body: rest, freeCount: free.entries.length }]),
      declaration,
    );
  }

  *#bundle(tree: Tree): Step {
    const word = this.text(child(tree, 0));
    const inside = child(tree, 1);
    this.#checkBundle(inside);
    this.scope.enterBundle();
    const body = yield this.body(inside);
    this.scope.leaveBundle();
    return this.placed(
      bundle(body, word === 'bundle' || word === 'bundle-', word === 'bundle' || word === 'bundle+'),
      tree,
    );
  }

  /** A pattern at the top of a bundle could never be met. */
  #checkBundle(body: Tree): void {
    const pending: Tree[] = [body];
    while (pending.length > 0) {
      const next = pending.pop() as Tree;
      if (next.name === 'Body' || next.name === 'Par' || next.name === 'Block' || next.name === 'Group') {
        for (const each of next.children) pending.push(each);
      } else if (next.name === 'TypeWord')
        this.problems.bundleContent(`the type word ${this.text(next)}`, next.from, next.to);
      else if (next.name === 'Conjunction' || next.name === 'Disjunction' || next.name === 'Negation') {
        this.problems.bundleContent('a logical connective', next.from, next.to);
      }
    }
  }

  #select(tree: Tree): Value {
    this.problems.add(
      'not_supported',
      'Compilation of construct not yet supported: `select`.',
      tree.from,
      tree.from + 'select'.length,
      'write one `for` for each branch, with a shared lock that the first one takes',
    );
    return null;
  }

  *#method(tree: Tree): Step {
    const target = yield this.process(child(tree, 0));
    const args = yield* this.each(child(tree, 2).children);
    return this.placed(new Method(target, this.text(child(tree, 1)), args), tree);
  }

  *#unary(tree: Tree, operator: Operator, operand: Tree): Step {
    return this.placed(new Operation(operator, yield this.process(operand), undefined), tree);
  }

  /** A minus right before a number belongs to the number: so the least Int can be written, and matched. */
  #negate(tree: Tree): Work {
    const operand = child(tree, 1);
    switch (operand.name) {
      case 'Integer':
      case 'BigInteger':
      case 'BigIntegerCall':
      case 'Float':
        return this.#number(operand, tree, true);
      default:
        return this.#unary(tree, 'neg', operand);
    }
  }

  *#operation(tree: Tree): Step {
    const left = yield this.process(child(tree, 0));
    const right = yield this.process(child(tree, 2));
    return this.placed(new Operation(this.text(child(tree, 1)) as Operator, left, right), tree);
  }

  *#matches(tree: Tree): Step {
    const target = yield this.process(child(tree, 0));
    this.scope.enterPattern();
    const pattern = yield this.process(child(tree, 1));
    renumber([pattern], null, this.scope.leavePattern());
    return this.placed(new Matches(target, pattern), tree);
  }

  /**
   * `/\`, `\/`, `~`. Variables below `\/` and `~` are not seen outside, so they compile to wildcards. A chain of
   * one sign is one node.
   */
  *#connective(tree: Tree): Step {
    const { scope } = this;
    if (scope.free === null && !scope.inBundle) this.#connectiveOutside(tree);
    const hidden = tree.name === 'Conjunction' ? null : scope.hideFree();
    const parts: Value[] = [];
    for (const each of chain(tree)) {
      if (tree.name === 'Disjunction' && parts.length > 0) scope.hideFree();
      parts.push(yield this.process(each));
    }
    if (tree.name !== 'Conjunction') scope.restoreFree(hidden);
    if (tree.name === 'Negation') return new Negation(parts[0] as Value);
    return tree.name === 'Conjunction' ? conjunction(parts) : disjunction(parts);
  }

  #connectiveOutside(tree: Tree): void {
    if (tree.name === 'Conjunction') this.problems.connective('/\\', 'conjunction', tree.from, tree.to);
    else if (tree.name === 'Disjunction') this.problems.connective('\\/', 'disjunction', tree.from, tree.to);
    else this.problems.connective('~', 'negation', tree.from, tree.to);
  }
}

/** What stands inside braces, parentheses and `*@…`, which mean nothing, however many there are. */
function inner(given: Tree): Tree {
  let tree = given;
  for (;;) {
    if (tree.name === 'Block' || tree.name === 'Group') tree = child(tree, 0);
    else if (tree.name === 'Eval' && tree.children.at(-1)?.name === 'Quote')
      tree = child(tree.children.at(-1) as Tree, 0);
    else return tree;
  }
}

/** The operands of a left-leaning chain of one connective, in order. */
function chain(tree: Tree): Tree[] {
  if (tree.name === 'Negation') return [child(tree, 0)];
  const operands: Tree[] = [];
  let left = tree;
  while (left.name === tree.name) {
    operands.push(child(left, 1));
    left = child(left, 0);
  }
  operands.push(left);
  return operands.reverse();
}
