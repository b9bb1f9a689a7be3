/**
 * Changes that are about to begin: those of one method and account for which no turn has come yet are put on record in one
 * cause, so that a hundred of them cost one turn. Owns which are still to be said; must never call a native, nor let a
 * change go on before the cause that names it is durable.
 */
import type { Account, Cause, Engine, Poster } from '../space/index.ts';
import { List, type Tuple, type Value } from '../values/index.ts';
import { isBusy, recordOf, RETRY_MS } from './job.ts';
import type { Timers } from '../platform/index.ts';

/** A change that waits for its beginning to be durable. */
export interface Beginning {
  /** Of its task. */
  readonly number: number;
  readonly account: Account;
  readonly native: string;
  readonly method: string;
  /** It is durable that it begins; with the state of its object as it finds it. */
  begun(state: Value | undefined): void;
  /** The space closes before that. */
  notBegun(): void;
}

/** Of one cause: its turn is as long as that of so many messages. */
const BEGINNINGS_MAX = 256;
/** Causes to which one more may be added that are looked at, the newest first. */
const LOOKED_AT = 8;

export class Beginnings {
  readonly #engine: Engine;
  readonly #timers: Timers;
  readonly #open: Begun[] = [];

  constructor(engine: Engine, timers: Timers) {
    this.#engine = engine;
    this.#timers = timers;
  }

  add(change: Beginning): void {
    const open = this.#openFor(change);
    if (open !== null) {
      open.changes.push(change);
      return;
    }
    const begun = new Begun(this, change);
    this.#open.push(begun);
    this.post(begun);
  }

  #openFor({ account, native, method }: Beginning): Begun | null {
    const open = this.#open;
    const last = Math.max(0, open.length - LOOKED_AT);
    for (let index = open.length - 1; index >= last; index--) {
      const begun = open[index] as Begun;
      if (
        begun.method === method &&
        begun.account === account &&
        begun.native === native &&
        begun.changes.length < BEGINNINGS_MAX
      )
        return begun;
    }
    return null;
  }

  post(begun: Begun): void {
    this.#engine.enactFor(begun, begun);
  }

  postLater(begun: Begun): void {
    this.#timers.after(RETRY_MS, () => this.post(begun));
  }

  /** Nothing more is added to it. */
  close(begun: Begun): void {
    const at = this.#open.indexOf(begun);
    if (at >= 0) this.#open.splice(at, 1);
  }
}

/** One cause, and who hears what has become of it. What it says is complete when its turn asks. */
class Begun implements Cause, Poster {
  readonly kind = 'begun';
  readonly account: Account;
  readonly native: string;
  readonly method: string;
  readonly changes: Beginning[];
  readonly #beginnings: Beginnings;
  #payload: Tuple | null = null;

  constructor(beginnings: Beginnings, first: Beginning) {
    this.account = first.account;
    this.native = first.native;
    this.method = first.method;
    this.changes = [first];
    this.#beginnings = beginnings;
  }

  get weight(): number {
    return this.changes.length;
  }

  get payload(): Value {
    if (this.#payload === null) {
      this.#beginnings.close(this);
      const tasks = this.changes.map(({ number }) => number);
      this.#payload = recordOf([this.native, this.method, new List(tasks)]);
    }
    return this.#payload;
  }

  /** With the state that each finds, in their order. */
  done(result: unknown): void {
    const states = result as readonly (Value | undefined)[];
    for (let index = 0; index < this.changes.length; index++) (this.changes[index] as Beginning).begun(states[index]);
  }

  /** Again and again while the engine has no room for one more cause; any other refusal is final for the space. */
  refused(error: Error): void {
    if (isBusy(error)) {
      this.#beginnings.postLater(this);
      return;
    }
    this.#beginnings.close(this);
    for (const change of this.changes) change.notBegun();
  }
}
