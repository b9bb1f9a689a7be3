/** Who may be at the files now: one change alone, or any number of reads together, in the order of asking. */

export interface Queue {
  alone<T>(run: () => Promise<T>): Promise<T>;
  together<T>(run: () => Promise<T>): Promise<T>;
}

interface Waiting {
  readonly alone: boolean;
  readonly start: () => void;
}

export function makeQueue(): Queue {
  const waiting: Waiting[] = [];
  let running = 0;
  let aloneNow = false;

  function next(): void {
    for (;;) {
      const first = waiting[0];
      if (first === undefined || aloneNow || (first.alone && running > 0)) return;
      waiting.shift();
      running++;
      aloneNow = first.alone;
      first.start();
    }
  }

  async function enter<T>(alone: boolean, run: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      waiting.push({ alone, start });
      next();
    });
    try {
      return await run();
    } finally {
      running--;
      aloneNow = false;
      next();
    }
  }

  return { alone: (run) => enter(true, run), together: (run) => enter(false, run) };
}
