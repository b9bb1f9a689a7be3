/** The one turn object of an engine, used again for every turn: what `Turn` promises, said to the engine. */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { MessagePattern } from '../match/index.ts';
import { equal, type Name, type NameMaker, type Value } from '../values/index.ts';
import type { Terms } from './terms.ts';
import type { Tuples } from './tuples.ts';
import type { Account, Body, Receive, TermReference, Turn } from './types.ts';

/** What a turn needs of its engine. */
export interface TurnHost {
  readonly tuples: Tuples;
  readonly names: NameMaker;
  readonly terms: Terms;
  newTask(account: Account, body: Body, captures: readonly Value[]): void;
  fact(key: string): Value | undefined;
  setFact(key: string, value: Value | undefined): void;
  produceAnyway(channel: Value, message: readonly Value[], account: Account): void;
  log(log: string, value: Value): void;
  logBytes(log: string, bytes: Uint8Array): void;
  dropLog(log: string, before: number): void;
  afterDurable(run: () => void): void;
  failed(account: Account, error: Error): void;
}

export class TurnContext implements Turn {
  account: Account = 0;
  task = 0;
  steps = 0;
  #counter = 0;
  readonly #engine: TurnHost;
  readonly #steps_max: number;

  constructor(engine: TurnHost, steps_max: number = limits.turn_steps_max) {
    this.#engine = engine;
    this.#steps_max = steps_max;
  }

  /** Steps of this turn so far. */
  get used(): number {
    return this.#steps_max - this.steps;
  }

  begin(account: Account, task: number): this {
    this.account = account;
    this.steps = this.#steps_max;
    this.task = task;
    this.#counter = 0;
    return this;
  }

  newName(): Name {
    return this.#engine.names.draw(this.task, this.#counter++);
  }

  produce(channel: Value, message: readonly Value[], persist: boolean): void {
    try {
      this.#engine.tuples.produce(channel, message, persist, this.account);
    } catch (error) {
      // Refused (there is no room for it): the end of this branch, not of the turn.
      if (!(error instanceof PowerboxError)) throw error;
      this.fail(error);
    }
  }

  offer(channel: Value, message: readonly Value[]): boolean {
    try {
      this.#engine.tuples.produce(channel, message, false, this.account);
      return true;
    } catch (error) {
      if (error instanceof PowerboxError && error.code === 'quota_exceeded') return false;
      throw error;
    }
  }

  produceAnyway(channel: Value, message: readonly Value[]): void {
    this.#engine.produceAnyway(channel, message, this.account);
  }

  consume(receive: Receive): void {
    try {
      this.#engine.tuples.consume(receive, this.account);
    } catch (error) {
      // Refused before anything changed (a native owns the channel, there is no room): the end of this branch, not of the turn.
      if (!(error instanceof PowerboxError)) throw error;
      this.fail(error);
    }
  }

  install(channel: Value, pattern: MessagePattern, body: Body): void {
    this.#engine.tuples.install(channel, pattern, body, this.account, sameBody);
  }

  uninstall(channel: Value): void {
    this.#engine.tuples.uninstall(channel);
  }

  spawn(body: Body, captures: readonly Value[]): void {
    this.#engine.newTask(this.account, body, captures);
  }

  term(term: Value): TermReference {
    return this.#engine.terms.of(term);
  }

  fact(key: string): Value | undefined {
    return this.#engine.fact(key);
  }

  setFact(key: string, value: Value | undefined): void {
    this.#engine.setFact(key, value);
  }

  log(log: string, value: Value): void {
    this.#engine.log(log, value);
  }

  logBytes(log: string, bytes: Uint8Array): void {
    this.#engine.logBytes(log, bytes);
  }

  dropLog(log: string, before: number): void {
    this.#engine.dropLog(log, before);
  }

  afterDurable(run: () => void): void {
    this.#engine.afterDurable(run);
  }

  fail(error: Error): void {
    this.#engine.failed(this.account, error);
  }
}

function sameBody(left: Body, right: Body): boolean {
  if (left.label !== right.label || left.place !== right.place || left.environment.length !== right.environment.length)
    return false;
  if ((left.term === null) !== (right.term === null)) return false;
  if (left.term !== null && right.term !== null && !equal(left.term.term, right.term.term)) return false;
  return left.environment.every((value, index) => equal(value, right.environment[index] as Value));
}
