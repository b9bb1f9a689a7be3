/** `match`, and so `if` and `let`: cases tried in order. Literals are compared without the matcher. */
import type { CasePattern } from '../../match/index.ts';
import type { Case, Match, Value } from '../../values/index.ts';
import type { Deep } from './deep.ts';
import { operand, slotsOf } from './expressions.ts';
import { Program } from './operand.ts';
import type { Compiled, Context, Operand } from './operand.ts';
import { matchOne, patternOfCase } from './patterns.ts';
import type { PatternSource } from './patterns.ts';
import type { Code, Evaluate } from './place.ts';

interface Branch {
  readonly code: Code;
  readonly pattern: PatternSource<CasePattern>;
  /** Slots of the captures, by level. */
  readonly slots: readonly number[];
}

export function* compileMatch(
  context: Context,
  node: Match,
  compileBody: (context: Context, node: Value) => Deep<Compiled>,
): Deep<Compiled> {
  const { unit } = context;
  const program = new Program();
  const target = (yield operand(context, program, node.target)) as Operand;
  if (program.steps.length > 0) unit.readAgain(target.from, target.to);
  const branches: Branch[] = [];
  let height = 0;
  for (const one of node.cases) {
    const pattern = patternOfCase(one.pattern, one.freeCount, slotsOf(context, one.pattern, 1));
    const slots = bindCase(context, one);
    const body = (yield compileBody(context, one.body)) as Compiled;
    unit.unbind(one.freeCount);
    branches.push({ code: body.code, pattern, slots });
    height = Math.max(height, body.height);
  }
  const cost = context.analysis.of(node.target).size;
  const last = literalCode(node, target.evaluate, branches, cost) ?? matchingCode(target.evaluate, branches, cost);
  return { code: program.finish(last), height: height + 1 };
}

function bindCase(context: Context, one: Case): number[] {
  const slots: number[] = [];
  for (let index = 0; index < one.freeCount; index++) {
    context.names[context.unit.depth] = false;
    slots.push(context.unit.bind());
  }
  return slots;
}

function isLiteral(value: Value): value is number | boolean | string {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

/** Every case is a literal: the shape of `if`, and of dispatch on a word. Null when one is not. */
function literalCode(node: Match, target: Evaluate, branches: readonly Branch[], cost: number): Code | null {
  const patterns = node.cases.map((one) => one.pattern);
  if (patterns.length === 0 || !patterns.every(isLiteral)) return null;
  const codes = branches.map((branch) => branch.code);
  const [first, second] = codes as [Code, Code | undefined];
  if (patterns.length === 2 && patterns[0] === true && patterns[1] === false && second !== undefined) {
    return (frame, machine) => {
      machine.turn.steps -= cost + 1;
      const value = target(frame, machine);
      if (value === true) first(frame, machine);
      else if (value === false) second(frame, machine);
    };
  }
  const byLiteral = new Map<Value, Code>();
  patterns.forEach((pattern, index) => {
    if (!byLiteral.has(pattern)) byLiteral.set(pattern, codes[index] as Code);
  });
  return (frame, machine) => {
    machine.turn.steps -= cost + 1;
    byLiteral.get(target(frame, machine))?.(frame, machine);
  };
}

function matchingCode(target: Evaluate, branches: readonly Branch[], cost: number): Code {
  return (frame, machine) => {
    machine.turn.steps -= cost;
    const value = target(frame, machine);
    for (let index = 0; index < branches.length; index++) {
      const { pattern, slots, code } = branches[index] as Branch;
      const captures = matchOne(pattern(frame, machine), value, machine);
      if (captures === null) continue;
      for (let level = 0; level < slots.length; level++) frame[slots[level] as number] = captures[level] ?? null;
      code(frame, machine);
      return;
    }
  };
}
