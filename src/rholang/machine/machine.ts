/**
 * What compiled code runs on: the turn, the stack of work that is left, and the count of steps. It owns no
 * state between two tasks. It must never throw for what a program did: a failure ends one branch.
 */
import { PowerboxError, isPowerboxError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Budget } from '../../match/index.ts';
import type { Body, TermReference, Turn } from '../../space/index.ts';
import { Bundle, Name } from '../../values/index.ts';
import type { Value } from '../../values/index.ts';
import { CallFailure } from './calls.ts';
import { compiledOf, evaluateClosed } from './compile.ts';
import type { Frame, Machine, Place } from './place.ts';
import { isReduced } from './reduced.ts';

export const RHO_LABEL = 'rho';

/** Codes that say what a program did; any other error is of the system and goes up. */
const PROGRAM_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'evaluation_error',
  'too_much_work',
  'too_many_tasks',
  'value_too_large',
  'value_unsupported',
  'channel_owned',
  'bad_request',
]);

class RholangBody implements Body {
  readonly label = RHO_LABEL;
  constructor(
    readonly term: TermReference,
    readonly place: number,
    readonly environment: readonly Value[],
  ) {}
}

const NOTHING: readonly Value[] = [];
/** What the task of one branch alone has for captures. Known by this object, so it is for spaces that nothing outlives. */
const ALONE: readonly Value[] = [];

export class TurnMachine implements Machine {
  turn: Turn;
  readonly budget: Budget = { steps: 0 };
  readonly #places: Place[] = [];
  readonly #frames: Frame[] = [];

  readonly splits: boolean;
  alone = false;

  constructor(turn: Turn, splits: boolean) {
    this.turn = turn;
    this.splits = splits;
  }

  /** Runs a place and all the work that it leaves, until that is done or the steps of the turn are. */
  run(first: Place, environment: readonly Value[], captures: readonly Value[]): void {
    let place = first;
    this.alone = captures === ALONE;
    let frame = first.enter(environment, this.alone ? NOTHING : captures);
    for (;;) {
      try {
        place.code(frame, this);
      } catch (error) {
        this.failed(error);
      }
      const next = this.#places.pop();
      if (next === undefined) return;
      place = next;
      frame = this.#frames.pop() as Frame;
      if (this.turn.steps <= 0) {
        this.#leave(place, frame);
        return;
      }
    }
  }

  push(place: Place, frame: Frame): void {
    this.#places.push(place);
    this.#frames.push(frame);
  }

  cut(place: Place, frame: Frame): void {
    this.turn.spawn(this.body(place, place.leave(frame)), NOTHING);
  }

  branch(place: Place, frame: Frame): void {
    this.turn.spawn(this.body(place, place.leave(frame)), ALONE);
  }

  #leave(place: Place, frame: Frame): void {
    this.cut(place, frame);
    while (this.#places.length > 0) this.cut(this.#places.pop() as Place, this.#frames.pop() as Frame);
  }

  body(place: Place, environment: readonly Value[]): Body {
    return new RholangBody(place.unit.compiled.reference, place.number, environment);
  }

  runValue(value: Value): void {
    if (typeof value !== 'object' || value === null || value instanceof Name) return;
    const process = value instanceof Bundle ? value.body : value;
    const place = compiledOf(this.turn.term(process)).places[0] as Place;
    this.push(place, place.enter(NOTHING, NOTHING));
  }

  charge(steps: number): void {
    this.turn.steps -= steps;
    if (this.turn.steps < -limits.expression_steps_max) {
      throw new PowerboxError(
        'too_much_work',
        `evaluating between two parallel branches took more than ${limits.expression_steps_max} steps`,
        {
          hint: 'do the work in several messages, each with a part of the data',
        },
      );
    }
  }

  failed(error: unknown): void {
    if (error instanceof CallFailure || (isPowerboxError(error) && PROGRAM_CODES.has(error.code))) {
      this.turn.fail(error);
    } else if (error instanceof RangeError) {
      this.turn.fail(
        new PowerboxError('too_much_work', 'a value grew beyond what the machine can hold', { cause: error }),
      );
    } else {
      throw error;
    }
  }

  reduce(value: Value): Value {
    return isReduced(value) ? value : evaluateClosed(value, this);
  }
}
