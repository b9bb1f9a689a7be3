/** A space on a simulated disk, whose rows come and go, and forks of it; for tests of what a fork sees. */
import { limits } from '../../../src/limits.ts';
import { simulatedPlatform } from '../../../src/platform/index.ts';
import { type Fork, type ForkOptions, SpaceEngine, type Task, type TaskRouter } from '../../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk } from '../../../src/store/index.ts';

export const CAUSE = { kind: 'test', payload: null, account: 0 };
export const BODY = { label: 'test', term: null, place: 0, environment: [] };
/** Cut at every commit, and nothing kept in memory that is not needed. */
const ROWS = { cache_bytes: 1, journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 };

export type Ran = (task: Task) => void;

function router(run: Ran): TaskRouter {
  return { handling: () => 'inline', run, deliver: () => {} };
}

export class Machine {
  readonly disk = new SimulatedDisk(simulatedPlatform(3));
  engine!: SpaceEngine;

  async open(options: object = ROWS, ran: Ran = () => {}): Promise<this> {
    const { platform } = this.disk;
    const store = await this.run(openSimulatedStore(this.disk));
    this.engine = await this.run(SpaceEngine.open({ platform, store, ...options }));
    const { engine } = this;
    engine.register('fork', (turn, { payload }) => engine.takeOver(turn, payload));
    engine.start(router(ran));
    return this;
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.disk.platform.run(work);
  }

  fork(options: ForkOptions = {}, ran: Ran = () => {}): Fork {
    const fork = this.engine.fork({ limit_ms: limits.fork_ms_max, ...options });
    fork.start(router(ran));
    return fork;
  }

  /** Null when it was applied, else the code of why not. */
  apply(fork: Fork): Promise<string | null> {
    return this.run(
      this.engine.applyFork(fork, 0).then(
        () => null,
        (error) => error.code as string,
      ),
    );
  }

  /** Rows are written, and what is not needed is dropped from memory. */
  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.run(this.engine.post(CAUSE, () => {}));
      await this.run(new Promise((resolve) => void this.disk.platform.timers.after(20, () => resolve(null))));
    }
  }
}
