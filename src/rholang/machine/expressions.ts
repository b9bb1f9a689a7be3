/**
 * Expressions to closures. What stands in data is evaluated through collections; a process in data stays a
 * quoted term, closed by substitution. A method of a name is a call: it leaves the branch and comes back.
 */
import { PowerboxError } from '../../errors.ts';
import { BoundVariable, Kind, List, Name, map, par, set, tuple } from '../../values/index.ts';
import type { Matches, Method, ObjectValue, Operation, Value } from '../../values/index.ts';
import { isGroundMethod } from './analysis.ts';
import { callNative, channelOfTarget } from './calls.ts';
import type { Deep } from './deep.ts';
import { callMethod } from './methods.ts';
import { HEIGHT_MAX, compose, constant, fromSlot, kept } from './operand.ts';
import type { Context, Operand, Program } from './operand.ts';
import { binary, boolean, unary } from './operators.ts';
import { compileMatches } from './patterns.ts';
import { Place } from './place.ts';
import type { Evaluate } from './place.ts';
import { chargeParallel, checkSize } from './sizes.ts';
import { outerIndices, substitute } from './substitute.ts';
import { fault } from './faults.ts';

/** Compiles a node in data position. May add steps to the program. */
export function* operand(context: Context, program: Program, node: Value): Deep<Operand> {
  const { unit, analysis } = context;
  if (typeof node !== 'object' || node === null) return constant(node, unit.position);
  if (node instanceof BoundVariable) return variable(context, node);
  if (analysis.of(node).constant) return isOpen(node) ? illegal(node, unit.position) : constant(node, unit.position);
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
    case Kind.Par:
      return (yield items(context, program, node, 'items' in node ? node.items : node.parts)) as Operand;
    case Kind.Map:
      return (yield items(context, program, node, [...node.keys, ...node.items])) as Operand;
    case Kind.Operation:
      return (yield operation(context, program, node)) as Operand;
    case Kind.Matches:
      return (yield matches(context, program, node)) as Operand;
    case Kind.Method:
      return (yield method(context, program, node)) as Operand;
    default:
      return quoted(context, node);
  }
}

/** Operands in order. One that a later step could overtake is evaluated in a step of its own. */
export function* operands(context: Context, program: Program, nodes: readonly Value[]): Deep<Operand[]> {
  let lastWithSteps = -1;
  for (let index = 0; index < nodes.length; index++)
    if (hasSteps(context, nodes[index] as Value)) lastWithSteps = index;
  const made: Operand[] = [];
  for (let index = 0; index < nodes.length; index++) {
    const one = (yield operand(context, program, nodes[index] as Value)) as Operand;
    made.push(index < lastWithSteps && one.form === 'other' ? kept(context, program, one) : one);
  }
  return made;
}

/** Whether compiling the node can add steps. */
export function hasSteps(context: Context, node: Value): boolean {
  const facts = context.analysis.of(node);
  return facts.calls || facts.height >= HEIGHT_MAX;
}

function isOpen(node: ObjectValue): boolean {
  return node.kind === Kind.FreeVariable || node.kind === Kind.Wildcard || node.kind === Kind.VariableReference;
}

function illegal(node: ObjectValue, position: number): Operand {
  const evaluate: Evaluate = () => {
    throw fault(node, 'illegal substitution: a variable of a pattern stands outside a pattern');
  };
  return { ...constant(null, position), evaluate, form: 'other' };
}

function variable(context: Context, node: BoundVariable): Operand {
  const { unit, names } = context;
  const level = unit.depth - 1 - node.index;
  if (level < 0) return illegal(node, unit.position);
  const from = unit.position;
  const slot = unit.read(level);
  const isName = names[level] === true;
  const evaluate: Evaluate = isName
    ? (frame) => frame[slot] as Value
    : (frame, machine) => {
        const value = frame[slot] as Value;
        return typeof value === 'object' && value !== null && !(value instanceof Name) ? machine.reduce(value) : value;
      };
  return { evaluate, height: 0, form: 'variable', value: null, slot, isName, from, to: unit.position };
}

function quoted(context: Context, node: ObjectValue): Operand {
  const { unit } = context;
  const from = unit.position;
  const slots = slotsOf(context, node, 0);
  const evaluate: Evaluate = (frame, machine) => checkSize(substitute(node, 0, slots, frame, machine), machine);
  return { evaluate, height: 1, form: 'other', value: null, slot: -1, isName: false, from, to: unit.position };
}

/** The slots of the outer variables of a node, read here. */
export function slotsOf(context: Context, node: Value, patternLevel: number): ReadonlyMap<number, number> {
  const { unit } = context;
  const slots = new Map<number, number>();
  for (const index of outerIndices(node, patternLevel)) {
    const level = unit.depth - 1 - index;
    if (level < 0) throw new PowerboxError('bad_request', 'this term refers to a variable that nothing binds');
    slots.set(index, unit.read(level));
  }
  return slots;
}

