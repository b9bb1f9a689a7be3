/**
 * Which deliveries of a session were handled: by their numbers, which only grow. Owns the account of it, from which
 * acknowledgements are made. Must never count one as handled before all that came before it was.
 */
export class Handling {
  #seen: number;
  #acknowledged: number;
  /** Came and not yet handled, in the order in which they came. */
  readonly #open = new Set<number>();

  /** With what an earlier run of the program had handled. */
  constructor(handled = 0) {
    this.#seen = handled;
    this.#acknowledged = handled;
  }

  /** The highest number that came. */
  get seen(): number {
    return this.#seen;
  }

  /** Everything up to this number was handled. */
  get handled(): number {
    for (const first of this.#open) return first - 1;
    return this.#seen;
  }

  /** How many were handled that the service does not know of. */
  get waiting(): number {
    return this.handled - this.#acknowledged;
  }

  /** False: it came before, and this is the same one again. Number 0 stands for what is not kept. */
  came(number: number): boolean {
    if (number === 0) return true;
    if (number <= this.#seen) return false;
    this.#seen = number;
    this.#open.add(number);
    return true;
  }

  done(number: number): void {
    this.#open.delete(number);
  }

  /** The number to acknowledge, when there is more than was acknowledged before; it counts as said from now on. */
  acknowledge(): number | null {
    if (this.waiting <= 0) return null;
    this.#acknowledged = this.handled;
    return this.#acknowledged;
  }
}
