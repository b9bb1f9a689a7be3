/** Answers for the loader of native packages, which this version does not have: it says so. */
import { load } from '../channels/index.ts';
import type { Native } from '../src/natives/index.ts';
import { Granted } from './granted.ts';
import type { Resolver } from './resolver.ts';

export class LoadResolver implements Resolver<'load'> {
  readonly kind = 'load';
  readonly natives: readonly Native[];
  readonly #granted = new Granted<true>();

  constructor() {
    this.natives = [
      {
        declaration: load,
        call: ({ handle, args }) =>
          this.#granted.under(handle, () => ({
            error: {
              code: 'not_available',
              message: `the class ${JSON.stringify(args[1])} cannot be loaded: this version of powerbox loads no packages of native code`,
            },
          })),
      },
    ];
  }

  grant(id: string): void {
    this.#granted.set(id, true);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  close(): void {
    this.#granted.clear();
  }
}
