/**
 * How long this process has run, as far as it has run: while the machine stands still, or gives its cores to others for a
 * while, no time goes by. For tests that hold what happens in this process against a bound of time.
 */

const LOOK_MS = 10;
/** More than this between two looks is no time that was lived. */
const LIVED_MS_MAX = 5 * LOOK_MS;

export interface Lived {
  /** Milliseconds since the beginning. */
  ms(): number;
  end(): void;
}

export function lived(): Lived {
  let sum_ms = 0;
  let last_ms = performance.now();
  const look = (): void => {
    const now_ms = performance.now();
    sum_ms += Math.min(now_ms - last_ms, LIVED_MS_MAX);
    last_ms = now_ms;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    ms: () => {
      look();
      return sum_ms;
    },
    end: () => clearInterval(timer),
  };
}