function* items(context: Context, program: Program, node: ObjectValue, nodes: readonly Value[]): Deep<Operand> {
  const start = context.unit.position;
  const stepsBefore = program.steps.length;
  const parts = (yield operands(context, program, nodes)) as Operand[];
  const evaluates = parts.map((part) => part.evaluate);
  const build = builder(node);
  const parallel = node.kind === Kind.Par;
  return compose(context, program, parts, start, stepsBefore, (frame, machine) => {
    const values = new Array<Value>(evaluates.length);
    for (let index = 0; index < evaluates.length; index++)
      values[index] = (evaluates[index] as Evaluate)(frame, machine);
    if (parallel) chargeParallel(values, machine);
    return checkSize(build(values), machine);
  });
}

function builder(node: ObjectValue): (values: Value[]) => Value {
  switch (node.kind) {
    case Kind.Tuple:
      return tuple;
    case Kind.Set:
      return (values) => set(values);
    case Kind.Par:
      return par;
    case Kind.Map: {
      const count = node.keys.length;
      return (values) =>
        map(node.keys.map((_, index) => [values[index] as Value, values[count + index] as Value] as const));
    }
    default:
      return (values) => new List(values);
  }
}

function* operation(context: Context, program: Program, node: Operation): Deep<Operand> {
  const { operator } = node;
  if (node.right === undefined) {
    const start = context.unit.position;
    const stepsBefore = program.steps.length;
    const part = (yield operand(context, program, node.left)) as Operand;
    return compose(context, program, [part], start, stepsBefore, unary(node, part));
  }
  if ((operator === '&&' || operator === '||') && hasSteps(context, node.right)) {
    return (yield shortCircuit(context, program, node, node.right)) as Operand;
  }
  const start = context.unit.position;
  const stepsBefore = program.steps.length;
  const [left, right] = (yield operands(context, program, [node.left, node.right])) as [Operand, Operand];
  return compose(context, program, [left, right], start, stepsBefore, binary(node, left, right));
}

/** `&&` and `||` whose right side has steps: those are left out when the left side decides. */
function* shortCircuit(context: Context, program: Program, node: Operation, rightNode: Value): Deep<Operand> {
  const left = (yield operand(context, program, node.left)) as Operand;
  const slot = context.unit.newSlot();
  const decided = node.operator === '||';
  let skip = 0;
  const at = program.steps.length;
  const { evaluate } = left;
  program.steps.push((frame, machine) => {
    const value = boolean(node, evaluate(frame, machine));
    frame[slot] = value;
    return value === decided ? skip : 0;
  });
  const right = (yield operand(context, program, rightNode)) as Operand;
  const evaluateRight = right.evaluate;
  program.steps.push((frame, machine) => {
    frame[slot] = boolean(node, evaluateRight(frame, machine));
    return 0;
  });
  skip = program.steps.length - at - 1;
  return fromSlot(context, slot);
}

function* matches(context: Context, program: Program, node: Matches): Deep<Operand> {
  const start = context.unit.position;
  const stepsBefore = program.steps.length;
  const target = (yield operand(context, program, node.target)) as Operand;
  const from = context.unit.position;
  const test = compileMatches(node, slotsOf(context, node.pattern, 1));
  const reference: Operand = { ...constant(null, from), to: context.unit.position };
  const { evaluate } = target;
  return compose(context, program, [target, reference], start, stepsBefore, (frame, machine) =>
    test(evaluate(frame, machine), frame, machine),
  );
}

function* method(context: Context, program: Program, node: Method): Deep<Operand> {
  const { unit } = context;
  const start = unit.position;
  const stepsBefore = program.steps.length;
  const parts = (yield operands(context, program, [node.target, ...node.args])) as Operand[];
  const [target, ...args] = parts.map((part) => part.evaluate) as [Evaluate, ...Evaluate[]];
  if (isGroundMethod(node)) {
    return compose(context, program, parts, start, stepsBefore, (frame, machine) =>
      callMethod(
        node,
        target(frame, machine),
        args.map((one) => one(frame, machine)),
        machine,
      ),
    );
  }
  if (program.steps.length !== stepsBefore) for (const part of parts) unit.readAgain(part.from, part.to);
  const place = new Place(unit, null).begin();
  const slot = unit.newSlot();
  place.captureSlot = slot;
  program.steps.push((frame, machine) => {
    const value = target(frame, machine);
    const given = args.map((one) => one(frame, machine));
    const channel = channelOfTarget(node, value);
    if (channel === null) {
      frame[slot] = callMethod(node, value, given, machine);
      return 0;
    }
    if (!unit.compiled.canWait) {
      throw fault(
        node,
        `method \`${node.name}\` of a name, captured inside a quoted process, cannot be called here`,
        'run the process with `*`',
      );
    }
    callNative(channel, node.name, given, place, frame, machine);
    return -1;
  });
  program.calls.push({ place, slot, next: program.steps.length });
  return fromSlot(context, slot);
}
