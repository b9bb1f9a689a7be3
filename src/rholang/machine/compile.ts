/**
 * Processes to closures, once a term. Owns the numbering of places: it depends on the term alone. Must never
 * use the JavaScript stack for the nesting of a program, neither here nor in what it makes.
 */
import type { MessagePattern } from '../../match/index.ts';
import type { Slot, TermReference } from '../../space/index.ts';
import { BoundVariable, Bundle, Kind, List } from '../../values/index.ts';
import type { Method, New, Par, Receive, Send, Value } from '../../values/index.ts';
import { Analysis } from './analysis.ts';
import { settle } from './deep.ts';
import type { Deep } from './deep.ts';
import { fault } from './faults.ts';
import { operand, operands, slotsOf } from './expressions.ts';
import { compileMatch } from './match.ts';
import { HEIGHT_MAX, Program, runSteps } from './operand.ts';
import type { Compiled, Context, Operand } from './operand.ts';
import { patternOfBind } from './patterns.ts';
import type { PatternSource } from './patterns.ts';
import { Place, Unit } from './place.ts';
import type { Code, CompiledTerm, Evaluate, Frame, Machine } from './place.ts';

const NOTHING: Compiled = { code: () => {}, height: 0 };

/** The places of a term, compiled when it first runs. */
export function compiledOf(reference: TermReference): CompiledTerm {
  const known = reference.compiled as CompiledTerm | null | undefined;
  if (known !== null && known !== undefined) return known;
  const compiled: CompiledTerm = { reference, places: [], canWait: true, captured: 0 };
  const unit = new Unit(compiled, 0);
  const root = new Place(unit, []);
  root.source = reference.term;
  const context: Context = { unit, analysis: new Analysis(reference.term), names: [] };
  root.code = settle(process(context, reference.term)).code;
  reference.compiled = compiled;
  return compiled;
}

/** Evaluates a closed value that holds expressions. A call in it cannot wait here, so it is a fault. */
export function evaluateClosed(value: Value, machine: Machine): Value {
  const reference: TermReference = { hash: new Uint8Array(0), term: value, compiled: undefined };
  const unit = new Unit({ reference, places: [], canWait: false, captured: 0 }, 0);
  const program = new Program();
  const analysis = new Analysis(value);
  machine.charge(analysis.of(value).size);
  const { evaluate } = settle(operand({ unit, analysis, names: [] }, program, value));
  const frame = new Array<Value>(unit.slotCount);
  machine.charge(program.steps.length);
  runSteps(program.steps, 0, frame, machine);
  return evaluate(frame, machine);
}

export function* process(context: Context, node: Value): Deep<Compiled> {
  if (typeof node !== 'object' || node === null) return NOTHING;
  switch (node.kind) {
    case Kind.Par:
      return (yield parallel(context, node)) as Compiled;
    case Kind.Send:
      return (yield send(context, node)) as Compiled;
    case Kind.Receive:
      return (yield receive(context, node)) as Compiled;
    case Kind.New:
      return (yield fresh(context, node)) as Compiled;
    case Kind.Match:
      return (yield compileMatch(context, node, nested)) as Compiled;
    case Kind.Bundle:
      return (yield process(context, node.body)) as Compiled;
    case Kind.BoundVariable:
    case Kind.Method:
      return (yield evaluated(context, node)) as Compiled;
    default:
      return NOTHING;
  }
}

/** In the order in which the parts of a parallel composition run: sends, receives, news, matches, the rest. */
function rank(part: Value): number {
  if (typeof part !== 'object' || part === null) return 9;
  switch (part.kind) {
    case Kind.Send:
      return 0;
    case Kind.Receive:
      return 1;
    case Kind.New:
      return 2;
    case Kind.Match:
      return 3;
    case Kind.Bundle:
      return 4;
    case Kind.BoundVariable:
    case Kind.Method:
      return 5;
    default:
      return 9;
  }
}

function* parallel(context: Context, node: Par): Deep<Compiled> {
  const parts = node.parts.filter((part) => rank(part) < 9).sort((left, right) => rank(left) - rank(right));
  const codes: Code[] = [];
  /** `rests[i]` goes on with branch i. */
  const rests: Place[] = [];
  let height = 0;
  for (const part of parts) {
    rests.push(new Place(context.unit, null).begin());
    const branch = (yield nested(context, part)) as Compiled;
    codes.push(branch.code);
    height = Math.max(height, branch.height);
  }
  if (codes.length === 0) return NOTHING;
  rests.forEach((rest, index) => {
    rest.end().code = branchesFrom(codes, rests, index);
  });
  return { code: (rests[0] as Place).code, height: height + 1 };
}

