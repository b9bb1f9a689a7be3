/**
 * The text tree: what the normaliser walks. Nodes are those of the grammar with a capital letter; punctuation
 * and keywords leave none, operators do.
 */
import { TERM_NAMES, termOf } from './grammar.ts';
import type { NodeName } from './grammar.ts';

export class Tree {
  constructor(
    readonly term: number,
    /** Offsets into the source, from the first token to behind the last. */
    readonly from: number,
    readonly to: number,
    readonly children: readonly Tree[],
  ) {}

  /** The node's name in the grammar; an operator's is its text in quotes. */
  get name(): NodeName {
    return TERM_NAMES[this.term] as NodeName;
  }
}

const OPERATOR_TEXTS = [
  'or',
  '||',
  'and',
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
  '!',
  '!!',
];

/** Tokens that become leaves of the tree. */
export const LEAF_TERMS: ReadonlySet<number> = new Set([
  ...['Identifier', 'Wildcard', 'Integer', 'BigInteger', 'Float', 'String', 'Uri'].map(termOf),
  ...OPERATOR_TEXTS.map((text) => termOf(JSON.stringify(text))),
]);
