/**
 * A program that uses the client of the package in every way at once, at random, and tells the ledger what it saw. Owns its
 * box, its loops and everything that it was given; gives all of it back.
 */
import assert from 'node:assert/strict';
import {
  type Box,
  type Handle,
  isPowerboxError,
  type Messages,
  part,
  type ReceivedMessage,
  type Remote,
  withOptions,
} from '../../src/client/index.ts';
import { shuffled } from './server.ts';
import type { Ledger } from './ledger.ts';

interface Cell {
  add(n: number, mark: string): Cell;
  total(): number;
  both(): readonly [Cell, number];
}

interface Cells {
  start(n: number, mark: string): Cell;
}

/** Objects that remember a sum, and tell the space of each change by its mark. */
export const CELLS = `
new cell in {
  contract cell(self, @n) = {
    new state in {
      state!(n) |
      contract self(@"add", @more, @mark, ret) = {
        for (@sum <- state) { state!(sum + more) | @"marks"!(mark) | ret!(bundle+{*self}) }
      } |
      contract self(@"total", ret) = { for (@sum <- state) { state!(sum) | ret!(sum) } } |
      contract self(@"both", ret) = { for (@sum <- state) { state!(sum) | ret!([bundle+{*self}, sum]) } }
    }
  } |
  contract @"cells"(@"start", @n, @mark, ret) = {
    new self in { cell!(*self, n) | @"marks"!(mark) | ret!(bundle+{*self}) }
  }
}`;

export const KINDS = [
  ...(['send', 'send', 'sendAborted', 'take', 'take', 'wait', 'waitAborted', 'consumeAborted'] as const),
  ...(['chain', 'chain', 'chainAborted', 'chainDropped', 'deploy', 'query', 'timer', 'gift', 'gift'] as const),
  ...(['post', 'post', 'post', 'watch', 'names'] as const),
];
type Kind = (typeof KINDS)[number];

/** A program asks for no more while so many of its wishes are open. */
const OPEN_MAX = 8;
const WATCHED = 6;

export interface ActorOptions {
  readonly index: number;
  readonly actors: number;
  readonly box: Box;
  readonly ledger: Ledger;
  readonly random: () => number;
  /** How many things it does. */
  readonly steps: number;
  /** Readers that are killed, by their boxes. */
  readonly mortals: readonly string[];
}

export const boxOf = (index: number): string => `box of ${index}`;
const giftsOf = (index: number): string => `gifts of ${index}`;

export class Actor {
  readonly #options: ActorOptions;
  readonly #open = new Set<Promise<void>>();
  readonly #leave = new AbortController();
  readonly #loops: Promise<void>[] = [];
  /** Of those it leaves its loop now and then; the others read in order. */
  readonly isFickle: boolean;
  left: number;

  constructor(options: ActorOptions) {
    this.#options = options;
    this.isFickle = options.index % 2 === 1;
    this.left = options.steps;
  }

