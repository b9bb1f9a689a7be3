/**
 * Time as this process has lived it: while the machine stands still, or gives its cores to others for a while, none goes
 * by. For tests that hold what happens in this process against a bound of time, and for what they test: a limit that is
 * over because nobody could look says nothing.
 */
import { type Cancellable, type Platform, realPlatform } from '../src/platform/index.ts';

const LOOK_MS = 10;
/** More than this between two looks is no time that was lived. */
const LIVED_MS_MAX = 5 * LOOK_MS;
/** Longer than any test: what it stands for is still to come. */
const NEVER_MS = 2 ** 31 - 1;

interface Due {
  readonly at_ms: number;
  readonly run: () => void;
  /** Among what is open in this process, as a timer of the platform would be. */
  readonly mark: NodeJS.Timeout;
}

let now_ms = 0;
let looked_ms = performance.now();
const due = new Set<Due>();

function look(): number {
  const at_ms = performance.now();
  now_ms += Math.min(at_ms - looked_ms, LIVED_MS_MAX);
  looked_ms = at_ms;
  return now_ms;
}

setInterval(() => {
  look();
  const over = [...due].filter(({ at_ms }) => at_ms <= now_ms).sort((left, right) => left.at_ms - right.at_ms);
  // One may cancel another.
  for (const each of over) if (due.has(each)) end(each).run();
}, LOOK_MS).unref();

function end(each: Due): Due {
  due.delete(each);
  clearTimeout(each.mark);
  return each;
}

/** Milliseconds of life since it was called. */
export function lived(): () => number {
  const from_ms = look();
  return () => look() - from_ms;
}

/** The real platform, but for durations: those are of time that was lived. */
export function livedPlatform(): Platform {
  const real = realPlatform();
  return {
    ...real,
    clock: { now_ms: () => real.clock.now_ms(), monotonic_ms: look },
    timers: {
      soon: real.timers.soon,
      after: (delay_ms, run): Cancellable => {
        const each = { at_ms: look() + delay_ms, run, mark: setTimeout(() => {}, NEVER_MS) };
        due.add(each);
        return { cancel: () => void end(each) };
      },
    },
  };
}
