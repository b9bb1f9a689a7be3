/** So many calls at once at one host, and so many that wait for their turn; the next is refused. */
/** Calls `run` once when nobody waits any more; what it returns is called by whoever wants to hear no more. */
export type Leaving = (run: () => void) => () => void;

export class Gate {
  readonly #running_max: number;
  readonly #waiting_max: number;
  #running = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  constructor(running_max: number, waiting_max: number) {
    this.#running_max = running_max;
    this.#waiting_max = waiting_max;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves once there is room, and `leave` follows; or there is none, or nobody waits any more. */
  enter(leaving: Leaving): Promise<'entered' | 'busy' | 'cut'> {
    if (this.#running < this.#running_max) {
      this.#running++;
      return Promise.resolve('entered');
    }
    if (this.#waiting.size >= this.#waiting_max) return Promise.resolve('busy');
    return new Promise((resolve) => {
      let stop = (): void => {};
      const go = (): void => {
        stop();
        this.#waiting.delete(go);
        this.#running++;
        resolve('entered');
      };
      const cut = (): void => {
        this.#waiting.delete(go);
        resolve('cut');
      };
      this.#waiting.add(go);
      stop = leaving(cut);
    });
  }

  leave(): void {
    this.#running--;
    const [next] = this.#waiting;
    next?.();
  }
}
