/**
 * Kills processes of the workloads, again and again in the same directory, at random times and at every named
 * moment, and holds what is found each time against the truth. Owns the plan of kills and the directories.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISPATCH_FAILPOINTS } from '../../src/dispatch/index.ts';
import { Random } from '../../src/platform/index.ts';
import { FAILPOINTS } from '../../src/space/index.ts';
import { type Life, live, resume } from './life.ts';
import type { ChildOptions, Contents, Line, Moment, Plant, WorkloadName } from './messages.ts';
import { filesAtTheEnd, settled, type Settled, Truth } from './truth.ts';

export const MOMENTS: readonly Moment[] = [...FAILPOINTS, ...DISPATCH_FAILPOINTS];

/** At the n-th pass of a moment, or some time after the process has begun. */
export type Kill = { readonly at: Moment; readonly pass: number } | { readonly after_ms: number };

export interface CampaignOptions {
  readonly seed: number;
  readonly kills: number;
  readonly plant?: Plant;
  /** Called after each kill; for the person who waits. */
  readonly progress?: (killed: number) => void;
}

export interface CampaignResult {
  readonly killed: number;
  /** Kills at each moment. */
  readonly killedAt: ReadonlyMap<Moment, number>;
  readonly directories: number;
  /** Effects that were in flight at a kill and cannot be repeated. */
  readonly interrupted: number;
}

/** What a run that nobody kills comes to. */
interface Reference {
  readonly end: Settled;
  readonly passed: Readonly<Partial<Record<Moment, number>>>;
  readonly took_ms: number;
}

const WORKLOADS: readonly WorkloadName[] = ['files', 'pumps'];
const LANES = 2;
/** Kills in one directory before its workload is let finish. */
const KILLS_A_DIRECTORY = 9;
/** Of all kills, the part that falls at named moments. */
const AT_MOMENTS = 0.65;
/** At these an effect is in flight for certain. */
const IN_FLIGHT: readonly Moment[] = ['begun:after', 'effect:before', 'effect:after', 'finished:before'];
/**
 * A kill that came too late for its process is planned again, for earlier; from the third time on, for the first pass of
 * a moment in a fresh directory, which every process of it makes. One that does not kill even so has found something.
 */
const ATTEMPTS_MAX = 20;
const ATTEMPTS_SURE = 3;

/** Nothing is repeated exactly with real processes; the same kills in the same order come near. */
export class CrashFailure extends Error {}

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const run = new Campaign(options);
  await run.prepare();
  await run.run();
  return run.result();
}

/** One directory with these kills, in this order. */
export async function repeat(
  workload: WorkloadName,
  kills: readonly Kill[],
  plant: Plant | undefined,
): Promise<CampaignResult> {
  const run = new Campaign({ seed: 1, kills: 0, ...(plant === undefined ? {} : { plant }) });
  await run.prepare();
  await run.directory(workload, () => kills.map((kill) => ({ kill, attempts: ATTEMPTS_MAX })));
  return run.result();
}

