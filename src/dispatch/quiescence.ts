/** Who waits until an account has nothing left to do. Asks the engine for the counts; keeps only the waiters. */
import { limits } from '../limits.ts';
import type { NumberMap, Timers } from '../platform/index.ts';
import type { Account, Engine } from '../space/index.ts';
import type { OutsideWork } from './job.ts';
import type { Parked } from './parked.ts';
import type { Settlement } from './types.ts';

interface Waiter {
  /** Whether parked tasks keep it waiting. */
  readonly strict: boolean;
  /** Whether sources that could still speak do. */
  readonly silent: boolean;
  readonly resolve: (settlement: Promise<Settlement>) => void;
}

export class Quiescence {
  readonly #engine: Engine;
  readonly #parked: Parked;
  readonly #sources: { count(account: Account): number };
  readonly #waiters = new Map<Account, Waiter[]>();
  #drained: (() => void) | null = null;

  constructor(engine: Engine, parked: Parked, sources: { count(account: Account): number }) {
    this.#engine = engine;
    this.#parked = parked;
    this.#sources = sources;
    engine.onIdle((account) => this.check(account));
  }

  async quiescent(account: Account): Promise<void> {
    await this.#wait(account, { strict: true, silent: false });
  }

  settled(account: Account, silent: boolean): Promise<Settlement> {
    return this.#wait(account, { strict: false, silent });
  }

  #wait(account: Account, wanted: Omit<Waiter, 'resolve'>): Promise<Settlement> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(account) ?? [];
      waiters.push({ ...wanted, resolve });
      this.#waiters.set(account, waiters);
      this.check(account);
    });
  }

  /** Something of this account has ended. */
  check(account: Account): void {
    this.#drained?.();
    const waiters = this.#waiters.get(account);
    if (waiters === undefined) return;
    const { ready, outside, parked } = this.#engine.pending(account);
    if (ready > 0 || outside > 0) return;
    const quiescent = parked === 0;
    const speaks = this.#sources.count(account) > 0;
    const waits = ({ strict, silent }: Waiter): boolean => (strict && !quiescent) || (silent && speaks);
    const left = waiters.filter(waits);
    if (left.length === 0) this.#waiters.delete(account);
    else this.#waiters.set(account, left);
    if (left.length === waiters.length) return;
    const settlement: Settlement = { quiescent, waiting: quiescent ? [] : this.#parked.report(account) };
    // Nobody is told of a rest that a crash could still take back.
    const durable = this.#engine.durable().then(() => settlement);
    for (const waiter of waiters) if (!waits(waiter)) waiter.resolve(durable);
  }

  /** Resolves when no change is left in `work`, or when the time for it is over. */
  drained(work: Pick<NumberMap<OutsideWork>, 'values'>, timers: Timers): Promise<void> {
    return new Promise((resolve) => {
      const timer = timers.after(limits.effects_drain_ms, () => {
        this.#drained = null;
        resolve();
      });
      this.#drained = () => {
        for (const one of work.values()) if (one.drained && one.stage !== 'queued') return;
        this.#drained = null;
        timer.cancel();
        resolve();
      };
      this.#drained();
    });
  }
}
