/**
 * A whole space on the simulated platform, with timers granted: engine, dispatcher, language and the real resolver,
 * over a simulated disk that outlives its processes. Time is the platform's and moves only from timer to timer.
 */
import { TimerResolver } from '../../resolvers/timer/resolver.ts';
import { uris } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import { Deploys, Dispatcher } from '../../src/dispatch/index.ts';
import { HostChannels } from '../../src/embedding/host-channels.ts';
import type { Platform, SimulatedPlatform } from '../../src/platform/index.ts';
import { compileText, RHO_LABEL, RholangRunner } from '../../src/rholang/index.ts';
import { SpaceEngine, SpaceHost } from '../../src/space/index.ts';
import { openSimulatedStore, type SimulatedDisk } from '../../src/store/index.ts';
import { systemNative } from '../../resolvers/system.ts';

const HOLDER = 'main';

export class SimulatedSpace {
  readonly channels: HostChannels;
  readonly resolver: TimerResolver;
  readonly #deploys: Deploys;
  readonly #engine: SpaceEngine;
  readonly #disk: SimulatedDisk;
  readonly #power: PowerOf<'timer'>;
  readonly #life: { alive: boolean };

  private constructor(
    engine: SpaceEngine,
    platform: Platform,
    resolver: TimerResolver,
    disk: SimulatedDisk,
    power: PowerOf<'timer'>,
    life: { alive: boolean },
  ) {
    this.#engine = engine;
    this.#deploys = new Deploys(engine);
    this.channels = new HostChannels(engine, new SpaceHost(engine, platform));
    this.resolver = resolver;
    this.#disk = disk;
    this.#power = power;
    this.#life = life;
  }

  static async open(
    base: SimulatedPlatform,
    disk: SimulatedDisk,
    limits: Partial<PowerOf<'timer'>> = {},
  ): Promise<SimulatedSpace> {
    const life = { alive: true };
    // The timers of a process die with it.
    const guarded = (run: () => void) => (): void => {
      if (life.alive) run();
    };
    const platform: Platform = {
      clock: base.clock,
      hashing: base.hashing,
      randomness: base.randomness,
      timers: {
        after: (delay_ms, run) => base.timers.after(delay_ms, guarded(run)),
        soon: (run) => base.timers.soon(guarded(run)),
      },
    };
    const power: PowerOf<'timer'> = { kind: 'timer', name: 'timer', timers_max: 16, period_ms_min: 10, ...limits };
    const engine = await SpaceEngine.open({ platform, store: await openSimulatedStore(disk) });
    const dispatcher = new Dispatcher({ platform, report: () => {} });
    dispatcher.registerInline(RHO_LABEL, new RholangRunner());
    const resolver = new TimerResolver(platform);
    const silent = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };
    dispatcher.registerNative(systemNative({ console: silent, granted: () => false }));
    for (const native of resolver.natives) dispatcher.registerNative(native);
    resolver.grant(`${HOLDER}/timer`, power);
    dispatcher.attach(engine, engine.names);
    engine.start(dispatcher);
    dispatcher.openSources();
    return new SimulatedSpace(engine, platform, resolver, disk, power, life);
  }

  /** A program with its powerbox under `rho:powerbox`. */
  async run(text: string): Promise<void> {
    const bound = await this.#engine.post({ kind: 'grant', payload: HOLDER, account: 0 }, (turn) =>
      uris(turn, HOLDER, [this.#power]),
    );
    const { term } = compileText(text, { uris: bound, granted: [...bound.keys()] });
    await this.#deploys.start({ holder: HOLDER, name: 'program', label: RHO_LABEL, term });
  }

  /** All messages of a channel, taken, oldest first. */
  async all(channel: string): Promise<unknown[][]> {
    const taken: unknown[][] = [];
    for (;;) {
      const message = await this.channels.take(channel);
      if (message === undefined) return taken;
      taken.push([...message]);
    }
  }

  /** As SIGKILL. */
  kill(): void {
    this.#life.alive = false;
    this.#disk.kill();
    this.resolver.close();
  }
}
