/** Answers for the documents of the operator. Owns nothing: they were read and checked before the space opened. */
import { config } from '../channels/index.ts';
import type { PowerOf } from '../src/capability/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import { list } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';
import { Granted } from './granted.ts';
import type { Resolver } from './resolver.ts';

/** By name, each with its hash in hexadecimal. */
export type NamedDocuments = ReadonlyMap<string, { readonly value: Value; readonly hash: string }>;

export class ConfigResolver implements Resolver<'config'> {
  readonly kind = 'config';
  readonly natives: readonly Native[];
  readonly #documents: NamedDocuments;
  readonly #granted = new Granted<PowerOf<'config'>>();

  constructor(documents: NamedDocuments) {
    this.#documents = documents;
    this.natives = [
      {
        declaration: config,
        call: (call) => this.#granted.under(call.handle, (power) => this.#answer(power, call)),
      },
    ];
  }

  #answer({ documents }: PowerOf<'config'>, { method, args }: NativeCall): NativeAnswer {
    // What was taken out of the configuration is not there, though it was granted.
    const names = documents.filter((name) => this.#documents.has(name)).toSorted();
    if (method === 'list') return { ok: list(names) };
    const name = args[0] as string;
    const found = names.includes(name) ? this.#documents.get(name) : undefined;
    if (found !== undefined) return { ok: method === 'hash' ? found.hash : found.value };
    const held =
      names.length === 0 ? 'none may be read' : `${names.map((known) => JSON.stringify(known)).join(', ')} may be read`;
    return {
      error: { code: 'not_available', message: `no document ${JSON.stringify(name)} was granted here; ${held}` },
    };
  }

  grant(id: string, power: PowerOf<'config'>): void {
    this.#granted.set(id, power);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  close(): void {
    this.#granted.clear();
  }
}
