/**
 * What an identifier, a wildcard, a reference or a remainder stands for where it is used, and what is wrong with it.
 * Owns the rules of sorts and of patterns; the scope owns the numbers.
 */
import { BoundVariable, FreeVariable, VariableReference, Wildcard } from '../../values/index.ts';
import type { Remainder, Value } from '../../values/index.ts';
import type { Tree } from '../syntax/index.ts';
import { child } from './walker.ts';
import type { Walker } from './walker.ts';
import type { Sort } from './scope.ts';

export function variableOf(walker: Walker, tree: Tree, usedAs: Sort): Value {
  const name = walker.text(tree);
  const { scope } = walker;
  const binding = scope.find(name);
  if (binding !== undefined) {
    if (binding.sort !== usedAs) walker.problems.wrongSort(name, binding.sort, binding.from, tree.from);
    if (binding.level < 0) return binding.value;
    return walker.placed(new BoundVariable(scope.index(binding.level)), tree);
  }
  return freeVariableOf(walker, name, usedAs, tree);
}

function freeVariableOf(walker: Walker, name: string, sort: Sort, tree: Tree): Value & Remainder {
  const { scope } = walker;
  if (scope.inBundle) {
    walker.problems.bundleContent(`the free variable ${name}`, tree.from, tree.to);
    return Wildcard.the;
  }
  const { free } = scope;
  if (free === null) {
    walker.problems.free(name, tree.from);
    return null;
  }
  const before = free.find(name);
  if (before !== undefined) {
    walker.problems.reuse(name, sort, before.from, tree.from);
    return Wildcard.the;
  }
  const level = free.add(name, sort, tree.from);
  return free.captures ? new FreeVariable(level) : Wildcard.the;
}

export function wildcardOf(walker: Walker, tree: Tree): Value & Remainder {
  if (walker.scope.inBundle) walker.problems.bundleContent('a wildcard', tree.from, tree.to);
  else if (walker.scope.free === null) walker.problems.wildcard(tree.from);
  return Wildcard.the;
}

/** `...x`, `..._`, `...@x`. */
export function remainderOf(walker: Walker, tree: Tree): Remainder {
  const rest = child(tree, 0);
  return (rest.name === 'Wildcard' ? wildcardOf(walker, rest) : variableOf(walker, rest, 'process')) as Remainder;
}

export function restOf(walker: Walker, tree: Tree): Remainder {
  const last = tree.children.at(-1);
  return last?.name === 'Rest' ? remainderOf(walker, last) : null;
}

/** `=x` and `=*x`: the value of a variable from outside the pattern. */
export function referenceOf(walker: Walker, tree: Tree, sort: Sort): Value {
  const identifier = tree.children.at(-1) as Tree;
  const name = walker.text(identifier);
  const binding = walker.scope.findAnywhere(name);
  if (binding === undefined) {
    walker.problems.unbound(walker.text(tree), tree.from, tree.to);
    return null;
  }
  if (binding.sort !== sort) walker.problems.wrongSort(name, binding.sort, binding.from, identifier.from);
  if (binding.level < 0) return binding.value;
  const { index, depth } = walker.scope.reference(binding);
  return walker.placed(depth === 0 ? new BoundVariable(index) : new VariableReference(index, depth), tree);
}
