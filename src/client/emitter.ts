/** Typed events. Owns who listens. Must never let a listener that throws keep others from hearing, or hide what it threw. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    // A function of its own, so that one that listens twice is heard twice and stopped once at a time.
    const own = (event: Events[Name]): void => listener(event);
    listeners.add(own);
    this.#listeners.set(name, listeners);
    return () => void listeners.delete(own);
  }

  /** False: nobody listens. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = [...(this.#listeners.get(name) ?? [])] as ((event: Events[Name]) => void)[];
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        void Promise.reject(error as Error);
      }
    }
    return listeners.length > 0;
  }
}
