/**
 * Unforgeable names: drawn as objects, given their bytes only when somebody needs them, and one object for
 * each name that is known by its bytes. Owns the derivation written in spec/names.md. Must never let the
 * name key out, and never keep alive a name that nobody else holds.
 */
import { Name } from './value.ts';
import type { NameDeriver } from './value.ts';
import { DRAWN_BYTES } from './format.ts';
import { InternedNames } from './interned.ts';

export const NAMES_FORMAT_VERSION = 1;

/** What is hashed: key (32), domain (1), task (8), counter (8). With SHA-256's own padding it is one block. */
const INPUT_LENGTH = 49;
const DOMAIN_AT = 32;
const TASK_AT = 33;
const COUNTER_AT = 41;

const Domain = { Name: 1, Effect: 2 } as const;

export interface Sha256 {
  sha256(bytes: Uint8Array): Uint8Array;
}

/** Makes the names and effect ids of one space. */
export class NameMaker implements NameDeriver {
  readonly #hashing: Sha256;
  readonly #input = new Uint8Array(INPUT_LENGTH);
  readonly #view = new DataView(this.#input.buffer);
  readonly #onDerived: ((name: Name, bytes: Uint8Array) => void) | null;
  readonly #known = new InternedNames();

  /** `onDerived` hears of each drawn name as it gets its bytes, which it must take from its second argument. */
  constructor(
    nameKey: Uint8Array,
    hashing: Sha256,
    onDerived: ((name: Name, bytes: Uint8Array) => void) | null = null,
  ) {
    if (nameKey.length !== 32) throw new RangeError(`a name key has 32 bytes; this one has ${nameKey.length}`);
    this.#input.set(nameKey);
    this.#hashing = hashing;
    this.#onDerived = onDerived;
  }

  /** The name drawn `counter`th by the task `task`. Whoever draws counts: the same pair is the same name. */
  draw(task: number, counter: number): Name {
    return new Name(this, task, counter, null);
  }

  /**
   * The name of these 32 bytes, which it takes over: the same object as long as one lives. Of 8 bytes: the name that was
   * drawn so (task, 6 bytes, and counter, 2), as a journal has it.
   */
  read(bytes: Uint8Array): Name {
    if (bytes.length === DRAWN_BYTES) return this.#drawn(bytes);
    if (bytes.length !== 32) throw new RangeError(`a name has 32 bytes; these are ${bytes.length}`);
    const known = this.#known.get(bytes);
    if (known !== undefined) return known;
    const name = new Name(null, 0, 0, bytes);
    this.#known.add(name, bytes);
    return name;
  }

  #drawn(bytes: Uint8Array): Name {
    const view = new DataView(bytes.buffer, bytes.byteOffset, DRAWN_BYTES);
    const task = view.getUint16(0) * 0x100000000 + view.getUint32(2);
    return this.read(this.#hash(Domain.Name, task, view.getUint16(6)));
  }

  /** Called by a drawn name when its bytes are first asked for; nobody else has a reason to. */
  derive(name: Name): Uint8Array {
    const bytes = this.#hash(Domain.Name, name.task, name.counter);
    // if the same name was read before under another object, that one stays the known one
    this.#known.add(name, bytes);
    this.#onDerived?.(name, bytes);
    return bytes;
  }

  /** The id of the effect begun at `place` by the task `task`: 32 bytes that no name has. */
  effectId(task: number, place: number): Uint8Array {
    return this.#hash(Domain.Effect, task, place);
  }

  #hash(domain: number, task: number, counter: number): Uint8Array {
    this.#input[DOMAIN_AT] = domain;
    this.#uint64(TASK_AT, task);
    this.#uint64(COUNTER_AT, counter);
    return this.#hashing.sha256(this.#input);
  }

  #uint64(at: number, n: number): void {
    this.#view.setUint32(at, Math.floor(n / 0x100000000));
    this.#view.setUint32(at + 4, n >>> 0);
  }
}
