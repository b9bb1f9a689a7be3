/** Many requests may hang on one signal; platforms warn of one that has many listeners. So each has one of ours. */
const runs = new WeakMap<AbortSignal, Set<() => void>>();

/** Runs it when the signal is aborted, unless what it answers is called before. Of an aborted one it hears nothing. */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  let waiting = runs.get(signal);
  if (waiting === undefined) {
    const set = new Set<() => void>();
    waiting = set;
    runs.set(signal, set);
    signal.addEventListener(
      'abort',
      () => {
        for (const each of [...set]) each();
        set.clear();
      },
      { once: true },
    );
  }
  // A function of its own: the same one may be given twice.
  const own = (): void => run();
  waiting.add(own);
  return () => void waiting.delete(own);
}
