/**
 * The LR driver: tokens to tree, in one loop over arrays. Uses no JavaScript stack for nesting, takes time linear
 * in the tokens. On the first token that cannot stand where it is it stops and says which; recover.ts takes over.
 */
import {
  NODE_TERM_MAX,
  START_STATE,
  TERM_COUNT,
  TOP_TERM,
  accepts,
  reducedLength,
  reducedTerm,
  tables,
} from './grammar.ts';
import type { Tokens } from './lexer.ts';
import { LEAF_TERMS, Tree } from './tree.ts';

/** A nonterminal without a node of its own: its children go to the node around it. */
class Fragment {
  constructor(readonly children: Tree[]) {}
}

type Piece = Tree | Fragment | null;

const isLeaf = Uint8Array.from({ length: TERM_COUNT }, (_, term) => (LEAF_TERMS.has(term) ? 1 : 0));
const NO_CHILDREN: readonly Tree[] = [];

/** The tree, or the index of the first token that cannot stand where it is. */
export function parseTokens(tokens: Tokens): Tree | number {
  const { defaults, actions, gotos } = tables;
  const { terms, starts, ends } = tokens;
  const states: number[] = [START_STATE];
  // by symbol on the stack; index 0 belongs to the start state
  const pieces: Piece[] = [null];
  const froms: number[] = [0];
  const tos: number[] = [0];
  let state = START_STATE;
  for (let index = 0; ; ) {
    const term = terms[index] as number;
    let action = defaults[state] as number;
    if (action === 0) action = actions[state * TERM_COUNT + term] as number;
    if (action > 0) {
      const from = starts[index] as number;
      const to = ends[index] as number;
      state = action;
      states.push(state);
      pieces.push(isLeaf[term] === 1 ? new Tree(term, from, to, NO_CHILDREN) : null);
      froms.push(from);
      tos.push(to);
      index++;
      continue;
    }
    if (action === 0) return endTree(tokens, index, states, pieces);
    const length = reducedLength(action);
    const reduced = reducedTerm(action);
    const base = states.length - length;
    const from = length === 0 ? (starts[index] as number) : (froms[base] as number);
    const to = length === 0 ? from : (tos[states.length - 1] as number);
    const piece = assemble(reduced, from, to, pieces, base);
    states.length = base;
    pieces.length = base;
    froms.length = base;
    tos.length = base;
    state = gotos[(states[base - 1] as number) * TERM_COUNT + reduced] as number;
    if (reduced === TOP_TERM) return piece as Tree;
    states.push(state);
    pieces.push(piece);
    froms.push(from);
    tos.push(to);
  }
}

/** At the end of the text, in the state that accepts, what stands on the stack is the program. */
function endTree(tokens: Tokens, index: number, states: readonly number[], pieces: readonly Piece[]): Tree | number {
  if (index !== tokens.terms.length - 1 || !accepts(states[states.length - 1] as number)) return index;
  const program = pieces[1];
  return program instanceof Tree ? program : new Tree(TOP_TERM, 0, 0, NO_CHILDREN);
}

function assemble(term: number, from: number, to: number, pieces: readonly Piece[], base: number): Piece {
  if (term < NODE_TERM_MAX) {
    let count = 0;
    for (let at = base; at < pieces.length; at++) {
      const piece = pieces[at];
      if (piece instanceof Tree) count++;
      else if (piece instanceof Fragment) count += piece.children.length;
    }
    if (count === 0) return new Tree(term, from, to, NO_CHILDREN);
    const children: Tree[] = [];
    for (let at = base; at < pieces.length; at++) {
      const piece = pieces[at];
      if (piece instanceof Tree) children.push(piece);
      else if (piece instanceof Fragment) for (const child of piece.children) children.push(child);
    }
    return new Tree(term, from, to, children);
  }
  if (pieces.length - base === 1) return pieces[base] as Piece;
  let fragment: Fragment | null = null;
  for (let at = base; at < pieces.length; at++) {
    const piece = pieces[at] as Piece;
    if (piece === null) continue;
    // a repetition grows at its right end, so the first fragment is the one to add to
    if (fragment === null) fragment = piece instanceof Fragment ? piece : new Fragment([piece]);
    else if (piece instanceof Tree) fragment.children.push(piece);
    else for (const child of piece.children) fragment.children.push(child);
  }
  return fragment;
}
