/**
 * An expression as the compiler hands it on: a closure, or steps of a program and a closure that reads what
 * they left. Steps are for what the JavaScript stack cannot hold: calls that wait for an answer, and depth.
 */
import type { Analysis } from './analysis.ts';
import { answerOf } from './calls.ts';
import type { Code, Evaluate, Frame, Machine, Place, Unit } from './place.ts';
import type { Value } from '../../values/index.ts';

/** Depth of closures that call each other; beyond, steps and the machine's own stack take over. */
export const HEIGHT_MAX = 100;

/** Answers how many of the following steps to leave out; below zero when the branch stops here. */
export type Step = (frame: Frame, machine: Machine) => number;

/** A call in a program: where the branch goes on, and the slot in which the answer arrives. */
interface PendingCall {
  readonly place: Place;
  readonly slot: number;
  readonly next: number;
}

export class Program {
  readonly steps: Step[] = [];
  readonly calls: PendingCall[] = [];

  /** The code of the statement: its steps, then `last`. */
  finish(last: Code): Code {
    const { steps } = this;
    if (steps.length === 0) return last;
    for (const { place, slot, next } of this.calls) {
      place.end().code = (frame, machine) => {
        frame[slot] = answerOf(frame[slot] as Value);
        machine.charge(steps.length - next);
        if (runSteps(steps, next, frame, machine)) last(frame, machine);
      };
    }
    return (frame, machine) => {
      machine.charge(steps.length);
      if (runSteps(steps, 0, frame, machine)) last(frame, machine);
    };
  }
}

export interface Operand {
  readonly evaluate: Evaluate;
  readonly height: number;
  readonly form: 'constant' | 'variable' | 'other';
  /** The value of a constant. */
  readonly value: Value;
  /** The slot of a variable. */
  readonly slot: number;
  /** A variable bound by `new`, so a name. */
  readonly isName: boolean;
  /** Range of the unit's reads that this closure reads. */
  readonly from: number;
  readonly to: number;
}

/** Code of a process and how deep its closures call each other. */
export interface Compiled {
  readonly code: Code;
  readonly height: number;
}

/** What compiling a node depends on besides the node. */
export interface Context {
  readonly unit: Unit;
  readonly analysis: Analysis;
  /** By level: whether `new` bound it. */
  readonly names: boolean[];
}

export function constant(value: Value, position: number): Operand {
  return {
    evaluate: () => value,
    height: 0,
    form: 'constant',
    value,
    slot: -1,
    isName: false,
    from: position,
    to: position,
  };
}

/** A closure over other operands. Their reads count again when steps came between. */
export function compose(
  context: Context,
  program: Program,
  parts: readonly Operand[],
  start: number,
  stepsBefore: number,
  evaluate: Evaluate,
): Operand {
  const { unit } = context;
  let from = start;
  if (program.steps.length !== stepsBefore) {
    from = unit.position;
    for (const part of parts) unit.readAgain(part.from, part.to);
  }
  let height = 0;
  for (const part of parts) height = Math.max(height, part.height);
  const whole: Operand = {
    evaluate,
    height: height + 1,
    form: 'other',
    value: null,
    slot: -1,
    isName: false,
    from,
    to: unit.position,
  };
  return whole.height >= HEIGHT_MAX ? kept(context, program, whole) : whole;
}

/** Evaluates an operand in a step of its own and keeps the result in a slot. */
export function kept(context: Context, program: Program, operand: Operand): Operand {
  const slot = context.unit.newSlot();
  const { evaluate } = operand;
  program.steps.push((frame, machine) => {
    frame[slot] = evaluate(frame, machine);
    return 0;
  });
  return fromSlot(context, slot);
}

/** Reads a slot that a step has filled with an evaluated value. */
export function fromSlot(context: Context, slot: number): Operand {
  const from = context.unit.position;
  context.unit.readSlot(slot);
  return {
    evaluate: (frame) => frame[slot] as Value,
    height: 0,
    form: 'other',
    value: null,
    slot: -1,
    isName: false,
    from,
    to: from + 1,
  };
}

/** False when the branch stopped at a call. */
export function runSteps(steps: readonly Step[], start: number, frame: Frame, machine: Machine): boolean {
  for (let at = start; at < steps.length; at++) {
    const skip = (steps[at] as Step)(frame, machine);
    if (skip < 0) return false;
    at += skip;
  }
  return true;
}
