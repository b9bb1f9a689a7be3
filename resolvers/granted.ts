/** The grants of one kind that stand, by id, the sources that came from them, and what is answered when one is gone. */
import { readPowerHandle } from '../src/capability/index.ts';
import type { NativeAnswer, NativeError, Source } from '../src/natives/index.ts';
import type { Value } from '../src/values/index.ts';

export class Granted<P> {
  readonly #powers = new Map<string, P>();

  set(id: string, power: P): void {
    this.#powers.set(id, power);
  }

  get(id: string): P | undefined {
    return this.#powers.get(id);
  }

  delete(id: string): void {
    this.#powers.delete(id);
  }

  clear(): void {
    this.#powers.clear();
  }

  /** Runs a call under the grant of its handle, if that stands. */
  async under(
    handle: Value,
    run: (power: P, id: string, rest: readonly Value[]) => NativeAnswer | Promise<NativeAnswer>,
  ): Promise<NativeAnswer> {
    const { grant, rest } = readPowerHandle(handle);
    const power = this.#powers.get(grant);
    return power === undefined ? { error: grantGone(grant) } : run(power, grant, rest);
  }
}

export function grantGone(id: string): NativeError {
  return {
    code: 'not_available',
    message: `the grant ${JSON.stringify(id)} that this channel came from is not there any more`,
  };
}

/** Sources that are open, by the grant they came from: what is counted against it, and ends with it. */
export class OpenSources {
  readonly #open = new Map<string, Set<Source>>();

  count(grant: string): number {
    return this.#open.get(grant)?.size ?? 0;
  }

  /** Until `work` has ended. It must end with the source's signal, and not reject. */
  async during(grant: string, source: Source, work: (source: Source) => Promise<void>): Promise<void> {
    const sources = this.#open.get(grant) ?? new Set();
    this.#open.set(grant, sources.add(source));
    try {
      await work(source);
    } finally {
      sources.delete(source);
      if (sources.size === 0) this.#open.delete(grant);
    }
  }

  /** Ends those of a grant that is taken back; who reads them is told. */
  revoke(grant: string): void {
    for (const source of [...(this.#open.get(grant) ?? [])]) void source.fail(grantGone(grant));
  }
}