/** Runs the branches one after the other; a failure ends its own branch only. Cut between two of them. */
function branchesFrom(codes: readonly Code[], rests: readonly Place[], first: number): Code {
  const count = codes.length;
  return (frame, machine) => {
    if (machine.splits) {
      const alone = machine.alone || count - first === 1;
      machine.alone = false;
      if (!alone) {
        for (let index = first; index < count; index++) machine.branch(rests[index] as Place, frame);
        return;
      }
    }
    for (let index = first; ; ) {
      try {
        (codes[index] as Code)(frame, machine);
      } catch (error) {
        machine.failed(error);
      }
      if (++index === count || machine.splits) return;
      if (machine.turn.steps <= 0) return machine.cut(rests[index] as Place, frame);
    }
  };
}

/** A process inside another. Beyond a depth of closures it is put on the machine's own stack. */
function* nested(context: Context, node: Value): Deep<Compiled> {
  const { unit } = context;
  const from = unit.position;
  const slotLimit = unit.slotCount;
  const made = (yield process(context, node)) as Compiled;
  if (made.height < HEIGHT_MAX) return made;
  const place = new Place(unit, null).begin(from, slotLimit).end();
  place.code = made.code;
  return { code: (frame, machine) => machine.push(place, frame), height: 1 };
}

function* send(context: Context, node: Send): Deep<Compiled> {
  const program = new Program();
  const parts = (yield operands(context, program, [node.channel, ...node.data])) as Operand[];
  if (program.steps.length > 0) for (const part of parts) context.unit.readAgain(part.from, part.to);
  const [channel, ...data] = parts as [Operand, ...Operand[]];
  const cost = 1 + context.analysis.of(node).size;
  const last = sendCode(
    node,
    channel,
    data.map((one) => one.evaluate),
    cost,
  );
  return { code: program.finish(last), height: 1 };
}

function sendingTo(node: Send, channel: Operand): Evaluate {
  const { evaluate } = channel;
  if (channel.isName) return evaluate;
  return (frame, machine) => {
    const value = evaluate(frame, machine);
    if (!(value instanceof Bundle)) return value;
    if (!value.write) throw fault(node, 'trying to send on non-writeable channel');
    return value.body;
  };
}

function sendCode(node: Send, target: Operand, data: readonly Evaluate[], cost: number): Code {
  const { persistent } = node;
  const [first, second] = data;
  const { slot } = target;
  if (data.length === 1 && first !== undefined && target.isName) {
    // By far the most: one value, on a name that stands in a slot as it is.
    return (frame, machine) => {
      const { turn } = machine;
      turn.steps -= cost;
      turn.produce(frame[slot] as Value, [first(frame, machine)], persistent);
    };
  }
  const channel = sendingTo(node, target);
  if (data.length === 1 && first !== undefined) {
    return (frame, machine) => {
      const { turn } = machine;
      turn.steps -= cost;
      turn.produce(channel(frame, machine), [first(frame, machine)], persistent);
    };
  }
  if (data.length === 2 && first !== undefined && second !== undefined) {
    return (frame, machine) => {
      const { turn } = machine;
      turn.steps -= cost;
      turn.produce(channel(frame, machine), [first(frame, machine), second(frame, machine)], persistent);
    };
  }
  return (frame, machine) => {
    const { turn } = machine;
    turn.steps -= cost;
    const place = channel(frame, machine);
    const message = new Array<Value>(data.length);
    for (let index = 0; index < data.length; index++) message[index] = (data[index] as Evaluate)(frame, machine);
    turn.produce(place, message, persistent);
  };
}

