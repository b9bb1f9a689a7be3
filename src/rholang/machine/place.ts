/**
 * Where a term can be entered: units (the whole term, each receive body), places in them, and which variable
 * lies in which slot of a frame. A frame is a flat array; each slot is written once in a run of its unit, so
 * parallel branches share a frame without harm.
 *
 * Places are numbered in the order in which the compiler meets them, which depends on the term alone: stored
 * continuations name them. A change of that order is a change of the runtime version.
 */
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Budget } from '../../match/index.ts';
import type { Body, TermReference, Turn } from '../../space/index.ts';
import type { Value } from '../../values/index.ts';

export type Frame = Value[];
/** Runs a process. */
export type Code = (frame: Frame, machine: Machine) => void;
/** Evaluates an expression. */
export type Evaluate = (frame: Frame, machine: Machine) => Value;

/** What compiled code may ask of the machine that runs it. */
export interface Machine {
  readonly turn: Turn;
  readonly budget: Budget;
  /** Runs `place` in `frame` when what runs now has come to its end. */
  push(place: Place, frame: Frame): void;
  /** Goes on with `place` in another turn. */
  cut(place: Place, frame: Frame): void;
  /** Whether each parallel branch is a task, for who wants to see them in other orders; and whether this one runs alone. */
  readonly splits: boolean;
  alone: boolean;
  /** The branch with which `place` begins is a task. */
  branch(place: Place, frame: Frame): void;
  /** Runs a value as a process: data do nothing, a bundle runs what it holds. */
  runValue(value: Value): void;
  /** Counts work that depends on data; throws when it is too much. */
  charge(steps: number): void;
  /** Ends a branch; throws again what no program caused. */
  failed(error: unknown): void;
  /** Evaluates what stands unevaluated in a value, because it was captured inside a quoted process. */
  reduce(value: Value): Value;
  /** The continuation that goes on at `place`. */
  body(place: Place, environment: readonly Value[]): Body;
}

/** A term's places; the value of `TermReference.compiled`. */
export interface CompiledTerm {
  readonly reference: TermReference;
  readonly places: Place[];
  /** Whether a branch of it can wait for an answer: false for a value that is evaluated in the middle of another. */
  readonly canWait: boolean;
  /** Variables captured by all units; a bound on what nesting can cost. */
  captured: number;
}

export class Unit {
  slotCount = 0;
  /** Outer levels that the unit uses, in the order in which it met them, and the slots they lie in. */
  readonly outerLevels: number[] = [];
  readonly outerSlots: number[] = [];
  readonly #outer = new Map<number, number>();
  readonly #isOuter: boolean[] = [];
  /** Slot of each level bound inside. */
  readonly #inner: number[] = [];
  /** Every slot that code reads, in the order of the code, so that the reads of a stretch are a range. */
  readonly #reads: number[] = [];

  constructor(
    readonly compiled: CompiledTerm,
    /** Number of binders outside the unit. */
    readonly base: number,
  ) {}

  get depth(): number {
    return this.base + this.#inner.length;
  }

  get position(): number {
    return this.#reads.length;
  }

  newSlot(): number {
    return this.slotCount++;
  }

  /** Binds the next level to a new slot. */
  bind(): number {
    const slot = this.newSlot();
    this.#inner.push(slot);
    return slot;
  }

  unbind(count: number): void {
    this.#inner.length -= count;
  }

  /** The slot of a level, read here. */
  read(level: number): number {
    const slot = level >= this.base ? (this.#inner[level - this.base] as number) : this.#outerSlot(level);
    this.#reads.push(slot);
    return slot;
  }

  /** Says that the slot of a temporary is read here. */
  readSlot(slot: number): number {
    this.#reads.push(slot);
    return slot;
  }

  /** Says again what was read between two positions: that code runs here too, or only here. */
  readAgain(from: number, to: number): void {
    for (let index = from; index < to; index++) this.#reads.push(this.#reads[index] as number);
  }

  /** Slots that a stretch of code reads and that were filled before it. */
  liveSlots(from: number, to: number, slotLimit: number): number[] {
    const live = new Set<number>();
    for (let index = from; index < to; index++) {
      const slot = this.#reads[index] as number;
      if (slot < slotLimit || this.#isOuter[slot] === true) live.add(slot);
    }
    return [...live].sort((left, right) => left - right);
  }

  #outerSlot(level: number): number {
    let slot = this.#outer.get(level);
    if (slot === undefined) {
      if (++this.compiled.captured > limits.term_captures_max) {
        throw new PowerboxError(
          'too_much_work',
          `this term hands more than ${limits.term_captures_max} variables to its receives`,
          {
            hint: 'nest fewer receives in each other, or pass the variables on in one list',
          },
        );
      }
      slot = this.newSlot();
      this.#outer.set(level, slot);
      this.#isOuter[slot] = true;
      this.outerLevels.push(level);
      this.outerSlots.push(slot);
    }
    return slot;
  }
}

const NO_CODE: Code = () => {};

export class Place {
  code: Code = NO_CODE;
  readonly number: number;
  /** First slot of what the continuation captures. */
  captureSlot = 0;
  /** The process that runs here, for who reads code; null for what goes on in the middle of one. */
  source: Value | null = null;
  /** How many variables the continuation itself binds around `source`. */
  bound = 0;
  #from = 0;
  #to = 0;
  #slotLimit = 0;
  #slots: readonly number[] | null;

  /** `slots` are those of the environment; null when they are those read in a range given by `begin` and `end`. */
  constructor(
    readonly unit: Unit,
    slots: readonly number[] | null,
  ) {
    const { places } = unit.compiled;
    this.number = places.length;
    places.push(this);
    this.#slots = slots;
  }

  /** What was read from `from` on and lies below `slotLimit` belongs to the environment. */
  begin(from = this.unit.position, slotLimit = this.unit.slotCount): this {
    this.#from = from;
    this.#slotLimit = slotLimit;
    return this;
  }

  end(): this {
    this.#to = this.unit.position;
    return this;
  }

  get slots(): readonly number[] {
    this.#slots ??= this.unit.liveSlots(this.#from, this.#to, this.#slotLimit);
    return this.#slots;
  }

  /** The frame in which the code of this place runs. */
  enter(environment: readonly Value[], captures: readonly Value[]): Frame {
    const slots = this.#slots ?? this.slots;
    const frame = new Array<Value>(this.unit.slotCount);
    const { captureSlot } = this;
    for (let index = 0; index < captures.length; index++) frame[captureSlot + index] = captures[index] as Value;
    for (let index = 0; index < slots.length; index++) frame[slots[index] as number] = environment[index] as Value;
    return frame;
  }

  /** The environment with which this place is entered again later. */
  leave(frame: Frame): Value[] {
    const { slots } = this;
    const environment = new Array<Value>(slots.length);
    for (let index = 0; index < slots.length; index++) environment[index] = frame[slots[index] as number] ?? null;
    return environment;
  }
}
