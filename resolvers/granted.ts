/** The grants of one kind that stand, by id, and the answer of a call whose grant stands no more. */
import { readPowerHandle } from '../src/capability/index.ts';
import type { NativeAnswer, NativeError } from '../src/natives/index.ts';
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
