/**
 * Makes `tables.generated.ts` from `rholang.grammar`: Lezer's generator builds the LR automaton, this file takes it apart
 * and writes it in our own format. Runs at development time only (`npm run grammar`); a test holds the committed
 * tables and the grammar equal. Owns the reading of Lezer's internals; nothing else knows them.
 *
 * Why not Lezer's own driver: it is made for editors, and beyond 2,800 open states or 300 long left-associative
 * reductions it closes nodes by force, without an error. A program that long must mean what it says.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildParser } from '@lezer/generator';
import type { LRParser } from '@lezer/lr';

/** What we read of Lezer's parser object; its own types hide these fields. */
interface LezerTables {
  readonly states: Uint32Array;
  readonly data: Uint16Array;
  readonly minRepeatTerm: number;
  readonly maxNode: number;
  readonly maxTerm: number;
  readonly eofTerm: number;
  readonly top: readonly [number, number];
  getGoto(state: number, term: number, loose?: boolean): number;
  getName(term: number): string;
}

const STATE_SIZE = 6;
const ACTIONS_SLOT = 1;
const DEFAULT_REDUCE_SLOT = 4;
const ACCEPTING_FLAG = 2;
const END = 65535;
const NEXT = 1;
const REDUCE_FLAG = 1 << 16;
const STAY_FLAG = 1 << 18;
const DEPTH_SHIFT = 19;

const grammarPath = fileURLToPath(new URL('./rholang.grammar', import.meta.url));
const tablesPath = fileURLToPath(new URL('./tables.generated.ts', import.meta.url));

/** One action as we store it: a shift is the state, a reduction is negative and holds term and length. */
function encodeAction(action: number): number {
  if ((action & STAY_FLAG) !== 0) throw new Error('the grammar skips something that is not a token');
  if ((action & REDUCE_FLAG) === 0) return action & 0xffff;
  return -(((action >>> DEPTH_SHIFT) << 8) | (action & 0xff)) - 1;
}

/** The parser that an editor would get; building it takes seconds. */
export function buildGrammar(): LRParser {
  return buildParser(readFileSync(grammarPath, 'utf8'), { includeNames: true, fileName: 'rholang.grammar' });
}

/** The text of tables.generated.ts. */
export function generateTables(grammar: LRParser): string {
  const parser = grammar as unknown as LezerTables;
  if (parser.maxTerm > 255) throw new Error('more than 256 terms: widen the encoding of reductions');
  const stateCount = parser.states.length / STATE_SIZE;
  const rows: string[] = [];
  const rowOf = new Map<string, number>();
  const states: number[] = [];
  const accepting: number[] = [];
  const terminals = new Set<number>([parser.eofTerm]);
  for (let state = 0; state < stateCount; state++) {
    if (((parser.states[state * STATE_SIZE] as number) & ACCEPTING_FLAG) !== 0) accepting.push(state);
    const fallback = parser.states[state * STATE_SIZE + DEFAULT_REDUCE_SLOT] as number;
    if (fallback !== 0) {
      states.push(encodeAction(fallback));
      continue;
    }
    const actions = actionsOf(parser, state);
    for (const [term] of actions) terminals.add(term);
    const row = actions.map(([term, action]) => `${term}:${action}`).join(' ');
    let index = rowOf.get(row);
    if (index === undefined) {
      index = rows.length;
      rowOf.set(row, index);
      rows.push(row);
    }
    states.push(index);
  }
  const names: string[] = [];
  for (let term = 0; term <= parser.maxTerm; term++) names.push(plainName(parser.getName(term)));
  return [
    '// Generated from rholang.grammar by generate.ts: run `npm run grammar`, do not edit.',
    '',
    '/** Names of terms by id: nodes start with a capital letter, fixed texts stand in quotes, the rest is inner. */',
    `export const TERM_NAMES = ${JSON.stringify(names)} as const;`,
    '/** Nodes of the tree have ids below this one. */',
    `export const NODE_TERM_MAX = ${parser.minRepeatTerm};`,
    `export const END_TERM = ${parser.eofTerm};`,
    `export const START_STATE = ${parser.top[0]};`,
    `export const TOP_TERM = ${parser.top[1]};`,
    '/** States in which a program may end. */',
    `export const ACCEPTING: readonly number[] = [${accepting.join(',')}];`,
    `export const TERMINALS: readonly number[] = [${[...terminals].sort((a, b) => a - b).join(',')}];`,
    '/** By state: a reduction that needs no look at the next token (negative), or the index of its row. */',
    `export const STATES = '${states.join(' ')}';`,
    '/** Actions by token, `term:action`; an action is the next state, or negative -(length << 8 | term) - 1. */',
    `export const ROWS: readonly string[] = ${JSON.stringify(rows, null, 0)};`,
    '/** By nonterminal: `term`, the state it mostly leads to, and then pairs `from:to` for the others. */',
    `export const GOTOS: readonly string[] = ${JSON.stringify(gotosOf(parser, stateCount))};`,
    '',
  ].join('\n');
}

function actionsOf(parser: LezerTables, state: number): [number, number][] {
  const { data } = parser;
  const actions: [number, number][] = [];
  for (let at = parser.states[state * STATE_SIZE + ACTIONS_SLOT] as number; ; at += 3) {
    if (data[at] === END) {
      if (data[at + 1] !== NEXT) {
        if (data[at + 1] === 2) throw new Error('a state has a fallback action');
        return actions.sort((left, right) => left[0] - right[0]);
      }
      at = pair(data, at + 2);
      if (data[at] === END) {
        at -= 3;
        continue;
      }
    }
    const term = data[at] as number;
    if (actions.some(([other]) => other === term))
      throw new Error(`state ${state} is ambiguous on ${parser.getName(term)}`);
    actions.push([term, encodeAction(pair(data, at + 1))]);
  }
}

function pair(data: Uint16Array, at: number): number {
  return (data[at] as number) | ((data[at + 1] as number) << 16);
}

function gotosOf(parser: LezerTables, stateCount: number): string[] {
  const gotos: string[] = [];
  for (let term = 0; term <= parser.maxTerm; term++) {
    const loose = parser.getGoto(0, term, true);
    if (loose < 0) continue;
    const others: string[] = [];
    let fallback = -1;
    for (let state = 0; state < stateCount; state++) {
      const exact = parser.getGoto(state, term);
      if (exact >= 0) {
        if (fallback < 0) fallback = exact;
        if (exact !== fallback) others.push(`${state}:${exact}`);
      }
    }
    if (fallback >= 0) gotos.push([term, fallback, ...others].join(' '));
  }
  return gotos;
}

/** Lezer calls a keyword `Identifier/"new"` and a token `"("`; we write both as text in quotes. */
function plainName(name: string): string {
  const quoted = /^(?:Identifier\/)?(".+")$/.exec(name);
  return quoted === null ? name : JSON.stringify(JSON.parse(quoted[1] as string));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(tablesPath, generateTables(buildGrammar()));
