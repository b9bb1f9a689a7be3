/** Literals of collections: their items in order, and the rest of a pattern. */
import { list, map, set, tuple } from '../../values/index.ts';
import type { Value } from '../../values/index.ts';
import type { Tree } from '../syntax/index.ts';
import { child } from './walker.ts';
import type { Walker } from './walker.ts';
import { restOf } from './variables.ts';
import type { Step } from './work.ts';

export function* listOf(walker: Walker, tree: Tree): Step {
  const items = yield* walker.each(withoutRest(tree));
  return list(items, restOf(walker, tree));
}

export function* tupleOf(walker: Walker, tree: Tree): Step {
  return tuple(yield* walker.each(tree.children));
}

export function* setOf(walker: Walker, tree: Tree): Step {
  const items = yield* walker.each(withoutRest(tree));
  return set(items, restOf(walker, tree));
}

export function* mapOf(walker: Walker, tree: Tree): Step {
  const entries: [Value, Value][] = [];
  for (const pair of withoutRest(tree)) {
    const key = yield walker.process(child(pair, 0));
    entries.push([key, yield walker.process(child(pair, 1))]);
  }
  const value = map(entries, restOf(walker, tree));
  if (walker.scope.free !== null && value.keys.length < entries.length) {
    walker.problems.add('reuse', 'this map pattern has one key twice, so it can never match', tree.from, tree.to);
  }
  return value;
}

function withoutRest(tree: Tree): readonly Tree[] {
  return tree.children.at(-1)?.name === 'Rest' ? tree.children.slice(0, -1) : tree.children;
}
