/** So many calls at once at one host, and so many that wait for their turn; the next is refused. */
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

  /** Resolves true once there is room; `leave` follows. False: there are too many, or the wait was cut off. */
  enter(signal: AbortSignal | undefined): Promise<'entered' | 'busy' | 'cut'> {
    if (signal?.aborted === true) return Promise.resolve('cut');
    if (this.#running < this.#running_max) {
      this.#running++;
      return Promise.resolve('entered');
    }
    if (this.#waiting.size >= this.#waiting_max) return Promise.resolve('busy');
    return new Promise((resolve) => {
      const go = (): void => {
        signal?.removeEventListener('abort', cut);
        this.#waiting.delete(go);
        this.#running++;
        resolve('entered');
      };
      const cut = (): void => {
        this.#waiting.delete(go);
        resolve('cut');
      };
      signal?.addEventListener('abort', cut, { once: true });
      this.#waiting.add(go);
    });
  }

  leave(): void {
    this.#running--;
    const [next] = this.#waiting;
    next?.();
  }
}
