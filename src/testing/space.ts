/**
 * A space for tests: in memory, on a platform whose clock and chance come from one seed, so that a test is the same every
 * time and waits for nothing. What programs print is kept; all that comes from outside is recorded. Owns its parts.
 */
import type { Native } from '../../channels/index.ts';
import { type Console, Resolvers } from '../../resolvers/index.ts';
import { readGrants } from '../capability/index.ts';
import { Audit, Deploys, Dispatcher, type StderrRecord } from '../dispatch/index.ts';
import { channelReports, holdingValue, nativesInPlace, registerNodeCauses } from '../embedding/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type SimulatedPlatform, simulatedPlatform } from '../platform/index.ts';
import { compileText, print, RHO_LABEL, RholangRunner } from '../rholang/index.ts';
import { SpaceEngine } from '../space/index.ts';
import { openMemoryStore } from '../store/index.ts';
import { MemoryTrace, TraceRecorder } from '../trace/index.ts';
import type { Value } from '../values/index.ts';
import { NameNumbers } from './names.ts';

export interface TestSpaceOptions {
  /** Of its clock, its timers and its chance. Default: 1. */
  readonly seed?: number;
  /** Each stands under the URI `native:<name>`, and in the place of our own native of its name; see `fakeNative`. */
  readonly natives?: readonly Native[];
  /** Whose turn is next: the place of a task among all that are ready. Then nothing is recorded. */
  readonly choose?: (count: number) => number;
}

const HOLDER = 'tester';
const POWERS = [
  { kind: 'stdio' },
  { kind: 'timer', name: 'timer' },
  { kind: 'random', name: 'random' },
  { kind: 'crypto', name: 'crypto' },
];
/** By how much a timer may be late: it counts whole milliseconds, and what it lets go on has to get its turn. */
const TIMER_LATE_MS = 2;
/** Steps of simulation in which a program must come to rest. */
const STEPS_MAX = 1_000_000;

export class TestSpace {
  /** The virtual clock; `advance` moves it. */
  readonly platform: SimulatedPlatform;
  /** What programs have printed, line by line. */
  readonly output: string[] = [];
  /** Failures that no caller heard of. */
  readonly failures: StderrRecord[] = [];
  readonly #engine: SpaceEngine;
  readonly #dispatcher: Dispatcher;
  readonly #deploys: Deploys;
  readonly #resolvers: Resolvers;
  readonly #natives: readonly Native[];
  readonly #sink = new MemoryTrace();
  #recorder: TraceRecorder | null = null;
  #uris: ReadonlyMap<string, Value> | null = null;
  #closed = false;

  private constructor(
    platform: SimulatedPlatform,
    engine: SpaceEngine,
    natives: readonly Native[],
    sink: MemoryTrace,
    recorder: TraceRecorder | null,
  ) {
    this.platform = platform;
    this.#engine = engine;
    this.#natives = natives;
    this.#sink = sink;
    this.#recorder = recorder;
    const audit = new Audit(platform.hashing, platform.clock);
    this.#dispatcher = new Dispatcher({
      audit,
      platform,
      report: (_account, record) => void this.failures.push(record),
    });
    this.#dispatcher.registerInline(RHO_LABEL, new RholangRunner({ splits: recorder === null }));
    registerNodeCauses(engine, this.#dispatcher);
    audit.attach(engine);
    this.#deploys = new Deploys(engine);
    this.#resolvers = new Resolvers({ console: this.#console(), platform, show: (value) => print(value) });
    for (const native of nativesInPlace(this.#resolvers.natives, natives)) this.#dispatcher.registerNative(native);
    this.#dispatcher.attach(engine, engine.names);
    engine.start(this.#dispatcher);
    this.#dispatcher.openSources();
  }

  static async open({ seed = 1, natives = [], choose }: TestSpaceOptions = {}): Promise<TestSpace> {
    const platform = simulatedPlatform(seed);
    const store = openMemoryStore(platform);
    const sink = new MemoryTrace();
    const onFailure = (error: Error): void => {
      throw error;
    };
    const recorder =
      choose === undefined
        ? await TraceRecorder.begin(store, {
            sink,
            timers: platform.timers,
            hashing: platform.hashing,
            quotas: null,
            onFailure,
          })
        : null;
    const engine = await SpaceEngine.open({
      platform,
      store,
      ...(recorder === null ? {} : { recorder }),
      // A turn that ends at each parallel branch leaves the most to choose from.
      ...(choose === undefined ? {} : { choose, turn_steps_max: 0 }),
    });
    const space = new TestSpace(platform, engine, natives, sink, recorder);
    await space.#resolvers.grant(HOLDER, readGrants(POWERS));
    return space;
  }

  /** Starts a program; resolves with the number of its deploy. */
  async run(text: string, { name = 'program' }: { readonly name?: string } = {}): Promise<number> {
    this.#uris ??= await this.#bound();
    const { term } = compileText(text, { uris: this.#uris });
    const deploying = this.#deploys.start({ holder: HOLDER, name, label: RHO_LABEL, term });
    return (await this.platform.run(deploying)).account;
  }

  /** Runs until nothing moves by itself: no task is ready, no native is asked. Timers that are set stay set. */
  async rest(): Promise<void> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const accounts = [0, ...this.#deploys.list().map(({ account }) => account)];
      const moves = accounts.some((account) => {
        const { ready, outside } = this.#engine.pending(account);
        return ready + outside > 0;
      });
      if (!moves) return;
      if (!(await this.platform.step())) return;
    }
    throw new PowerboxError('too_much_work', `the space is not at rest after ${STEPS_MAX} steps of simulation`);
  }

  /** Lets time go by, with all that is due meanwhile. */
  async advance(duration_ms: number): Promise<void> {
    const until_ms = duration_ms + TIMER_LATE_MS;
    await this.platform.run(new Promise<void>((resolve) => void this.platform.timers.after(until_ms, resolve)));
    await this.rest();
  }

  /** What lies and waits, in Rholang syntax, in an order that hangs on nothing else; names as `#1`, `#2`. */
  async state(): Promise<readonly string[]> {
    const bounds = { channels_max: limits.report_channels_max, items_max: limits.report_items_max };
    const reports = channelReports(await this.platform.run(this.#engine.inspect(bounds)));
    const numbers = new NameNumbers();
    return reports
      .flatMap(({ data, waiting }) => [...data, ...waiting])
      .toSorted()
      .map((line) => numbers.rename(line));
  }

  /** Ends the space; resolves with the trace of all that was done. */
  async close(): Promise<Uint8Array> {
    if (!this.#closed) {
      this.#closed = true;
      await this.platform.run(this.#dispatcher.stop());
      await this.platform.run(this.#engine.close());
      await this.platform.run(this.#resolvers.close());
      this.#recorder?.end();
      this.#recorder = null;
    }
    return this.#sink.bytes();
  }

  async #bound(): Promise<ReadonlyMap<string, Value>> {
    const natives = this.#natives.map(({ declaration: { name } }) => ({
      kind: 'native' as const,
      uri: `native:${name}`,
      native: name,
      handle: null,
    }));
    const payload = holdingValue({ holder: HOLDER, granted: readGrants(POWERS), natives });
    return this.platform.run(this.#engine.enact<ReadonlyMap<string, Value>>({ kind: 'grant', payload, account: 0 }));
  }

  #console(): Console {
    const keep = async (bytes: Uint8Array): Promise<void> => {
      const lines = new TextDecoder().decode(bytes).split('\n');
      this.output.push(...lines.filter((line) => line !== ''));
    };
    return { stdout: keep, stderr: keep, readLine: async () => null };
  }
}
