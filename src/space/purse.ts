/**
 * A purse: what one holder, or one of its deploys, may store and run, and what it has used. Owns its counts; must
 * never look at a clock. What is stored is given back when it goes; tasks and steps come back by a refill, which is
 * an arrival. A purse whose tasks or steps are used up rests: the accounts that pay from it are out of the ring.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { List, type Value } from '../values/index.ts';
import type { AccountTasks } from './tasks.ts';

/** Bounds of one purse; what is left out has none. Bytes are estimated, see `estimate.ts`. */
export interface Quota {
  readonly bytes_max?: number | undefined;
  readonly continuations_max?: number | undefined;
  readonly tasks_max?: number | undefined;
  readonly tasks_per_second?: number | undefined;
  readonly steps_per_second?: number | undefined;
  /** What all its turns may cost, by the price list; used up, it does not come back. */
  readonly cost_max?: number | undefined;
}

/** How full a purse is, for people and programs. */
export interface PurseUsage {
  readonly key: string;
  readonly quota: Quota;
  readonly bytes: number;
  readonly continuations: number;
  /** Made and not yet done. */
  readonly tasks: number;
  /** What may still run before a refill; null where there is no such bound. Steps may have been overdrawn by one turn. */
  readonly tasks_left: number | null;
  readonly steps_left: number | null;
  /** What its turns have cost; counted where there is a bound. */
  readonly cost: number;
  /** Accounts that have something ready and wait for a refill of this purse. */
  readonly waiting: number;
}

/** Refills a second. Tasks and steps are counted in this many parts, so that a refill is a whole number of them. */
const PARTS = 1000 / limits.refill_ms;
/** Refills that one cause makes up for: a purse holds no more than a second's worth, and no debt is that long. */
const PERIODS_MAX = 1_000_000;

export class Purse {
  bytes = 0;
  continuations = 0;
  tasks = 0;
  cost = 0;
  resting = false;
  /** Its counts have changed since they were last written. */
  changed = false;
  /** Accounts with something ready that are out of the ring because of this purse, in the order of their turns. */
  waiting: AccountTasks[] = [];
  readonly bytes_max: number;
  readonly continuations_max: number;
  readonly tasks_max: number;
  readonly cost_max: number;
  // In parts; infinite where there is no bound.
  #tasksLeft: number;
  #stepsLeft: number;
  readonly #tasksGain: number;
  readonly #stepsGain: number;

  constructor(
    /** What the fact of its usage is called. */
    readonly key: string,
    readonly quota: Quota,
    /** The purse of the holder, for that of one of its deploys. */
    readonly parent: Purse | null,
  ) {
    this.bytes_max = quota.bytes_max ?? Number.POSITIVE_INFINITY;
    this.continuations_max = quota.continuations_max ?? Number.POSITIVE_INFINITY;
    this.tasks_max = quota.tasks_max ?? Number.POSITIVE_INFINITY;
    this.cost_max = quota.cost_max ?? Number.POSITIVE_INFINITY;
    this.#tasksGain = quota.tasks_per_second ?? Number.POSITIVE_INFINITY;
    this.#stepsGain = quota.steps_per_second ?? Number.POSITIVE_INFINITY;
    // Full to begin with: a short program is not slowed at all.
    this.#tasksLeft = PARTS * this.#tasksGain;
    this.#stepsLeft = PARTS * this.#stepsGain;
  }

  /** Refuses more than the purse has room for; says what it is that does not fit. */
  admit(bytes: number, continuations: number): void {
    if (this.bytes + bytes > this.bytes_max)
      throw new PowerboxError(
        'quota_exceeded',
        `${this.#who} stores about ${this.bytes} bytes of the ${this.bytes_max} that it may; ${bytes} more do not fit`,
        { hint: 'take away what is no longer needed: it is given back at once' },
      );
    if (this.continuations + continuations > this.continuations_max)
      throw new PowerboxError(
        'quota_exceeded',
        `${this.#who} has ${this.continuations} continuations waiting, and may have ${this.continuations_max}`,
        { hint: 'send what they wait for, or wait with fewer at once' },
      );
  }

