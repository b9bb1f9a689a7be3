/**
 * One life of the simulated machine: space, journal and dispatcher as one process, from opening to its death or
 * its clean end. Owns the programs that run there; what clients were told is the model's.
 */
import { isErrorResult, NATIVE_LABEL, nativeEnvironment, stateKey } from '../../channels/index.ts';
import { ANY_MESSAGE, Dispatcher, DISPATCH_FAILPOINTS } from '../../src/dispatch/index.ts';
import { compilePattern } from '../../src/match/index.ts';
import type { Platform, SimulatedPlatform } from '../../src/platform/index.ts';
import {
  type Body,
  type EngineOptions,
  FAILPOINTS,
  type Receive,
  SpaceEngine,
  type Turn,
} from '../../src/space/index.ts';
import { openSimulatedStore, type SimulatedDisk } from '../../src/store/index.ts';
import { FreeVariable, type MapValue, type Tuple, type Value, Wildcard } from '../../src/values/index.ts';
import type { OutsideWorld } from './world.ts';

export type Plant = NonNullable<EngineOptions['plant']>;

export interface MachineSettings {
  readonly cache_bytes: number;
  readonly journal_tail_bytes_max: number;
  readonly plant: Plant | null;
  /** The process ends at this call of a failpoint; 0: at none. */
  readonly dieAtFailpoint: number;
}

const ONE = compilePattern([new FreeVariable(0)], null);
const TWO = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);
const NONE = compilePattern([Wildcard.the], null);

const body = (label: string, environment: readonly Value[] = []): Body => ({
  label,
  term: null,
  place: 0,
  environment,
});

/** Takes the oldest message of a channel of the model. */
export const takeFrom = (channel: string, two = false): Receive => ({
  slots: [{ channel, pattern: two ? TWO : ONE, peek: false }],
  persist: false,
  body: body('host'),
});

export class Machine {
  alive = true;
  /** The failpoint at which it died, if it was one. */
  diedAt: string | null = null;
  engine: SpaceEngine | null = null;
  dispatcher: Dispatcher | null = null;
  readonly platform: Platform;
  readonly #base: SimulatedPlatform;
  readonly #disk: SimulatedDisk;
  readonly #world: OutsideWorld;
  readonly #settings: MachineSettings;
  #failpoints = 0;

  constructor(base: SimulatedPlatform, disk: SimulatedDisk, world: OutsideWorld, settings: MachineSettings) {
    this.#base = base;
    this.#disk = disk;
    this.#world = world;
    this.#settings = settings;
    const { clock, hashing, randomness } = base;
    // The timers of a process die with it.
    const guarded = (run: () => void) => (): void => {
      if (this.alive) run();
    };
    const timers = {
      after: (delay_ms: number, run: () => void) => base.timers.after(delay_ms, guarded(run)),
      soon: (run: () => void) => base.timers.soon(guarded(run)),
    };
    this.platform = { clock, hashing, randomness, timers };
  }

  /** As SIGKILL, or with `power` as the end of the machine's power. */
  die(power: boolean): void {
    if (!this.alive) return;
    this.alive = false;
    if (power) this.#disk.crash();
    else this.#disk.kill();
  }

  async open(): Promise<SpaceEngine> {
    const { platform } = this;
    const { cache_bytes, journal_tail_bytes_max, plant } = this.#settings;
    const failpoint = (name: string): void => this.#pass(name);
    const store = await openSimulatedStore(this.#disk);
    const engine = await SpaceEngine.open({
      platform,
      store,
      cache_bytes,
      journal_tail_bytes_max,
      failpoint,
      onClosed: () => this.die(false),
      ...(plant === null ? {} : { plant }),
    });
    const dispatcher = new Dispatcher({
      platform,
      failpoint,
      report: () => {},
      ...(plant === 'effect-not-begun' ? { plant } : {}),
    });
    const alive = (): boolean => this.alive;
    for (const native of this.#world.natives(platform, this.#base.random, alive)) dispatcher.registerNative(native);
    for (const [label, run] of Object.entries(PROGRAMS))
      dispatcher.registerInline(label, { run: (task, turn) => run(turn, task.captures, task.body.environment) });
    dispatcher.attach(engine, engine.names);
    engine.start(dispatcher);
    if (engine.fact('ready') === undefined) await engine.post({ kind: 'setup', payload: null, account: 1 }, setUp);
    this.engine = engine;
    this.dispatcher = dispatcher;
    return engine;
  }

  /** What still runs of a dead process in this step finds no disk, no timer and nobody who believes it. */
  #pass(name: string): void {
    if (++this.#failpoints !== this.#settings.dieAtFailpoint || !this.alive) return;
    this.diedAt = name;
    this.die(false);
  }
}

export const ALL_FAILPOINTS: readonly string[] = [...FAILPOINTS, ...DISPATCH_FAILPOINTS];

function setUp(turn: Turn): void {
  turn.setFact('ready', true);
  turn.produce('counter', [0], false);
  turn.consume({
    slots: [
      { channel: 'inc', pattern: NONE, peek: false },
      { channel: 'counter', pattern: ONE, peek: false },
    ],
    persist: true,
    body: body('bump'),
  });
  turn.consume({ slots: [{ channel: 'calls', pattern: TWO, peek: false }], persist: true, body: body('call') });
  turn.install(
    'world',
    ANY_MESSAGE,
    body(NATIVE_LABEL, nativeEnvironment({ native: 'world', handle: null, id: '', cap: '' })),
  );
  turn.install(
    'tally',
    ANY_MESSAGE,
    body(NATIVE_LABEL, nativeEnvironment({ native: 'tally', handle: null, id: 'tally', cap: '' })),
  );
  turn.setFact(stateKey('tally'), 0);
}

type Program = (turn: Turn, captures: readonly Value[], environment: readonly Value[]) => void;

const PROGRAMS: Readonly<Record<string, Program>> = {
  /** for (_ <= inc; @n <= counter) { counter!(n + 1) } */
  bump: (turn, captures) => turn.produce('counter', [(captures[0] as number) + 1], false),
  /** contract calls(@k, @method) = { new ret in { native!(method, k, *ret) | for (@answer <- ret) { results!(k, answer) } } } */
  call: (turn, captures) => {
    const [number, method] = captures as [number, string];
    const ret = turn.newName();
    turn.consume({
      slots: [{ channel: ret, pattern: ONE, peek: false }],
      persist: false,
      body: body('collect', [number]),
    });
    turn.produce(method === 'next' ? 'tally' : 'world', [method, number, ret], false);
  },
  collect: (turn, captures, environment) =>
    turn.produce('results', [environment[0] as Value, textOf(captures[0] as Value)], false),
};

function textOf(answer: Value): Value {
  if (!isErrorResult(answer)) return typeof answer === 'number' ? `ok ${answer}` : 'a strange answer';
  const map = (answer as Tuple).items[1] as MapValue;
  return map.items[map.keys.indexOf('code')] as Value;
}
