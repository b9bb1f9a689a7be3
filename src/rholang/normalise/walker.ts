/** What the meaning of a single form needs of the walk through the tree. */
import type { BoundVariable, Remainder, Value } from '../../values/index.ts';
import type { Tree } from '../syntax/index.ts';
import type { Problems } from './problems.ts';
import type { Scope } from './scope.ts';
import type { Part, Work } from './work.ts';

/** Names, patterns and remainder of a bind. */
export interface FormalsValue {
  readonly patterns: Value[];
  readonly remainder: Remainder;
}

export interface Walker {
  readonly scope: Scope;
  readonly problems: Problems;
  text(tree: Tree): string;
  /** Notes where a node came from; gives it back. */
  placed<Node extends object>(node: Node, tree: Tree): Node;
  /** A process, expression, collection or pattern. */
  process(tree: Tree): Work;
  /** What stands where a channel is meant. */
  name(tree: Tree): Work;
  each(trees: readonly Tree[]): Part<Value[]>;
  /** The formals of a bind, contract or declaration; the caller has entered the pattern. */
  formals(tree: Tree): Part<FormalsValue>;
  /** The process between braces, nil if there is none. */
  body(tree: Tree): Work;
  /** A variable that the compiler bound, seen from here. */
  bound(level: number): BoundVariable;
}

/** The node's child that the grammar promises. */
export function child(tree: Tree, index: number): Tree {
  const found = tree.children[index];
  if (found === undefined) throw new Error(`${tree.name} has no part ${index}`);
  return found;
}
