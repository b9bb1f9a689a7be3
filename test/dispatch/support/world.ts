/** A dispatcher over the small engine, with one native of every effect and recovery, and a world it changes. */
import { declareChannel, t, type Native, type NativeAnswer, type NativeCall } from '../../../channels/index.ts';
import { Dispatcher, installNative, type DispatcherOptions, type StderrRecord } from '../../../src/dispatch/index.ts';
import { Name, type Value } from '../../../src/values/index.ts';
import { Disk, FakeEngine } from './engine.ts';

/** Time that moves only when a test says so. */
export class HandClock {
  #now_ms = 0;
  #timers: { at_ms: number; run: () => void }[] = [];
  readonly clock = { now_ms: (): number => this.#now_ms, monotonic_ms: (): number => this.#now_ms };
  readonly timers = {
    after: (delay_ms: number, run: () => void): { cancel(): void } => {
      const timer = { at_ms: this.#now_ms + delay_ms, run };
      this.#timers.push(timer);
      const cancel = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      };
      return { cancel };
    },
    soon: (run: () => void): void => void setImmediate(run),
  };
  get waiting(): number {
    return this.#timers.length;
  }
  advance(ms: number): void {
    this.#now_ms += ms;
    const due = this.#timers.filter((timer) => timer.at_ms <= this.#now_ms);
    this.#timers = this.#timers.filter((timer) => timer.at_ms > this.#now_ms);
    for (const timer of due) timer.run();
  }
}

const form = {
  args: [{ name: 'value', type: t.any }],
  result: t.either(t.nil, t.bool, t.int(), t.string(), t.list(), t.map(), t.name),
};
const repeat = { doc: 'x', effect: 'change', recovery: 'repeat', forms: [form] } as const;

export const probeDeclaration = declareChannel({
  name: 'probe',
  doc: 'One method of every effect and recovery.',
  methods: {
    pure: { doc: 'x', effect: 'none', forms: [form] },
    look: { doc: 'x', effect: 'observe', forms: [form] },
    glance: { doc: 'x', effect: 'observe', unseen: true, forms: [form] },
    repeated: repeat,
    asked: { doc: 'x', effect: 'change', recovery: 'ask', forms: [form] },
    once: { doc: 'x', effect: 'change', recovery: 'none', forms: [form] },
    person: { doc: 'x', effect: 'change', recovery: 'none', patient: true, forms: [form] },
    hear: { doc: 'x', effect: 'observe', patient: true, lane: 'in', forms: [form] },
    say: { doc: 'x', effect: 'change', recovery: 'repeat', lane: 'out', forms: [form] },
    fetch: { doc: 'x', effect: 'change', recovery: 'repeat', lane: null, forms: [form] },
    tally: { doc: 'x', effect: 'change', recovery: 'ask', forms: [{ args: [], result: t.int() }] },
  },
});

/** What outlives processes: what was done, by effect, and every call in order. */
export class World {
  readonly log: string[] = [];
  /** Calls whose change has happened, in order. */
  readonly done: string[] = [];
  readonly applied = new Map<string, NativeAnswer>();
  readonly forgotten = new Set<string>();
  /** What a call does after it was logged; the test's hook. */
  behaviour: (call: NativeCall) => Promise<NativeAnswer> | NativeAnswer = (call) => ({ ok: call.args[0] ?? null });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function probeNative(world: World): Native {
  return {
    declaration: probeDeclaration,
    inline: (call) => {
      world.log.push(`inline ${call.method}`);
      return world.behaviour(call) as NativeAnswer;
    },
    call: async (call) => {
      world.log.push(`call ${call.method} ${shown(call.args[0])}`);
      const answer = await world.behaviour(call);
      world.done.push(`${call.method} ${shown(call.args[0])}`);
      if (call.effectId.length > 0) world.applied.set(hex(call.effectId), answer);
      return answer;
    },
    ask: async (call) => {
      world.log.push(`ask ${call.method} ${shown(call.args[0])}`);
      return world.applied.get(hex(call.effectId)) ?? 'not_applied';
    },
    forget: async (ids) => {
      for (const id of ids) world.forgotten.add(hex(id));
    },
  };
}

export const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? 'object' : String(value);

/** Not keyed, as nobody here guesses: the same for one task and place on every run. */
export const ids = {
  effectId: (task: number, place: number): Uint8Array =>
    new Uint8Array([1, place, task >> 24, task >> 16, task >> 8, task]),
};

let names = 1_000_000;
/** A reply name; its bytes are never needed here. */
export const freshName = (): Name => new Name(null, ++names, 7, null);

export class Site {
  readonly records: StderrRecord[] = [];
  readonly time = new HandClock();
  readonly dispatcher: Dispatcher;
  readonly engine: FakeEngine;

  constructor(
    readonly disk: Disk = new Disk(),
    readonly world: World = new World(),
    options: Partial<DispatcherOptions> = {},
    natives = [probeNative(world)],
  ) {
    this.dispatcher = new Dispatcher({
      platform: this.time,
      report: (_account, record) => void this.records.push(record),
      ...options,
    });
    for (const native of natives) this.dispatcher.registerNative(native);
    this.engine = new FakeEngine(disk, this.dispatcher);
    this.dispatcher.attach(this.engine, ids);
    this.dispatcher.openSources();
  }

  /** A channel behind which the probe stands. */
  install(handle: Value = null, id = '', state: Value | undefined = undefined): Promise<Name> {
    return this.engine.post({ kind: 'test', payload: null, account: 0 }, (turn) =>
      installNative(turn, { native: 'probe', handle, id, cap: 'probe' }, state),
    );
  }

  send(channel: Value, message: readonly Value[], account = 1): Promise<void> {
    return this.engine.post({ kind: 'send', payload: null, account }, (turn) => turn.produce(channel, message, false));
  }

  /** Sends a call and gives the reply once the account has settled. */
  async call(channel: Value, method: string, ...args: Value[]): Promise<Value | undefined> {
    const ret = freshName();
    await this.send(channel, [method, ...args, ret]);
    await this.dispatcher.settled(1);
    return this.engine.waiting(ret)[0]?.[0];
  }

  /** The process ends as by SIGKILL and another one opens the same disk. */
  restart(options: Partial<DispatcherOptions> = {}, natives = [probeNative(this.world)]): Site {
    this.engine.kill();
    return new Site(this.disk, this.world, options, natives);
  }
}

/** Lets everything that is ready happen. */
export async function rest(times = 20): Promise<void> {
  for (let count = 0; count < times; count++) await new Promise((resolve) => setImmediate(resolve));
}

export { Disk };
