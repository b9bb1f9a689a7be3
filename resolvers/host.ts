/** Natives that hosts run, granted: whose channels they answer is said here, and who answers by their hosts. */
import type { PowerOf } from '../src/capability/index.ts';
import { PowerboxError } from '../src/errors.ts';
import type { Hosts, Native } from '../src/natives/index.ts';
import type { Resolver } from './resolver.ts';

export class HostResolver implements Resolver<'host'> {
  readonly kind = 'host';
  /** Made and registered as their hosts are known. */
  readonly natives: readonly Native[] = [];
  readonly #hosts: Hosts | null;

  constructor(hosts: Hosts | null) {
    this.#hosts = hosts;
  }

  grant(id: string, { native }: PowerOf<'host'>): void {
    if (this.#hosts?.has(native) !== true) {
      throw new PowerboxError('config_invalid', `no native ${JSON.stringify(native)} is configured`, {
        hint: 'Name its host in the section natives of the configuration.',
      });
    }
    this.#hosts.grant(id);
  }

  revoke(id: string): void {
    this.#hosts?.revoke(id);
  }

  async close(): Promise<void> {
    await this.#hosts?.close();
  }
}
