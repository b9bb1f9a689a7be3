/**
 * The documents of a configuration as values, with their hashes. Owns the facts `document/<name>`: the hash with which
 * a document was last there, so that the journal says which one contracts were given, and from when on.
 */
import type { Configuration } from '../capability/index.ts';
import { DOCUMENT_PREFIX as PREFIX } from './causes.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Hashing } from '../platform/index.ts';
import type { SpaceEngine } from '../space/index.ts';
import { encodeValue, type HostValue, List, toValue, type Value } from '../values/index.ts';

export interface Document {
  readonly value: Value;
  /** SHA-256 of its canonical bytes, in hexadecimal: of what it says, not of how it is written. */
  readonly hash: string;
}

export class Documents {
  readonly values: ReadonlyMap<string, Document>;

  constructor(configuration: Configuration | null, hashing: Hashing) {
    this.values = new Map(
      [...(configuration?.documents ?? [])].map(([name, { value: source }]) => {
        const value = toValue(source as HostValue);
        const bytes = encodeValue(value);
        if (bytes.length > limits.document_bytes_max) {
          const message = `the document ${name} has ${bytes.length} bytes, and at most ${limits.document_bytes_max} are allowed`;
          throw new PowerboxError('config_invalid', message);
        }
        return [name, { value, hash: Buffer.from(hashing.sha256(bytes)).toString('hex') }];
      }),
    );
  }

  /** Documents are new, others than they were, or gone: one cause for each opening that finds it so. */
  async settle(engine: SpaceEngine): Promise<void> {
    const known = new Map([...engine.facts(PREFIX)].map(([key, hash]) => [key.slice(PREFIX.length), String(hash)]));
    const gone = [...known.keys()].filter((name) => !this.values.has(name));
    const changed = [...this.values].filter(([name, { hash }]) => known.get(name) !== hash);
    if (gone.length + changed.length === 0) return;
    const payload = new List([
      ...changed.map(([name, { hash }]) => new List([name, hash])),
      ...gone.map((name) => new List([name])),
    ]);
    await engine.enact({ kind: 'documents', payload, account: 0 });
  }
}