  /** The refusal of one more task, or null when there is room. */
  taskRefusal(): PowerboxError | null {
    if (this.tasks < this.tasks_max) return null;
    return new PowerboxError(
      'quota_exceeded',
      `${this.#who} has ${this.tasks} tasks that are not done, and may have ${this.tasks_max}`,
      { hint: 'let each task wait for the answer of the one before' },
    );
  }

  /** Why nothing may run any more, and `where` it stops; null as long as something may. */
  costRefusal(where: string): PowerboxError | null {
    if (this.cost < this.cost_max) return null;
    return new PowerboxError(
      'quota_exceeded',
      `${this.#who} has used up the ${this.cost_max} that its turns may cost, and stops here`,
      { hint: 'ask for an estimate before, or allow it more', where },
    );
  }

  get #who(): string {
    return this.key.startsWith(DEPLOY_KEY) ? 'this deploy' : 'this holder';
  }

  /** One task has run, with so many steps. Whether the purse is used up. */
  spend(steps: number): boolean {
    this.#tasksLeft -= PARTS;
    this.#stepsLeft -= PARTS * steps;
    return this.#tasksLeft <= 0 || this.#stepsLeft <= 0;
  }

  /** Some periods' worth more, at most a second's in all. Whether something may run again. */
  refill(periods: number): boolean {
    this.#tasksLeft = Math.min(PARTS * this.#tasksGain, this.#tasksLeft + periods * this.#tasksGain);
    this.#stepsLeft = Math.min(PARTS * this.#stepsGain, this.#stepsLeft + periods * this.#stepsGain);
    return this.#tasksLeft > 0 && this.#stepsLeft > 0;
  }

  /** After how many periods something may run again. */
  get periodsToGo(): number {
    const periods = Math.max(needed(this.#tasksLeft, this.#tasksGain), needed(this.#stepsLeft, this.#stepsGain));
    return Math.min(periods, PERIODS_MAX);
  }

  /** The durable fact: `[bytes, continuations, parts of tasks left, parts of steps left, cost]`; nil without that bound. */
  write(): Value {
    const cost = this.cost_max === Number.POSITIVE_INFINITY ? [] : [this.cost];
    return new List([this.bytes, this.continuations, finite(this.#tasksLeft), finite(this.#stepsLeft), ...cost]);
  }

  /** A bound that has changed since the fact was written counts from now on; so does a budget that was not there. */
  read(fact: Value): void {
    const [bytes, continuations, tasksLeft, stepsLeft, cost] = (fact as List).items as [number, number, ...unknown[]];
    if (typeof cost === 'number') this.cost = cost;
    this.bytes = bytes;
    this.continuations = continuations;
    if (typeof tasksLeft === 'number') this.#tasksLeft = Math.min(this.#tasksLeft, tasksLeft);
    if (typeof stepsLeft === 'number') this.#stepsLeft = Math.min(this.#stepsLeft, stepsLeft);
    this.resting = this.#tasksLeft <= 0 || this.#stepsLeft <= 0;
  }

  usage(): PurseUsage {
    const { key, quota, bytes, continuations, tasks, cost } = this;
    const left = (parts: number): number | null =>
      parts === Number.POSITIVE_INFINITY ? null : Math.floor(parts / PARTS);
    return {
      key,
      quota,
      bytes,
      continuations,
      tasks,
      cost,
      tasks_left: left(this.#tasksLeft),
      steps_left: left(this.#stepsLeft),
      waiting: this.waiting.length,
    };
  }
}

/** How keys of purses begin: of a holder, and of one deploy. */
export const HOLDER_KEY = 'holder/';
export const DEPLOY_KEY = 'deploy/';

/** Whether whoever pays from this purse waits for a refill: for which of the two purses, or null. */
export function restingPurse(purse: Purse): Purse | null {
  if (purse.resting) return purse;
  const { parent } = purse;
  return parent?.resting === true ? parent : null;
}

/** A purse with nothing left needs one part at least. */
function needed(left: number, gain: number): number {
  return left > 0 ? 0 : Math.floor(-left / gain) + 1;
}

function finite(parts: number): number | null {
  return parts === Number.POSITIVE_INFINITY ? null : parts;
}
