/**
 * The table of connections, kept for whoever may reach the same origin at the same address with the same trust. Owns them,
 * and closes those that were not used for longest when there are too many.
 */
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Connections } from './connections.ts';
import type { Target } from './connections.ts';

export class Pools {
  /** By origin, address and settings. */
  readonly #pools = new Map<string, Connections>();
  #asked = 0;

  /** Refused with `rate_limited` when there are too many in use. */
  to(target: Target): Connections {
    const { url, address, trust, connect_ms_max } = target;
    const key = `${url.origin} ${address.text} ${connect_ms_max} ${trust.key}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= limits.http_pools_max) this.#makeRoom();
      pool = new Connections(target);
      this.#pools.set(key, pool);
    }
    pool.used = ++this.#asked;
    return pool;
  }

  /** Whether it can be used again, as it is now. */
  isOpen(pool: Connections): boolean {
    pool.used = ++this.#asked;
    return !pool.isClosed;
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    const gone = new PowerboxError('space_closed', 'the space closes');
    await Promise.all(pools.map((pool) => pool.close(gone)));
  }

  /** The one longest unused goes. */
  #makeRoom(): void {
    let oldest: readonly [key: string, pool: Connections] | null = null;
    for (const entry of this.#pools) {
      if ((oldest === null || entry[1].used < oldest[1].used) && !entry[1].isUsed) oldest = entry;
    }
    if (oldest === null)
      throw new PowerboxError('rate_limited', `${limits.http_pools_max} origins are in use at once already`);
    const [key, pool] = oldest;
    this.#pools.delete(key);
    // Nothing is under way that could hear of it.
    void pool.close(new PowerboxError('cancelled', 'these connections are needed elsewhere'));
  }
}
