/**
 * The LR tables unpacked for the driver, and the terms by name. Owns the decoding of tables.generated.ts; knows nothing of
 * tokens in a text or of trees.
 */
import {
  ACCEPTING,
  END_TERM,
  GOTOS,
  NODE_TERM_MAX,
  ROWS,
  START_STATE,
  STATES,
  TERMINALS,
  TERM_NAMES,
  TOP_TERM,
} from './tables.generated.ts';

export { END_TERM, NODE_TERM_MAX, START_STATE, TERMINALS, TERM_NAMES, TOP_TERM };

export const TERM_COUNT = TERM_NAMES.length;

/** Which node of the tree a term is. */
export type NodeName = Extract<
  (typeof TERM_NAMES)[number],
  | 'Nil'
  | 'True'
  | 'False'
  | 'Identifier'
  | 'Integer'
  | 'BigInteger'
  | 'BigIntegerCall'
  | 'Float'
  | 'String'
  | 'Uri'
  | 'TypeWord'
  | 'Variable'
  | 'Wildcard'
  | 'Block'
  | 'Group'
  | 'List'
  | 'Rest'
  | 'Tuple'
  | 'Set'
  | 'Map'
  | 'Pair'
  | 'Negation'
  | 'Conjunction'
  | 'Disjunction'
  | 'Reference'
  | 'NameReference'
  | 'Eval'
  | 'NameVariable'
  | 'NameWildcard'
  | 'Quote'
  | 'Method'
  | 'Arguments'
  | 'Not'
  | 'Negate'
  | 'Product'
  | 'Sum'
  | 'Comparison'
  | 'Matches'
  | 'Equality'
  | 'And'
  | 'Or'
  | 'Send'
  | 'Contract'
  | 'Formals'
  | 'NameRest'
  | 'Body'
  | 'For'
  | 'Receipt'
  | 'LinearBind'
  | 'ReceiveSend'
  | 'SendReceive'
  | 'RepeatBind'
  | 'PeekBind'
  | 'Select'
  | 'Branch'
  | 'Match'
  | 'Case'
  | 'Bundle'
  | 'BundleWord'
  | 'Let'
  | 'Declaration'
  | 'Values'
  | 'LetSequence'
  | 'LetJoin'
  | 'If'
  | 'New'
  | 'NewName'
  | 'SyncSend'
  | 'Par'
>;

export interface Tables {
  /** By state: a reduction without looking at the next token, or 0. */
  readonly defaults: Int32Array;
  /** By state * TERM_COUNT + token: next state if positive (the start state, 0, is none), reduction if negative, else 0. */
  readonly actions: Int32Array;
  /** By state * TERM_COUNT + nonterminal. */
  readonly gotos: Int16Array;
}

export const tables: Tables = unpack();

function unpack(): Tables {
  const states = STATES.split(' ').map(Number);
  const rows = ROWS.map((row) => row.split(' ').map((entry) => entry.split(':').map(Number) as [number, number]));
  const defaults = new Int32Array(states.length);
  const actions = new Int32Array(states.length * TERM_COUNT);
  const gotos = new Int16Array(states.length * TERM_COUNT);
  for (const [state, what] of states.entries()) {
    if (what < 0) defaults[state] = what;
    else for (const [term, action] of rows[what] ?? []) actions[state * TERM_COUNT + term] = action;
  }
  for (const line of GOTOS) {
    const [term, fallback, ...others] = line.split(' ');
    for (let state = 0; state < states.length; state++) gotos[state * TERM_COUNT + Number(term)] = Number(fallback);
    for (const other of others) {
      const [from, to] = other.split(':');
      gotos[Number(from) * TERM_COUNT + Number(term)] = Number(to);
    }
  }
  return { defaults, actions, gotos };
}

/** The term and the number of symbols of a reduction. */
export function reducedTerm(action: number): number {
  return -(action + 1) & 0xff;
}
export function reducedLength(action: number): number {
  return -(action + 1) >>> 8;
}

const termByName = new Map<string, number>(TERM_NAMES.map((name, term) => [name, term]));

/** The term of a node, or of a fixed text (`'"new"'`). */
export function termOf(name: string): number {
  const term = termByName.get(name);
  if (term === undefined) throw new Error(`the grammar has no term ${name}`);
  return term;
}

const accepting: ReadonlySet<number> = new Set(ACCEPTING);

/** Whether a program may end in this state. */
export function accepts(state: number): boolean {
  return accepting.has(state);
}

/** Keywords by their text. */
export const keywords: ReadonlyMap<string, number> = new Map(
  [...termByName].filter(([name]) => /^"[A-Za-z0-9]+"$/.test(name)).map(([name, term]) => [name.slice(1, -1), term]),
);
