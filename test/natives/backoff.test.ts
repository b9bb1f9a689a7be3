/** When a host that ends is started again, and when no more: by a clock that is simulated, with nothing to wait for. */
import assert from 'node:assert/strict';
import { limits } from '../../src/limits.ts';
import { Host } from '../../src/natives/host.ts';
import type { HostLine, HostSettings, Launcher, Link, LinkEvents } from '../../src/natives/index.ts';
import { HostSession } from '../../src/natives/serve.ts';
import { simulatedPlatform, type SimulatedPlatform } from '../../src/platform/index.ts';
import { hostile } from './support/hostile.ts';

const STARTS = 14;

/** How long each of its lives is, in milliseconds; null: it does not start. After the last one it stays. */
class Ending implements Launcher {
  readonly form = 'command';
  /** When each start was asked for, and when the one before it had ended. */
  readonly starts_ms: number[] = [];
  readonly ends_ms: number[] = [];
  readonly #platform: SimulatedPlatform;
  readonly #lives_ms: readonly (number | null)[];

  constructor(platform: SimulatedPlatform, lives_ms: readonly (number | null)[]) {
    this.#platform = platform;
    this.#lives_ms = lives_ms;
  }

  get #now_ms(): number {
    return this.#platform.clock.monotonic_ms();
  }

  async launch(events: LinkEvents): Promise<Link> {
    const life_ms = this.#lives_ms[this.starts_ms.length];
    this.starts_ms.push(this.#now_ms);
    if (life_ms === null) {
      this.ends_ms.push(this.#now_ms);
      throw new Error('it has exited with code 9');
    }
    const end = (): void => {
      this.ends_ms.push(this.#now_ms);
      events.ended('it has exited with code 3');
    };
    // The other side is the one that every host has.
    const arrived = (bytes: Uint8Array): void =>
      this.#platform.timers.soon(() => events.arrived({ kind: 'frame', bytes }));
    const session = new HostSession(
      { natives: [hostile(() => {})] },
      { send: arrived, dropped: () => 0, memory_bytes: () => 0, onStop: () => {}, onRefused: () => {} },
    );
    if (life_ms !== undefined) this.#platform.timers.after(life_ms, end);
    return {
      where: 'nowhere',
      dropped: 0,
      send: (bytes) => this.#platform.timers.soon(() => session.arrived({ kind: 'frame', bytes })),
      destroy: () => {},
    };
  }

  async close(): Promise<void> {}

  /** From the end of each life to the start of the next. */
  get delays_ms(): readonly number[] {
    return this.starts_ms.slice(1).map((start_ms, index) => start_ms - (this.ends_ms[index] as number));
  }
}

function hostOf(platform: SimulatedPlatform, launcher: Launcher, restarts_max: number | null) {
  const lines: HostLine[] = [];
  const settings: HostSettings = {
    name: 'example',
    launcher,
    client: new Uint8Array(32),
    required: false,
    onExit: 'restart',
    restarts_max,
    mayShutDown: false,
    calls_max: 1,
    queue_max: 0,
    call_ms_max: null,
    message_bytes_max: limits.host_message_bytes_max,
    start_ms_max: limits.host_start_ms_default,
    silent_ms_max: null,
    pinned: null,
    remembered: null,
  };
  const engine = {
    fact: () => undefined,
    facts: () => [],
    enact: () => Promise.resolve(),
  } as unknown as ConstructorParameters<typeof Host>[1]['engine'];
  const host = new Host(settings, { platform, engine, log: (line) => lines.push(line), onShutdown: () => {} });
  return { host, lines };
}

async function until(platform: SimulatedPlatform, what: () => boolean): Promise<void> {
  for (let steps = 0; !what(); steps++) assert.ok(steps < 10_000 && (await platform.step()), 'it never comes to that');
}

/** Of the whole delay after so many ends in a row at most half is left out, by chance. */
function assertDelays(delays_ms: readonly number[], ends: readonly number[]): void {
  for (const [index, delay_ms] of delays_ms.entries()) {
    const whole_ms = Math.min(
      limits.host_restart_ms_min * 2 ** ((ends[index] as number) - 1),
      limits.host_restart_ms_max,
    );
    assert.ok(
      delay_ms >= whole_ms / 2 - 1 && delay_ms <= whole_ms + 1,
      `${index}: ${delay_ms} ms, expected ${whole_ms / 2} to ${whole_ms}`,
    );
  }
}

describe('a host that ends', () => {
  it('is started again after a delay that doubles with each end in a row, up to the greatest', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const platform = simulatedPlatform(seed);
      const launcher = new Ending(platform, new Array<null>(STARTS).fill(null));
      const { host } = hostOf(platform, launcher, null);
      await host.start();
      await until(platform, () => launcher.starts_ms.length === STARTS);
      assertDelays(
        launcher.delays_ms,
        Array.from({ length: STARTS - 1 }, (_, index) => index + 1),
      );
      assert.equal(host.report().restarts, STARTS - 1);
      await host.close(0);
    }
  });

  it('does not come back at one moment with the others', async () => {
    const delays = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const platform = simulatedPlatform(seed);
      const launcher = new Ending(platform, [null, null]);
      const { host } = hostOf(platform, launcher, null);
      await host.start();
      await until(platform, () => launcher.starts_ms.length === 2);
      delays.add(launcher.delays_ms[0] as number);
      await host.close(0);
    }
    assert.ok(delays.size > 1, 'each seed has the same delay');
  });

  it('is given up after as many starts as are allowed, and then nothing runs any more', async () => {
    for (const restarts_max of [0, 1, limits.host_restarts_default]) {
      const platform = simulatedPlatform(7);
      const launcher = new Ending(platform, new Array<null>(STARTS).fill(null));
      const { host, lines } = hostOf(platform, launcher, restarts_max);
      await host.start();
      await until(platform, () => host.state === 'failed');
      assert.equal(launcher.starts_ms.length, 1 + restarts_max);
      assert.equal(await platform.step(), false, 'a timer is left');
      assert.match(host.report().reason, new RegExp(`given up after ${restarts_max} starts: .*exited with code 9`));
      assert.match(lines.at(-1)?.text ?? '', /given up/);
      assert.equal(await host.whenUp(() => () => {}), false);
    }
  });

  it('after it was there for long begins with the shortest delay again, and its ends are counted anew', async () => {
    const platform = simulatedPlatform(3);
    const [short_ms, long_ms] = [limits.host_stable_ms / 10, limits.host_stable_ms + 1_000];
    const launcher = new Ending(platform, [short_ms, short_ms, short_ms, long_ms, short_ms, short_ms, null]);
    const { host } = hostOf(platform, launcher, 4);
    const starting = host.start();
    await until(platform, () => launcher.starts_ms.length === 8 && host.state === 'up');
    await starting;
    assertDelays(launcher.delays_ms, [1, 2, 3, 1, 2, 3, 4]);
    assert.equal(host.report().restarts, 7);
    await host.close(0);
  });

  it('is not started again once its node closes', async () => {
    const platform = simulatedPlatform(5);
    const launcher = new Ending(platform, [null, null]);
    const { host } = hostOf(platform, launcher, null);
    await host.start();
    assert.equal(host.state, 'waiting');
    await host.close(0);
    while (await platform.step());
    assert.equal(launcher.starts_ms.length, 1);
  });
});
