/**
 * The variables in scope while a tree is walked depth first. Owns the numbering: bound variables count from the
 * innermost binder, free variables of a pattern by first occurrence. A *frame* is one level of patterns: variables
 * of the frames around it are seen from inside only by `=x`. Knows nothing of trees.
 */
import type { Value } from '../../values/index.ts';

export type Sort = 'name' | 'process';

/** What an identifier stands for. */
export interface Binding {
  readonly frame: number;
  /** Number of the variable in its frame, or -1 for a name that stands for a value. */
  readonly level: number;
  readonly sort: Sort;
  /** Where it was bound. */
  readonly from: number;
  /** What a URI was bound to. */
  readonly value: Value;
}

/** A variable that a pattern binds; without a name when the compiler made it. */
export interface FreeEntry {
  readonly name: string | null;
  readonly sort: Sort;
  readonly from: number;
}

/** The variables that one pattern binds, by level. */
export class Free {
  entries: FreeEntry[] = [];
  readonly #levels = new Map<string, number>();

  /** False below a negation or a disjunction: there a variable matches anything and is not seen outside. */
  readonly captures: boolean;
  constructor(captures: boolean) {
    this.captures = captures;
  }

  find(name: string): FreeEntry | undefined {
    const level = this.#levels.get(name);
    return level === undefined ? undefined : this.entries[level];
  }

  /** The level of the new variable. */
  add(name: string | null, sort: Sort, from: number): number {
    if (name !== null) this.#levels.set(name, this.entries.length);
    return this.entries.push({ name, sort, from }) - 1;
  }

  /** Puts the entries from `from` on in the order of `levels`; the pattern is complete. */
  reorder(levels: readonly number[], from: number): void {
    const kept = this.entries.slice(0, from);
    this.entries = [...kept, ...levels.map((level) => this.entries[level] as FreeEntry)];
  }
}

interface Frame {
  /** Variables bound in this frame where the walk stands. */
  size: number;
  /** Null outside patterns. */
  free: Free | null;
  /** Bundles around the place where the walk stands, in this frame. */
  bundles: number;
}

export class Scope {
  readonly #bindings = new Map<string, Binding[]>();
  readonly #frames: Frame[] = [{ size: 0, free: null, bundles: 0 }];
  /** Names bound so far, in order; null where a variable has no name. */
  readonly #log: (string | null)[] = [];

  get #frame(): Frame {
    return this.#frames[this.#frames.length - 1] as Frame;
  }

  /** What the pattern around this place binds; null outside patterns. */
  get free(): Free | null {
    return this.#frame.free;
  }

  get inBundle(): boolean {
    return this.#frame.bundles > 0;
  }

  enterBundle(): void {
    this.#frame.bundles++;
  }
  leaveBundle(): void {
    this.#frame.bundles--;
  }

  enterPattern(): void {
    this.#frames.push({ size: 0, free: new Free(true), bundles: 0 });
  }
  leavePattern(): Free {
    return (this.#frames.pop() as Frame).free as Free;
  }

  /** Variables of what follows are the pattern's own affair until `free` is put back. */
  hideFree(): Free | null {
    const { free } = this.#frame;
    if (free !== null) this.#frame.free = new Free(false);
    return free;
  }
  restoreFree(free: Free | null): void {
    this.#frame.free = free;
  }

  /** Where `release` goes back to. Binds and releases nest, within one frame. */
  mark(): number {
    return this.#log.length;
  }

  /** The level of a new variable of this frame; null names one that only the compiler refers to. */
  bind(name: string | null, sort: Sort, from: number): number {
    const level = this.#frame.size++;
    this.#log.push(name);
    if (name !== null) this.#push(name, { frame: this.#frames.length - 1, level, sort, from, value: null });
    return level;
  }

  /** A name that stands for a value: it takes no variable. */
  bindValue(name: string, value: Value, from: number): void {
    this.#log.push(name);
    this.#push(name, { frame: this.#frames.length - 1, level: -1, sort: 'name', from, value });
  }

  bindAll(free: Free): void {
    for (const entry of free.entries) this.bind(entry.name, entry.sort, entry.from);
  }

  release(mark: number): void {
    while (this.#log.length > mark) {
      const name = this.#log.pop() as string | null;
      const bound = name === null ? undefined : this.#bindings.get(name)?.pop();
      if (bound === undefined || bound.level >= 0) this.#frame.size--;
    }
  }

  /** What `name` stands for in the frame of this place. */
  find(name: string): Binding | undefined {
    const found = this.findAnywhere(name);
    return found !== undefined && found.frame === this.#frames.length - 1 ? found : undefined;
  }

  /** What `name` stands for in this frame or those around it. */
  findAnywhere(name: string): Binding | undefined {
    return this.#bindings.get(name)?.at(-1);
  }

  /** The de Bruijn index of variable `level` of this frame, here. */
  index(level: number): number {
    return this.#frame.size - 1 - level;
  }

  /** The same in the frame of `binding`, and how many patterns lie between. */
  reference(binding: Binding): { readonly index: number; readonly depth: number } {
    const frame = this.#frames[binding.frame] as Frame;
    return { index: frame.size - 1 - binding.level, depth: this.#frames.length - 1 - binding.frame };
  }

  #push(name: string, binding: Binding): void {
    const same = this.#bindings.get(name);
    if (same === undefined) this.#bindings.set(name, [binding]);
    else same.push(binding);
  }
}