function* receive(context: Context, node: Receive): Deep<Compiled> {
  const { unit, names } = context;
  const program = new Program();
  const sources = (yield operands(
    context,
    program,
    node.binds.map((bind) => bind.source),
  )) as Operand[];
  if (program.steps.length > 0) for (const source of sources) unit.readAgain(source.from, source.to);
  const patterns = node.binds.map((bind) => patternOfBind(bind, slotsOf(context, new List(bind.patterns), 1)));
  const inner = new Unit(unit.compiled, unit.depth);
  const place = new Place(inner, inner.outerSlots);
  let bound = 0;
  for (const bind of node.binds) bound += bind.freeCount;
  for (let index = 0; index < bound; index++) {
    names[inner.depth] = false;
    inner.bind();
  }
  place.source = node.body;
  place.bound = bound;
  place.code = ((yield process({ ...context, unit: inner }, node.body)) as Compiled).code;
  const environment = inner.outerLevels.map((level) => unit.read(level));
  const channels = sources.map((source) => readingFrom(node, source));
  const cost = 1 + node.binds.length + environment.length;
  const last = receiveCode(node, channels, patterns, place, environment, cost);
  return { code: program.finish(last), height: 1 };
}

function readingFrom(node: Receive, source: Operand): Evaluate {
  const { evaluate } = source;
  if (source.isName) return evaluate;
  return (frame, machine) => {
    const value = evaluate(frame, machine);
    if (!(value instanceof Bundle)) return value;
    if (!value.read) throw fault(node, 'trying to read from non-readable channel');
    return value.body;
  };
}

function receiveCode(
  node: Receive,
  channels: readonly Evaluate[],
  patterns: readonly PatternSource<MessagePattern>[],
  place: Place,
  slots: readonly number[],
  cost: number,
): Code {
  const persist = node.persistent;
  const binds = channels.map((channel, index) => ({
    channel,
    pattern: patterns[index] as PatternSource<MessagePattern>,
    peek: node.binds[index]?.peek === true,
  }));
  const [first] = binds;
  const environmentOf = (frame: Frame): Value[] => {
    const environment = new Array<Value>(slots.length);
    for (let index = 0; index < slots.length; index++) environment[index] = frame[slots[index] as number] as Value;
    return environment;
  };
  if (binds.length === 1 && first !== undefined) {
    const { channel, pattern, peek } = first;
    return (frame, machine) => {
      const { turn } = machine;
      turn.steps -= cost;
      const environment = environmentOf(frame);
      const asked = [{ channel: channel(frame, machine), pattern: pattern(frame, machine), peek }];
      turn.consume({ slots: asked, persist, body: machine.body(place, environment) });
    };
  }
  return (frame, machine) => {
    const { turn } = machine;
    turn.steps -= cost;
    const environment = environmentOf(frame);
    const asked: Slot[] = [];
    // A loop: a function for each of very many receives costs as much as what it makes.
    for (const { channel, pattern, peek } of binds)
      asked.push({ channel: channel(frame, machine), pattern: pattern(frame, machine), peek });
    turn.consume({ slots: asked, persist, body: machine.body(place, environment) });
  };
}

function* fresh(context: Context, node: New): Deep<Compiled> {
  const { unit, names } = context;
  const { count } = node;
  const slots: number[] = [];
  for (let index = 0; index < count; index++) {
    names[unit.depth] = true;
    slots.push(unit.bind());
  }
  const body = (yield nested(context, node.body)) as Compiled;
  unit.unbind(count);
  const { code } = body;
  return {
    code: (frame, machine) => {
      const { turn } = machine;
      turn.steps -= count;
      for (let index = 0; index < slots.length; index++) frame[slots[index] as number] = turn.newName();
      code(frame, machine);
    },
    height: body.height + 1,
  };
}

/** `*x` runs the process that x quotes; a method runs what it gives. */
function* evaluated(context: Context, node: BoundVariable | Method): Deep<Compiled> {
  if (node instanceof BoundVariable) return run(context, node);
  const program = new Program();
  const value = (yield operand(context, program, node)) as Operand;
  const { evaluate } = value;
  const cost = context.analysis.of(node).size;
  const last: Code = (frame, machine) => {
    machine.turn.steps -= cost;
    machine.runValue(evaluate(frame, machine));
  };
  return { code: program.finish(last), height: 1 };
}

function run(context: Context, node: BoundVariable): Compiled {
  const { unit } = context;
  const level = unit.depth - 1 - node.index;
  if (level < 0 || context.names[level] === true) return NOTHING;
  const slot = unit.read(level);
  return {
    code: (frame, machine) => {
      machine.turn.steps -= 1;
      machine.runValue(frame[slot] as Value);
    },
    height: 1,
  };
}
