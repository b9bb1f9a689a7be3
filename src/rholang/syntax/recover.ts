/**
 * All syntax errors of a text that the driver has refused: reads the tokens again, keeping only states, says at
 * each wrong token what could have stood there, repairs by leaving out or putting in one token, and goes on.
 * Bounded: so many errors, so many trials each. Never makes a tree.
 */
import {
  END_TERM,
  START_STATE,
  TERMINALS,
  TERM_COUNT,
  TERM_NAMES,
  accepts,
  reducedLength,
  reducedTerm,
  tables,
  termOf,
} from './grammar.ts';
import { sourceError } from './errors.ts';
import type { SourceError } from './errors.ts';
import type { Tokens } from './lexer.ts';
import type { SourceText } from './source.ts';
import { describeExpected, describeToken, startsProcess } from './wording.ts';

/** Errors after which reading stops. */
const ERRORS_MAX = 20;
/** Tokens that a repair must get past to count as sound; the best repair gets furthest. */
const LOOK_AHEAD = 8;
/** Tokens left out in a row before reading stops. */
const SKIP_MAX = 200;
/** Symbols that one repair may forget, to leave a form that cannot be finished. */
const UNWIND_MAX = 32;

const BRACKETS = (['()', '[]', '{}'] as const).map(
  (pair) => [...pair].map((sign) => termOf(`"${sign}"`)) as [number, number],
);
const PARTNERS: ReadonlyMap<number, number> = new Map(BRACKETS);
const OPENING: ReadonlySet<number> = new Set(PARTNERS.keys());
const CLOSING: ReadonlySet<number> = new Set(PARTNERS.values());

/** A stack of states as a shared list, so that a trial costs nothing to begin. */
interface Frame {
  readonly state: number;
  readonly below: Frame | null;
  /** The token that was shifted into this state, or -1 after a reduction. */
  readonly token: number;
}

const BOTTOM: Frame = { state: START_STATE, below: null, token: -1 };

/** The stack after `term`, or null if it cannot stand here. */
function shift(stack: Frame, term: number, token: number): Frame | null {
  const { defaults, actions, gotos } = tables;
  let top = stack;
  for (;;) {
    let action = defaults[top.state] as number;
    if (action === 0) action = actions[top.state * TERM_COUNT + term] as number;
    if (action > 0) return { state: action, below: top, token };
    if (action === 0) return term === END_TERM && accepts(top.state) ? top : null;
    let base: Frame = top;
    let first = -1;
    for (let count = reducedLength(action); count > 0; count--) {
      first = base.token;
      base = base.below as Frame;
    }
    const state = gotos[base.state * TERM_COUNT + reducedTerm(action)] as number;
    top = { state, below: base, token: first };
  }
}

export function syntaxErrors(source: SourceText, tokens: Tokens): SourceError[] {
  const errors: SourceError[] = [];
  const { terms } = tokens;
  const owed = new Owed();
  let stack = BOTTOM;
  let index = 0;
  while (index < terms.length) {
    const term = terms[index] as number;
    const next = shift(stack, term, index);
    if (next !== null) {
      if (term === END_TERM) break;
      stack = next;
      index++;
      continue;
    }
    const settled = owed.settle(stack, term);
    if (settled !== null) {
      if (term === END_TERM) break;
      stack = settled;
      continue;
    }
    errors.push(describe(source, tokens, stack, index));
    if (errors.length >= ERRORS_MAX) break;
    const repaired = repair(tokens, stack, index);
    if (repaired === null) break;
    owed.note(repaired.inserted);
    stack = repaired.stack;
    index = repaired.index;
  }
  return errors;
}

/** Brackets that repairs have opened: that such a bracket is never closed is no error of its own. */
class Owed {
  /** By closing bracket: how many are missing. */
  readonly #counts = new Map<number, number>();

  note(inserted: number): void {
    const partner = PARTNERS.get(inserted);
    if (partner !== undefined) this.#counts.set(partner, (this.#counts.get(partner) ?? 0) + 1);
  }

  /** The stack with a missing bracket put in, if `term` can stand there or the text is at its end; else null. */
  settle(stack: Frame, term: number): Frame | null {
    for (const [closing, count] of this.#counts) {
      const closed = count > 0 ? shift(stack, closing, -1) : null;
      if (closed === null || (term !== END_TERM && shift(closed, term, -1) === null)) continue;
      this.#counts.set(closing, count - 1);
      return closed;
    }
    return null;
  }
}

/** Tokens that a repair may put in: what people leave out. */
const INSERTED = [
  ...['")"', '"}"', '"]"', '","', '"|"', '"in"', '"{"', '"("', '"."', '"=>"', '"<-"', '"="', '":"', '"!"', '";"'].map(
    termOf,
  ),
  termOf('Identifier'),
];

