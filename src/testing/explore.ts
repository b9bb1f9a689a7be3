/**
 * Runs a program in other legal orders, and finds those in which it comes out otherwise. An order is a list of choices:
 * of the tasks that are ready, which is next; past its end the first one is. Every parallel branch is a task there.
 */
import type { Native } from '../../channels/index.ts';
import { Random } from '../platform/index.ts';
import { TestSpace } from './space.ts';

export interface ExploreOptions {
  /** Orders that are tried beside the usual one. Default: 1000. */
  readonly schedules?: number;
  readonly seed?: number;
  /** Made anew for each run. */
  readonly natives?: () => readonly Native[];
  /** What a run has come to. Default: what was printed, then what lies and waits. */
  readonly outcome?: (space: TestSpace) => readonly string[] | Promise<readonly string[]>;
}

/** One order, and what it comes to. */
export interface Schedule {
  readonly choices: readonly number[];
  readonly outcome: readonly string[];
}

/** Choices, and among how many tasks each of them and those after them were made. */
interface Order {
  readonly choices: readonly number[];
  readonly counts: readonly number[];
}

type Played = Schedule & Order;

/** Orders that are tried where nobody says how many. */
const SCHEDULES = 1000;

export interface Exploration {
  /** Orders that were run. */
  readonly schedules: number;
  /** What the program comes to when the first task that is ready is always next. */
  readonly usual: Schedule;
  /**
   * The shortest order in which it comes to something else; of those that were run, where there are more shorter ones than
   * `schedules`. Null: none was found.
   */
  readonly race: Schedule | null;
  /** Different outcomes, each in words. */
  readonly outcomes: readonly (readonly string[])[];
  /** For a person: the race, or that none was found. */
  toString(): string;
}

export async function explore(program: string, options: ExploreOptions = {}): Promise<Exploration> {
  const { schedules = SCHEDULES, seed = 1 } = options;
  const random = new Random(seed, 7);
  const usual = await played(program, options, []);
  const outcomes = new Map([[keyOf(usual), usual.outcome]]);
  let race: Schedule | null = null;
  for (let index = 0; index < schedules; index++) {
    const found = await played(program, options, null, random);
    outcomes.set(keyOf(found), found.outcome);
    if (keyOf(found) === keyOf(usual)) continue;
    if (race === null || found.choices.length < race.choices.length) race = found;
  }
  if (race !== null) {
    const fewer = await shrunk(program, options, race, keyOf(usual));
    race = (await shorter(program, options, fewer, usual)) ?? fewer;
  }
  const { choices, outcome } = usual;
  return exploration({ schedules: schedules + 1, usual: { choices, outcome }, race, outcomes: [...outcomes.values()] });
}

/** Fewer choices, and more of them the first, as long as it still comes to something else. */
async function shrunk(program: string, options: ExploreOptions, found: Schedule, usual: string): Promise<Schedule> {
  let best = trimmed(found);
  const differs = async (choices: readonly number[]): Promise<boolean> => {
    const tried = await played(program, options, choices);
    if (keyOf(tried) === usual) return false;
    best = trimmed({ ...tried, choices });
    return true;
  };
  for (let before = -1; before !== best.choices.length; ) {
    before = best.choices.length;
    for (let length = 0; length < best.choices.length; length++)
      if (await differs(best.choices.slice(0, length))) break;
    for (let index = 0; index < best.choices.length; index++) {
      for (let less = 0; less < (best.choices[index] ?? 0); less++)
        if (await differs(best.choices.map((one, at) => (at === index ? less : one)))) break;
    }
  }
  return best;
}

/**
 * The first order with fewer choices than this one that comes to something else: all of them are run, the shortest first,
 * though no more than were tried before. Null: there is none, or none among so many.
 */
async function shorter(
  program: string,
  options: ExploreOptions,
  found: Schedule,
  usual: Played,
): Promise<Schedule | null> {
  let left = options.schedules ?? SCHEDULES;
  let level: readonly Order[] = [{ choices: [], counts: usual.counts }];
  for (let length = 1; length < found.choices.length; length++) {
    const next: Order[] = [];
    for (const { choices, counts } of level) {
      // With the first task in the next place it is the order that has been run already.
      next.push({ choices: [...choices, 0], counts });
      for (let choice = 1; choice < (counts[choices.length] ?? 0); choice++) {
        if (left-- === 0) return null;
        const longer = [...choices, choice];
        const tried = await played(program, options, longer);
        if (keyOf(tried) !== keyOf(usual)) return { choices: longer, outcome: tried.outcome };
        next.push({ choices: longer, counts: tried.counts });
      }
    }
    level = next;
  }
  return null;
}

/** Past the last choice the first task is next anyway. */
function trimmed({ choices, outcome }: Schedule): Schedule {
  let length = choices.length;
  while (length > 0 && choices[length - 1] === 0) length--;
  return { choices: choices.slice(0, length), outcome };
}

async function played(
  program: string,
  { natives, outcome = usualOutcome }: ExploreOptions,
  choices: readonly number[] | null,
  random: Random | null = null,
): Promise<Played> {
  const made: number[] = [];
  const counts: number[] = [];
  const choose = (count: number): number => {
    counts.push(count);
    const choice = choices === null ? (random?.below(count) ?? 0) : (choices[made.length] ?? 0);
    made.push(Math.min(choice, count - 1));
    return choice;
  };
  const space = await TestSpace.open({ natives: natives?.() ?? [], choose });
  try {
    await space.run(program);
    await space.rest();
    return { choices: made, counts, outcome: await outcome(space) };
  } finally {
    await space.close();
  }
}

async function usualOutcome(space: TestSpace): Promise<readonly string[]> {
  return [...space.output, ...(await space.state())];
}

function keyOf({ outcome }: Schedule): string {
  return JSON.stringify(outcome);
}

function exploration(found: Omit<Exploration, 'toString'>): Exploration {
  const { schedules, usual, race, outcomes } = found;
  return {
    ...found,
    toString() {
      if (race === null) return `no race was found in ${schedules} orders`;
      const lines = (one: readonly string[]): string => one.map((line) => `    ${line}`).join('\n');
      return [
        `a race: ${outcomes.length} outcomes in ${schedules} orders`,
        `  with the first task that is ready always next:\n${lines(usual.outcome)}`,
        `  with the choices [${race.choices.join(', ')}]:\n${lines(race.outcome)}`,
      ].join('\n');
    },
  };
}