  get box(): Box {
    return this.#options.box;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Does all its steps, and waits for what became of them. */
  async live(): Promise<void> {
    const { random, steps } = this.#options;
    this.#loops.push(
      this.#guard('a loop', () => this.#readAll()),
      this.#guard('gifts', () => this.#takeGifts()),
    );
    const kinds = shuffled(
      Array.from({ length: steps }, (_, index) => KINDS[index % KINDS.length] as Kind),
      random,
    );
    for (const kind of kinds) {
      while (this.#open.size >= OPEN_MAX) await Promise.race(this.#open);
      const step = this.#guard(kind, () => this.#step(kind)).finally(() => this.#open.delete(step));
      this.#open.add(step);
      this.left--;
      if (random() < 0.5) await pause(random() * 30);
    }
    await Promise.all(this.#open);
  }

  /** Leaves its loops; nobody asks anything of it any more. */
  async leave(): Promise<void> {
    this.#leave.abort();
    await Promise.all(this.#loops);
  }

  async #guard(what: string, run: () => Promise<void>): Promise<void> {
    const { ledger, index } = this.#options;
    try {
      await run();
      ledger.count(what);
    } catch (error) {
      ledger.broken(`${what} of ${index}`, error);
    }
  }

  async #step(kind: Kind): Promise<void> {
    const { box, ledger, random, index, actors, mortals } = this.#options;
    const invoked = performance.now();
    switch (kind) {
      case 'send': {
        const value = ledger.value();
        await box.produce('bag', [value]);
        ledger.sent(value, invoked, 'once');
        return;
      }
      case 'sendAborted': {
        const value = ledger.value();
        const done = await this.#aborted((signal) => box.produce('bag', [value], { signal }).then(() => true));
        ledger.sent(value, invoked, done === true ? 'once' : 'perhaps');
        return;
      }
      case 'take':
        ledger.taken((await box.take('bag'))?.[0] ?? null, invoked);
        return;
      case 'wait':
        ledger.taken((await box.take('bag', { limit_ms: Math.floor(random() * 100) }))?.[0] ?? null, invoked);
        return;
      case 'waitAborted': {
        // It may have had its message already, and then it brings it: taken back means that none was taken.
        const found = await this.#aborted((signal) => box.take('bag', { limit_ms: 60_000, signal }));
        if (found !== CANCELLED) ledger.taken(found?.[0] ?? null, invoked);
        return;
      }
      case 'consumeAborted': {
        const found = await this.#aborted((signal) => box.consume([{ channel: 'bag' }], { signal }));
        if (found !== CANCELLED) ledger.taken(found[0]?.[0] ?? null, invoked);
        return;
      }
      case 'chain':
        return this.#chain(box.object<Cells>('cells'));
      case 'chainAborted': {
        const marks = [ledger.mark(), ledger.mark()] as const;
        const total = await this.#aborted((signal) => {
          const cells = withOptions(box.object<Cells>('cells'), { signal });
          const cell = cells.start(1, marks[0]);
          const added = cell.add(2, marks[1]);
          return Promise.resolve(added.total()).finally(() => {
            for (const answer of [cell, added]) answer.dispose();
          });
        });
        for (const mark of marks) ledger.happens(mark, total === CANCELLED ? 'perhaps' : 'once');
        if (total !== CANCELLED) assert.equal(total, 3);
        return;
      }
      case 'chainDropped': {
        // Nobody asks for its answer; it is made all the same.
        const [first, second] = [ledger.mark(), ledger.mark()];
        const cell = box.object<Cells>('cells').start(0, first);
        const added = cell.add(1, second);
        for (const mark of [first, second]) ledger.happens(mark, 'once');
        await using _cell = cell;
        await using _added = added;
        return;
      }
      case 'deploy': {
        const mark = ledger.mark();
        const atomic = random() < 0.3;
        try {
          await box.deploy(`@"marks"!(${JSON.stringify(mark)})`, { name: mark, atomic });
        } catch (error) {
          // Somebody was there meanwhile: then nothing of it has happened, and a mark of it would be nobody's.
          if (atomic && isPowerboxError(error) && error.code === 'fork_conflict') return;
          throw error;
        }
        ledger.happens(mark, 'once');
        return;
      }
      case 'query': {
        const { answers } = await box.query(`new answer(\`rho:answer\`) in { answer!(${index} * 2) }`);
        assert.deepEqual(answers, [[index * 2]]);
        return;
      }
      case 'timer': {
        const timer = box.timer();
        assert.equal(await timer.after(Math.floor(random() * 50), `for ${index}`), `for ${index}`);
        await timer[Symbol.asyncDispose]();
        return;
      }
      case 'gift':
        return this.#gift(giftsOf(Math.floor(random() * actors)));
      case 'post': {
        const to = random() < 0.4 && mortals.length > 0 ? pick(mortals, random) : boxOf(Math.floor(random() * actors));
        await box.produce(to, [index, ledger.post(to, index)]);
        return;
      }
      case 'watch':
        return this.#watch();
      case 'names': {
        const names = box.newNames(3);
        const again = await part(names, 1);
        for (const name of [...(await names), again]) await name[Symbol.asyncDispose]();
        return;
      }
      default:
        kind satisfies never;
    }
  }

  /** What came of it; or it was taken back, after a moment by chance. Any other end of it breaks a promise. */
  async #aborted<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T | typeof CANCELLED> {
    const { random } = this.#options;
    const control = new AbortController();
    const answer = ask(control.signal);
    answer.catch(() => {});
    if (random() < 0.8) await pause(random() * 60);
    control.abort();
    try {
      return await answer;
    } catch (error) {
      if (isPowerboxError(error) && error.code === 'cancelled') return CANCELLED;
      throw error;
    }
  }

  /** A chain of calls, of which each is made once, in its order, and whose parts may be arguments and be given back. */
  async #chain(cells: Remote<Cells>): Promise<void> {
    const { ledger, random } = this.#options;
    const marks = [ledger.mark(), ledger.mark(), ledger.mark()] as const;
    for (const mark of marks) ledger.happens(mark, 'once');
    const [a, b] = [Math.floor(random() * 100), Math.floor(random() * 100)];
    const cell = cells.start(a, marks[0]);
    const added = cell.add(b, marks[1]);
    const both = added.both();
    const again = part(both, 0).add(part(both, 1), marks[2]);
    const total = again.total();
    // What was asked before is done before it is given back.
    if (random() < 0.5) for (const answer of [cell, added, again]) answer.dispose();
    assert.equal(await total, 2 * (a + b));
    const [same, sum] = await both;
    assert.equal(sum, a + b);
    for (const handle of [cell, added, again, same as unknown as Handle]) await handle[Symbol.asyncDispose]();
  }

  /** A channel of its own is handed on, answered on by whoever got it, and given back. */
  async #gift(to: string): Promise<void> {
    const { box, ledger } = this.#options;
    const id = ledger.mark();
    const name = box.newName();
    const bare = box.attenuate(name, { read: false });
    await box.produce(to, [bare, id]);
    const [answer] = await box.consume([{ channel: name }]);
    assert.deepEqual(answer, [id]);
    const handle = await name;
    for (const given of [handle, await bare]) await given[Symbol.asyncDispose]();
    await assert.rejects(box.produce(handle, [1]), { code: 'handle_closed' });
  }

  async #takeGifts(): Promise<void> {
    const { box, index } = this.#options;
    const gifts = box.messages(giftsOf(index), { credit: 4, signal: this.#leave.signal });
    for await (const [gift, id] of until(gifts, this.#leave.signal)) {
      const handle = gift as Handle;
      await assert.rejects(box.take(handle), { code: 'capability_refused' });
      await box.produce(handle, [id ?? null]);
      await handle[Symbol.asyncDispose]();
    }
  }

  /** Everything that is posted to it, in one loop or in many that it leaves in every way. */
  async #readAll(): Promise<void> {
    const { box, ledger, random, index } = this.#options;
    const own = boxOf(index);
    while (!this.#leave.signal.aborted) {
      const enough = new AbortController();
      const signal = AbortSignal.any([this.#leave.signal, enough.signal]);
      const messages = box.messages(own, { credit: 1 + Math.floor(random() * 8), signal });
      let left = this.isFickle ? Math.ceil(random() * 5) : Number.POSITIVE_INFINITY;
      for await (const [sender, number] of until(messages, signal)) {
        ledger.read(own, sender as number, number as number);
        if (random() < 0.2) await pause(random() * 20);
        left--;
        if (left > 0) continue;
        if (random() < 0.5) break;
        enough.abort();
      }
    }
  }

  /** What is put on a channel while it is watched is seen once, in its order, and stays. */
  async #watch(): Promise<void> {
    const { box, ledger } = this.#options;
    const board = ledger.mark();
    const watch = box.watch(board);
    const puts = Promise.all(Array.from({ length: WATCHED }, (_, n) => box.produce(board, [n])));
    puts.catch(() => {});
    let seen = 0;
    for await (const { message, missed } of watch) {
      assert.deepEqual([message, missed], [[seen], 0]);
      seen++;
      if (seen === WATCHED) break;
    }
    await puts;
    for (let n = 0; n < WATCHED; n++) assert.deepEqual(await box.take(board), [n]);
    assert.equal(await box.take(board), null);
  }
}

const CANCELLED = Symbol('cancelled');

/** The loop over it, which ends when it is left by its signal. */
async function* until(messages: Messages, signal: AbortSignal): AsyncGenerator<ReceivedMessage, undefined> {
  try {
    yield* messages;
  } catch (error) {
    if (!signal.aborted || !isPowerboxError(error) || error.code !== 'cancelled') throw error;
  }
  return undefined;
}

function pick<T>(things: readonly T[], random: () => number): T {
  return things[Math.floor(random() * things.length)] as T;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