interface Repair {
  /** The token put in, or -1. */
  readonly inserted: number;
  readonly stack: Frame;
  readonly index: number;
}

/**
 * The repair after which most tokens can be read: put a token in before the wrong one, put one in its place, leave
 * it out, forget the form around it; and all of these again some tokens later. Between equals the first wins.
 */
function repair(tokens: Tokens, stack: Frame, index: number): Repair | null {
  const { terms } = tokens;
  const last = terms.length - 1;
  for (let at = index; at < last && at - index <= SKIP_MAX; at++) {
    const end = Math.min(terms.length, at + LOOK_AHEAD);
    let best: Repair | null = null;
    let bestReach = Math.min(last, at + 1);
    const consider = (candidate: Frame | null, from: number, inserted = -1): void => {
      if (candidate === null) return;
      const reach = reachOf(tokens, candidate, from, end);
      if (reach <= bestReach) return;
      bestReach = reach;
      best = { stack: candidate, index: from, inserted };
    };
    if (at > index) consider(stack, at);
    for (const term of INSERTED) consider(shift(stack, term, -1), at, term);
    if (at === index) {
      consider(stack, at + 1);
      for (const term of INSERTED) consider(shift(stack, term, -1), at + 1, term);
    }
    let frame = stack.below;
    for (let count = 0; count < UNWIND_MAX && frame !== null; count++, frame = frame.below) consider(frame, at);
    if (best !== null) return best;
  }
  return null;
}

/** Index of the first token that cannot be read from `from` on, at most `end`. */
function reachOf(tokens: Tokens, start: Frame, from: number, end: number): number {
  let stack = start;
  for (let index = from; index < end; index++) {
    const next = shift(stack, tokens.terms[index] as number, index);
    if (next === null) return index;
    stack = next;
  }
  return end;
}

function describe(source: SourceText, tokens: Tokens, stack: Frame, index: number): SourceError {
  const from = tokens.starts[index] as number;
  const to = tokens.ends[index] as number;
  const possible = TERMINALS.filter((term) => shift(stack, term, -1) !== null).map(
    (term) => TERM_NAMES[term] as string,
  );
  const expected = describeExpected(possible);
  const found = describeToken(TERM_NAMES[tokens.terms[index] as number] as string, source.text.slice(from, to));
  const opened = tokens.terms[index] === END_TERM ? openBracket(source, tokens, stack) : '';
  const message = `found ${found} where ${expected.length === 0 ? 'nothing more can stand' : `${joined(expected)} was expected`}${opened}`;
  return sourceError(source, 'syntax_error', 'grammar', message, from, to, {
    found,
    expected,
    hint: hintFor(tokens, index, possible),
  });
}

/** What people mean who write this. */
function hintFor(tokens: Tokens, index: number, possible: readonly string[]): string {
  const found = TERM_NAMES[tokens.terms[index] as number] as string;
  const before = index === 0 ? '' : (TERM_NAMES[tokens.terms[index - 1] as number] as string);
  if (found === '"("' && before === 'Identifier' && possible.includes('"!"'))
    return 'there are no function calls; to send, write `!` before the parenthesis';
  if (found === '"=>"' && index > 1 && TERM_NAMES[tokens.terms[index - 2] as number] === '"-"')
    return 'in a pattern a negative number stands in braces: `{-1}`';
  if (found === '"<-"' && possible.includes('"<"'))
    return '`<-` is one sign; to compare with a negative number, write a space between `<` and `-`';
  if (startsProcess(found) && possible.includes('"|"') && (before === '")"' || before === '"}"'))
    return 'processes that run side by side are joined by `|`';
  return '';
}

function joined(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Where the innermost bracket that is still open was opened. */
function openBracket(source: SourceText, tokens: Tokens, stack: Frame): string {
  let closed = 0;
  for (let frame: Frame | null = stack; frame !== null; frame = frame.below) {
    const term = frame.token < 0 ? -1 : (tokens.terms[frame.token] as number);
    if (!isShifted(frame, term)) continue;
    if (CLOSING.has(term)) closed++;
    else if (OPENING.has(term) && --closed < 0) {
      const offset = tokens.starts[frame.token] as number;
      const { line, column } = source.positionAt(offset);
      return ` (the \`${source.text[offset]}\` at ${line}:${column} is still open)`;
    }
  }
  return '';
}

/** Whether the frame holds the token itself and not something reduced that began with it. */
function isShifted(frame: Frame, term: number): boolean {
  return term >= 0 && frame.below !== null && tables.actions[frame.below.state * TERM_COUNT + term] === frame.state;
}
