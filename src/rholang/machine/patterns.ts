/** Patterns of receives, cases and `matches`: compiled once where they refer to nothing outside. */
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { compileCase, compilePattern } from '../../match/index.ts';
import type { CasePattern, MessagePattern } from '../../match/index.ts';
import type { Bind, Matches, Value } from '../../values/index.ts';
import type { Frame, Machine } from './place.ts';
import { substitute } from './substitute.ts';
import type { SlotsByIndex } from './substitute.ts';

export type PatternSource<P> = (frame: Frame, machine: Machine) => P;

export function patternOfBind(bind: Bind, slots: SlotsByIndex): PatternSource<MessagePattern> {
  return patternSource(bind.patterns, slots, (patterns) => compilePattern(patterns, bind.remainder));
}

export function patternOfCase(pattern: Value, freeCount: number, slots: SlotsByIndex): PatternSource<CasePattern> {
  return patternSource([pattern], slots, ([only]) => compileCase(only as Value, freeCount));
}

/** Compiled when first needed: what the matcher refuses is a failure of the branch, not of the whole term. */
function patternSource<P>(
  patterns: readonly Value[],
  slots: SlotsByIndex,
  compile: (patterns: readonly Value[]) => P,
): PatternSource<P> {
  if (slots.size === 0) {
    let compiled: P | null = null;
    return () => (compiled ??= compile(patterns));
  }
  return (frame, machine) => compile(patterns.map((pattern) => substitute(pattern, 1, slots, frame, machine)));
}

/** Captures by level, or null. Steps are those of the expression bound. */
export function matchOne(pattern: CasePattern, value: Value, machine: Machine): readonly Value[] | null {
  const { budget } = machine;
  budget.steps = limits.expression_steps_max;
  const captures = pattern.match(value, budget);
  machine.charge(limits.expression_steps_max - budget.steps);
  if (budget.steps < 0) {
    throw new PowerboxError('too_much_work', `matching one value took more than ${limits.expression_steps_max} steps`, {
      hint: 'patterns with many parallel parts or set elements have many assignments; make them more specific',
    });
  }
  return captures;
}

export function compileMatches(
  node: Matches,
  slots: SlotsByIndex,
): (value: Value, frame: Frame, machine: Machine) => boolean {
  const source = patternOfCase(node.pattern, 0, slots);
  return (value, frame, machine) => matchOne(source(frame, machine), value, machine) !== null;
}
