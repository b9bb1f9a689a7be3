/**
 * The whole system from one seed: clients put, take, count and call, the machine dies now and then, and at the
 * end everything they were told is held against what is there. The same seed is the same run.
 */
import { Random, SimulatedPlatform } from '../../src/platform/index.ts';
import type { SpaceEngine } from '../../src/space/index.ts';
import { SimulatedDisk } from '../../src/store/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Machine, type Plant, takeFrom } from './machine.ts';
import { METHODS, OutsideWorld, type WorldMethod } from './world.ts';

export interface SimulationOptions {
  readonly plant?: Plant;
  /** Called with each thing that happens; for the person who looks at a failed seed. */
  readonly trace?: (line: string) => void;
}

export interface SimulationResult {
  readonly deaths: number;
  /** The failpoints at which it died. */
  readonly diedAt: readonly string[];
  readonly acknowledged: number;
  readonly interrupted: number;
}

const ACCOUNTS = [1, 2];
const STEPS_MAX = 20_000;
/** Steps in which a machine that dies by step may do so; about those of one life. */
const LIFE_STEPS = 90;
/** Calls of failpoints among which one that dies by failpoint chooses. */
const FAILPOINT_CALLS = 120;

/** What clients know: the only truth that the space is held to. */
class Model {
  readonly put = new Map<number, 'asked' | 'acknowledged'>();
  readonly taken: number[] = [];
  takesUnknown = 0;
  incrementsAsked = 0;
  incrementsAcknowledged = 0;
  readonly calls = new Map<number, { readonly method: WorldMethod; acknowledged: boolean }>();
  numbers = 0;
  acknowledged = 0;
}

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  try {
    return await new Simulation(seed, options).run();
  } catch (error) {
    const plant = options.plant === undefined ? '' : ` --plant ${options.plant}`;
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nrun it again: npx tsx test/simulation/run.ts ${seed}${plant}`, { cause: error });
  }
}

class Simulation {
  readonly #platform: SimulatedPlatform;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #world = new OutsideWorld();
  readonly #model = new Model();
  readonly #options: SimulationOptions;
  readonly #trace: (line: string) => void;
  readonly #diedAt: string[] = [];
  #opsLeft: number;

  constructor(seed: number, options: SimulationOptions) {
    this.#options = options;
    this.#trace = options.trace ?? (() => {});
    this.#platform = new SimulatedPlatform(seed);
    this.#random = new Random(seed, 7);
    this.#disk = new SimulatedDisk(this.#platform);
    this.#opsLeft = 4 + this.#random.below(10);
  }

  async run(): Promise<SimulationResult> {
    let deaths = 0;
    for (const mortal of this.#random.chance(0.6) ? [true] : [true, true]) {
      if (mortal && !(await this.#live(true))) deaths++;
    }
    if (!(await this.#live(false))) throw new Error('the machine died of itself');
    const found = await this.#look();
    const interrupted = this.#check(found, deaths);
    return { deaths, diedAt: this.#diedAt, acknowledged: this.#model.acknowledged, interrupted };
  }

  /** One life; true when it came to its end, false when it died. */
  async #live(mortal: boolean): Promise<boolean> {
    const random = this.#random;
    const byFailpoint = mortal && random.chance(0.5);
    const machine = new Machine(this.#platform, this.#disk, this.#world, {
      cache_bytes: random.below(2) * 4_000,
      journal_tail_bytes_max: 200 + random.below(3_000),
      plant: this.#options.plant ?? null,
      dieAtFailpoint: byFailpoint ? 1 + random.below(FAILPOINT_CALLS) : 0,
    });
    if (mortal && random.chance(0.1)) this.#disk.failSyncAfter(random.below(6));
    const dieAtStep = mortal && !byFailpoint ? random.below(LIFE_STEPS) : STEPS_MAX;
    const power = random.chance(0.6);
    let ended = false;
    let failed: unknown = null;
    this.#process(machine).then(
      () => (ended = true),
      (error: unknown) => (failed = error),
    );
    for (let step = 0; !ended; step++) {
      if (step === STEPS_MAX) throw new Error(`not done after ${STEPS_MAX} steps: ${stuck(machine)}`);
      if (mortal && step === dieAtStep) {
        this.#trace(`the machine dies at step ${step}${power ? ', and its power too' : ''}`);
        machine.die(power);
      }
      if (!machine.alive) break;
      if (failed !== null) throw failed;
      if (!(await this.#platform.step()) && !ended && machine.alive)
        throw new Error(`nothing is left to do, and it is not done: ${stuck(machine)}`);
    }
    if (machine.diedAt !== null) this.#diedAt.push(machine.diedAt);
    if (machine.diedAt !== null) this.#trace(`the process dies at ${machine.diedAt}`);
    return machine.alive;
  }

  /** What one process does: open, serve its clients, come to rest, close. */
  async #process(machine: Machine): Promise<void> {
    const engine = await machine.open();
    this.#trace(`open at turn ${engine.turn}`);
    await Promise.all([this.#client(machine, engine), this.#client(machine, engine), this.#client(machine, engine)]);
    for (const account of ACCOUNTS) await machine.dispatcher?.quiescent(account);
    await machine.dispatcher?.stop();
    await engine.close();
  }

  async #client(machine: Machine, engine: SpaceEngine): Promise<void> {
    while (machine.alive && this.#opsLeft > 0) {
      this.#opsLeft--;
      try {
        await this.#operation(machine, engine);
      } catch (error) {
        if (!machine.alive) return;
        throw error;
      }
      if (this.#random.chance(0.5))
        await new Promise<void>((resolve) => void machine.platform.timers.after(this.#random.fraction() * 8, resolve));
    }
  }

  async #operation(machine: Machine, engine: SpaceEngine): Promise<void> {
    const model = this.#model;
    const account = ACCOUNTS[this.#random.below(ACCOUNTS.length)] as number;
    const number = ++model.numbers;
    const kind = this.#random.below(5);
    /** An acknowledgement from a process that is dead by now never arrived. */
    const told = (what: string): boolean => {
      if (!machine.alive) return false;
      model.acknowledged++;
      this.#trace(`acknowledged: ${what}`);
      return true;
    };
    if (kind === 0) {
      model.put.set(number, 'asked');
      await engine.produce('data', [number], false, account);
      if (told(`put ${number}`)) model.put.set(number, 'acknowledged');
    } else if (kind === 1) {
      model.takesUnknown++;
      const captures = await engine.request(takeFrom('data'), null, () => {});
      if (!told(`take ${String(captures?.[0])}`)) return;
      model.takesUnknown--;
      if (captures !== null) model.taken.push(captures[0] as number);
    } else if (kind === 2) {
      model.incrementsAsked++;
      await engine.produce('inc', [number], false, account);
      if (told(`increment ${number}`)) model.incrementsAcknowledged++;
    } else {
      const method = METHODS[this.#random.below(METHODS.length)] as WorldMethod;
      const call = { method, acknowledged: false };
      model.calls.set(number, call);
      await engine.produce('calls', [number, method], false, account);
      call.acknowledged = told(`call ${number} ${method}`);
    }
  }

  /** Opens once more, only to look: what counts is what is on the disk. */
  async #look(): Promise<Found> {
    const machine = new Machine(this.#platform, this.#disk, this.#world, {
      cache_bytes: 4_000,
      journal_tail_bytes_max: 1_000_000,
      plant: null,
      dieAtFailpoint: 0,
    });
    const look = machine.open().then((engine) =>
      engine.post({ kind: 'look', payload: null, account: 0 }, () => {
        const all = (channel: string, two = false): (readonly Value[])[] => {
          const found: (readonly Value[])[] = [];
          for (
            let next = engine.tuples.tryOnce(takeFrom(channel, two));
            next !== null;
            next = engine.tuples.tryOnce(takeFrom(channel, two))
          )
            found.push(next);
          return found;
        };
        return {
          data: all('data').map(([value]) => value as number),
          counters: all('counter').map(([value]) => value as number),
          increments: all('inc').length,
          calls: all('calls', true).length,
          results: all('results', true).map(([number, text]) => [number as number, text as string] as const),
          begun: [...engine.facts('effect/')].length,
        };
      }),
    );
    return this.#platform.run(look, STEPS_MAX);
  }

  #check(found: Found, deaths: number): number {
    const model = this.#model;
    this.#trace(`found: ${JSON.stringify(found)}`);
    const there = [...found.data, ...model.taken];
    law(new Set(there).size === there.length, `a message is there twice: ${there.join(', ')}`);
    for (const number of there) law(model.put.has(number), `the message ${number} was never put`);
    const missing = [...model.put].filter(([number, state]) => state === 'acknowledged' && !there.includes(number));
    law(
      missing.length <= model.takesUnknown,
      `acknowledged messages are gone: ${missing.map(([number]) => number).join(', ')}`,
    );
    const [counter] = found.counters;
    law(found.counters.length === 1 && counter !== undefined, `there are ${found.counters.length} counters`);
    law(
      counter >= model.incrementsAcknowledged && counter <= model.incrementsAsked,
      `the counter is ${counter} after ${model.incrementsAcknowledged} to ${model.incrementsAsked} increments`,
    );
    law(found.increments === 0 && found.calls === 0 && found.begun === 0, 'something was left half done');
    return this.#checkCalls(found, deaths);
  }

  #checkCalls(found: Found, deaths: number): number {
    const results = new Map<number, string>();
    const given: number[] = [];
    let interrupted = 0;
    for (const [number, text] of found.results) {
      law(!results.has(number), `the call ${number} was answered twice`);
      results.set(number, text);
    }
    for (const [number, { method, acknowledged }] of this.#model.calls) {
      const text = results.get(number);
      const made = this.#world.made.get(number) ?? 0;
      const what = `the call ${number} (${method})`;
      law(text !== undefined || !acknowledged, `${what} was acknowledged and has no answer`);
      law(text !== undefined || made === 0, `${what} was made without being there`);
      law(method === 'look' || method === 'repeated' || made <= 1, `${what} was made ${made} times`);
      if (text === undefined) continue;
      if (text === 'interrupted') {
        interrupted++;
        law(method === 'once' && deaths > 0, `${what} was interrupted`);
        continue;
      }
      law(made >= 1 || method === 'look', `${what} was answered and never made`);
      if (method === 'next') given.push(Number(text.slice(3)));
      else law(text === `ok ${number}`, `${what} was answered ${text}`);
    }
    given.sort((left, right) => left - right);
    law(
      given.every((number, index) => number === index + 1),
      `the numbers given were ${given.join(', ')}`,
    );
    return interrupted;
  }
}

interface Found {
  readonly data: readonly number[];
  readonly counters: readonly number[];
  readonly increments: number;
  readonly calls: number;
  readonly results: readonly (readonly [number, string])[];
  readonly begun: number;
}

function law(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

function stuck(machine: Machine): string {
  const { dispatcher, engine } = machine;
  if (dispatcher === null || engine === null) return 'it never opened';
  return JSON.stringify(ACCOUNTS.map((account) => [engine.pending(account), dispatcher.report(account)]));
}