interface Planned {
  readonly kill: Kill;
  readonly attempts: number;
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #references = new Map<WorkloadName, Reference>();
  readonly #queues: Record<WorkloadName, Planned[]> = { files: [], pumps: [] };
  readonly #killedAt = new Map<Moment, number>();
  #killed = 0;
  #directories = 0;
  #interrupted = 0;
  /** The first one: the other lane stops before its next process. */
  #failure: unknown = null;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, 11);
  }

  result(): CampaignResult {
    return {
      killed: this.#killed,
      killedAt: this.#killedAt,
      directories: this.#directories,
      interrupted: this.#interrupted,
    };
  }

  async prepare(): Promise<void> {
    for (const workload of WORKLOADS) this.#references.set(workload, await this.#reference(workload));
    this.#plan();
  }

  async #reference(workload: WorkloadName): Promise<Reference> {
    return inDirectory(async (place) => {
      const truth = new Truth(workload);
      const life = await live({ ...place, workload, mode: 'live' });
      truth.hear(life.lines);
      assert.equal(life.code, 0, life.talk);
      const ended = endOf(life);
      if (workload === 'files') checkFiles(place.files);
      else truth.checkPours(ended);
      return { end: settled(ended), passed: ended.passed, took_ms: life.took_ms };
    });
  }

  /** Moments in turn, both workloads, until the part that is theirs is full; the rest at random times. */
  #plan(): void {
    const random = this.#random;
    const { kills } = this.#options;
    const planned: [WorkloadName, Kill][] = [];
    for (let index = 0; planned.length < kills * AT_MOMENTS; index++) {
      const at = MOMENTS[index % MOMENTS.length] as Moment;
      // Every other round of the moments at which an effect is in flight is of effects that nobody can ask about.
      const isPumps = IN_FLIGHT.includes(at) ? Math.floor(index / MOMENTS.length) % 2 === 0 : random.chance(0.3);
      const wanted = isPumps ? 'pumps' : 'files';
      // The longer one passes them all.
      const workload = this.#references.get(wanted)?.passed[at] === undefined ? 'files' : wanted;
      planned.push([workload, { at, pass: 1 + random.below(this.#passes(workload, at)) }]);
    }
    while (planned.length < kills) {
      const workload = random.chance(0.3) ? 'pumps' : 'files';
      planned.push([workload, { after_ms: random.below((this.#references.get(workload) as Reference).took_ms / 3) }]);
    }
    for (let index = planned.length - 1; index > 0; index--) {
      const other = random.below(index + 1);
      [planned[index], planned[other]] = [
        planned[other] as [WorkloadName, Kill],
        planned[index] as [WorkloadName, Kill],
      ];
    }
    for (const [workload, kill] of planned) this.#queues[workload].push({ kill, attempts: 0 });
  }

  /** Among how many passes one is chosen, so that a directory sees all its kills before its work is done. */
  #passes(workload: WorkloadName, at: Moment): number {
    const { passed } = this.#references.get(workload) as Reference;
    return Math.max(1, Math.ceil((passed[at] ?? 0) / KILLS_A_DIRECTORY));
  }

  async run(): Promise<void> {
    const lanes = Array.from({ length: LANES }, async (_, lane) => {
      for (let turn = lane; this.#failure === null; turn++) {
        const left = WORKLOADS.filter((workload) => this.#queues[workload].length > 0);
        const workload = left[turn % left.length];
        if (workload === undefined) return;
        await this.directory(workload, () => this.#queues[workload].splice(0, KILLS_A_DIRECTORY)).catch(
          (error: unknown) => {
            this.#failure ??= error;
          },
        );
      }
    });
    await Promise.all(lanes);
    if (this.#failure !== null) throw this.#failure;
  }

  async directory(workload: WorkloadName, take: () => readonly Planned[]): Promise<void> {
    this.#directories++;
    const done: Kill[] = [];
    const { plant } = this.#options;
    await inDirectory(async (place) => {
      const options: ChildOptions = { ...place, workload, mode: 'live', ...(plant === undefined ? {} : { plant }) };
      const truth = new Truth(workload);
      try {
        const end = (await this.#kill(options, truth, take(), done)) ?? (await this.#finish(options, truth));
        if (workload === 'files') {
          sameEnd(settled(end), (this.#references.get(workload) as Reference).end);
          checkFiles(place.files);
        } else {
          truth.checkPours(end);
          this.#interrupted += truth.interrupted;
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new CrashFailure(
          `${message}\nin ${workload}, after ${done.length} kills; run them again: ${againLine(workload, done, plant)}`,
          {
            cause: error,
          },
        );
      }
    });
  }

  /** The end of the workload, if it came to its end before the kills did. */
  async #kill(
    options: ChildOptions,
    truth: Truth,
    planned: readonly Planned[],
    done: Kill[],
  ): Promise<Contents | null> {
    for (const [index, { kill, attempts }] of planned.entries()) {
      if (this.#failure !== null) throw this.#failure;
      done.push(kill);
      const life = 'at' in kill ? await live({ ...options, kill }) : await live(options, kill.after_ms);
      truth.hear(life.lines);
      if (!life.killed) {
        assert.equal(life.code, 0, life.talk);
        this.#again(options.workload, kill, attempts);
        this.#queues[options.workload].unshift(...planned.slice(index + 1));
        return endOf(life);
      }
      this.#killed++;
      if (life.at !== null) this.#killedAt.set(life.at, (this.#killedAt.get(life.at) ?? 0) + 1);
      this.#options.progress?.(this.#killed);
    }
    return null;
  }

  /** Its process had ended before: planned again, for earlier. */
  #again(workload: WorkloadName, kill: Kill, attempts: number): void {
    assert.ok(attempts + 1 < ATTEMPTS_MAX, `no process of ${workload} passes ${JSON.stringify(kill)}`);
    const isSure = attempts + 1 >= ATTEMPTS_SURE;
    let earlier: Kill;
    if ('at' in kill) earlier = { at: kill.at, pass: isSure ? 1 : Math.ceil(kill.pass / 2) };
    else earlier = isSure ? { at: 'append:after', pass: 1 } : { after_ms: kill.after_ms / 2 };
    // A kill that came last in its directory had little work left before it: it comes first in the next.
    this.#queues[workload].unshift({ kill: earlier, attempts: attempts + 1 });
  }

  /** Without kills to the end: what a contract of files needs, an operator goes on with by `powerbox resume`. */
  async #finish(options: ChildOptions, truth: Truth): Promise<Contents> {
    if (options.workload === 'pumps') {
      const life = await live(options);
      truth.hear(life.lines);
      assert.equal(life.code, 0, life.talk);
      return endOf(life);
    }
    const asking = await live({ ...options, mode: 'ask' });
    truth.hear(asking.lines);
    assert.ok(asking.killed, `the last kill: ${asking.talk}`);
    const took_ms = this.#references.get(options.workload)?.took_ms ?? 0;
    if (this.#random.chance(0.5)) await resume(options.data, this.#random.below(took_ms));
    const { code, text } = await resume(options.data);
    assert.equal(code, 0, text);
    const looking = await live({ ...options, mode: 'look' });
    truth.hear(looking.lines);
    const found = looking.lines.find((line): line is Line & { type: 'found' } => line.type === 'found');
    assert.ok(found !== undefined, looking.talk);
    return found;
  }
}

function endOf({ lines, talk }: Life): Line & { type: 'ended' } {
  const ended = lines.find((line): line is Line & { type: 'ended' } => line.type === 'ended');
  assert.ok(ended !== undefined, `the process has not told its end: ${talk}`);
  return ended;
}

/** Channel by channel, so that a failure shows one. */
function sameEnd(found: Settled, expected: Settled): void {
  for (const channel of new Set([...found.keys(), ...expected.keys()])) {
    assert.deepEqual(
      found.get(channel),
      expected.get(channel),
      `${channel} is not at the end what it is in a run never killed`,
    );
  }
}

function checkFiles(root: string): void {
  const expected = filesAtTheEnd();
  // What the files' owner keeps for itself while it works is there without anything in it.
  const own = ['.powerbox', '.powerbox/effects'];
  const names = (readdirSync(root, { recursive: true }) as string[]).filter((name) => !own.includes(name));
  assert.deepEqual(names.sort(), [...expected.keys()].sort(), 'the files');
  for (const [name, text] of expected) assert.equal(readFileSync(join(root, name), 'utf8'), text, `the file ${name}`);
}

async function inDirectory<T>(
  work: (place: { readonly data: string; readonly files: string }) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'powerbox-crash-'));
  const files = join(directory, 'files');
  mkdirSync(files);
  try {
    return await work({ data: join(directory, 'data'), files });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function againLine(workload: WorkloadName, kills: readonly Kill[], plant: Plant | undefined): string {
  const list = kills
    .map((kill) => ('at' in kill ? `${kill.at}:${kill.pass}` : `${Math.round(kill.after_ms)}ms`))
    .join(',');
  return `npm run soak:crash -- --workload ${workload} --at ${list}${plant === undefined ? '' : ` --plant ${plant}`}`;
}
