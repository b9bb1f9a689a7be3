/**
 * The names that have bytes, found by them, one object each, for as long as somebody else holds that object.
 * Owns a hash table of weak references. Must never keep a name alive. Gone names leave when the table is next
 * rebuilt, so it needs no finaliser and stays within a small factor of the most names that lived at once.
 */
import type { Name } from './value.ts';

const SLOTS_MIN = 64;

export class InternedNames {
  #slots: (WeakRef<Name> | undefined)[] = new Array<undefined>(SLOTS_MIN).fill(undefined);
  /** Prefix of the name in the slot of the same number: most misses end here. */
  #prefixes = new Uint32Array(SLOTS_MIN);
  #used = 0;

  /** How many names are held, gone ones included. */
  get size(): number {
    return this.#used;
  }

  get(bytes: Uint8Array): Name | undefined {
    const prefix = prefixOf(bytes);
    const mask = this.#slots.length - 1;
    for (let at = prefix & mask; ; at = (at + 1) & mask) {
      const slot = this.#slots[at];
      if (slot === undefined) return undefined;
      if (this.#prefixes[at] !== prefix) continue;
      const name = slot.deref();
      if (name !== undefined && sameBytes(name.bytes, bytes)) return name;
    }
  }

  /**
   * Files `name` under `bytes` unless another living object has them. A name that is getting its bytes at this
   * moment must not be asked for them, so they come apart.
   */
  add(name: Name, bytes: Uint8Array): void {
    if (this.#used * 2 >= this.#slots.length) this.#rebuild();
    const prefix = prefixOf(bytes);
    const mask = this.#slots.length - 1;
    let at = prefix & mask;
    for (let slot = this.#slots[at]; slot !== undefined; slot = this.#slots[at]) {
      if (this.#prefixes[at] === prefix) {
        const known = slot.deref();
        if (known !== undefined && sameBytes(known.bytes, bytes)) return;
      }
      at = (at + 1) & mask;
    }
    this.#slots[at] = new WeakRef(name);
    this.#prefixes[at] = prefix;
    this.#used++;
  }

  /** Leaves the gone ones out and makes the table four times as large as what is left. */
  #rebuild(): void {
    const living: number[] = [];
    for (let at = 0; at < this.#slots.length; at++) {
      if (this.#slots[at]?.deref() !== undefined) living.push(at);
    }
    let size = SLOTS_MIN;
    while (size < living.length * 4) size *= 2;
    const slots = new Array<WeakRef<Name> | undefined>(size).fill(undefined);
    const prefixes = new Uint32Array(size);
    for (const from of living) {
      const prefix = this.#prefixes[from] as number;
      let at = prefix & (size - 1);
      while (slots[at] !== undefined) at = (at + 1) & (size - 1);
      slots[at] = this.#slots[from];
      prefixes[at] = prefix;
    }
    this.#slots = slots;
    this.#prefixes = prefixes;
    this.#used = living.length;
  }
}

/** A name's bytes are a hash, so any four of them spread well. */
function prefixOf(bytes: Uint8Array): number {
  return (
    (((bytes[0] as number) << 24) |
      ((bytes[1] as number) << 16) |
      ((bytes[2] as number) << 8) |
      (bytes[3] as number)) >>>
    0
  );
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  for (let index = 0; index < 32; index++) if (left[index] !== right[index]) return false;
  return true;
}
