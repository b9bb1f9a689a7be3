/**
 * Order of effects. A *lane* is one object (one native handle): its jobs run one after the other, by task
 * number. Jobs of different lanes run side by side, at most `runningMax` of one account at once; patient ones are
 * not counted.
 * Owns the order and the counts; must never run anything itself: it calls `job.start`, and is told by `done`.
 */
import type { Account } from '../space/index.ts';

export interface Job {
  readonly number: number;
  readonly account: Account;
  /** The object it works on, or null when nothing orders it. */
  readonly lane: string | null;
  /**
   * It waits for the world and costs nothing meanwhile, so it takes nothing of its account's allowance: a program
   * that waits on a thousand sockets can still send on each. How many there are is bounded by tasks outside.
   */
  readonly patient: boolean;
  /** Its start only posts a cause, so it may be made inside a turn. All others start after it. */
  readonly postsFirst: boolean;
  /** Where it stands in its lane, as `Lanes` notes it; null to begin with. */
  standsIn: Lane | null;
  start(): void;
}

export interface Lane {
  /** The job that holds the lane: waiting for its account's allowance, or running. */
  current: Job | null;
  /** By number; the first `head` are gone, and not held on to. */
  waiting: (Job | null)[];
  head: number;
  /** After a restart: the task that had begun here when the process ended. Nothing runs before it. */
  first: number | null;
}

interface Allowance {
  running: number;
  /** In their order; the first `head` are gone, and not held on to. */
  ready: (Job | null)[];
  head: number;
}

/** Of a queue in which nobody has waited yet: most never need one of their own. */
const NONE: (Job | null)[] = [];

/** Gone slots at the front of a queue before it is copied; keeps taking constant on average. */
const SLACK = 1024;

/** Lanes beside those that are in use that are kept: an object that was called is called again, most often. */
const IDLE_MIN = 1024;

export class Lanes {
  readonly #runningMax: number;
  /** Of objects that were called lately, too: what is put in and taken out for each call costs more than the call. */
  readonly #lanes = new Map<string, Lane>();
  /** So many lanes, and those that are idle are forgotten. */
  #sweepAt = IDLE_MIN;
  readonly #allowances = new Map<Account, Allowance>();
  #inTurn = false;
  #soon: Job[] = [];

  constructor(runningMax: number) {
    this.#runningMax = runningMax;
  }

  /** Nothing runs in `lane` before the task `number` has. Said before the tasks of a restart arrive. */
  reserve(lane: string, number: number): void {
    this.#lane(lane).first = number;
  }

  /** The reserved task will not come. */
  release(lane: string): void {
    const found = this.#lane(lane);
    found.first = null;
    this.#advance(found);
  }

  add(job: Job): void {
    if (job.lane === null) {
      this.#makeReady(job);
      return;
    }
    const lane = this.#lane(job.lane);
    job.standsIn = lane;
    if (isIdle(lane)) {
      // The usual case: nobody is before it.
      lane.current = job;
      this.#makeReady(job);
      return;
    }
    insertByNumber(lane, job);
    this.#advance(lane);
  }

  /**
   * What `run` starts is started inside a turn, as when the turn holds a job's answer, and the next begins in the same
   * commit.
   */
  inTurn(run: () => void): void {
    this.#inTurn = true;
    try {
      run();
    } finally {
      this.#inTurn = false;
    }
  }

  /** As `done`, in the turn that holds the job's answer. */
  doneInTurn(job: Job): void {
    this.#inTurn = true;
    try {
      this.done(job);
    } finally {
      this.#inTurn = false;
    }
  }

  #start(job: Job): void {
    if (!this.#inTurn || job.postsFirst) {
      job.start();
      return;
    }
    if (this.#soon.length === 0) queueMicrotask(this.#startSoon);
    this.#soon.push(job);
  }

  /** Those of one slice, in their order, after its turns. */
  readonly #startSoon = (): void => {
    const jobs = this.#soon;
    this.#soon = [];
    for (const job of jobs) job.start();
  };

  /** The job's effect is over, in whatever way. Each started job says so exactly once. */
  done(job: Job): void {
    const allowance = job.patient ? null : this.#allowance(job.account);
    if (allowance !== null) allowance.running--;
    const lane = job.standsIn;
    // A lane that somebody stands in is never forgotten.
    if (lane !== null) {
      if (lane.current === job) lane.current = null;
      this.#advance(lane);
    }
    if (allowance !== null) this.#startReady(job.account, allowance);
  }

  running(account: Account): number {
    return this.#allowances.get(account)?.running ?? 0;
  }

  #advance(lane: Lane): void {
    if (lane.current !== null) return;
    const next = this.#takeNext(lane);
    if (next === null) return;
    lane.current = next;
    this.#makeReady(next);
  }

  #takeNext(lane: Lane): Job | null {
    if (lane.head === lane.waiting.length) return null;
    if (lane.first === null) {
      const job = lane.waiting[lane.head] as Job;
      lane.waiting[lane.head++] = null;
      if (lane.head === lane.waiting.length || lane.head >= SLACK) {
        lane.waiting = lane.waiting.slice(lane.head);
        lane.head = 0;
      }
      return job;
    }
    const number = lane.first;
    const index = lane.waiting.findIndex((job, at) => at >= lane.head && job?.number === number);
    if (index < 0) return null;
    lane.first = null;
    return lane.waiting.splice(index, 1)[0] as Job;
  }

  #makeReady(job: Job): void {
    if (job.patient) {
      this.#start(job);
      return;
    }
    const allowance = this.#allowance(job.account);
    // Nearly always nobody waits, and there is no line to stand in.
    if (allowance.head === allowance.ready.length && allowance.running < this.#runningMax) {
      allowance.running++;
      this.#start(job);
      return;
    }
    if (allowance.ready === NONE) allowance.ready = [];
    allowance.ready.push(job);
    this.#startReady(job.account, allowance);
  }

  #startReady(account: Account, allowance: Allowance): void {
    while (allowance.running < this.#runningMax && allowance.head < allowance.ready.length) {
      const job = allowance.ready[allowance.head] as Job;
      allowance.ready[allowance.head++] = null;
      if (allowance.head === allowance.ready.length || allowance.head >= SLACK) {
        allowance.ready = allowance.ready.slice(allowance.head);
        allowance.head = 0;
      }
      allowance.running++;
      this.#start(job);
    }
    if (allowance.running === 0 && allowance.head === allowance.ready.length) this.#allowances.delete(account);
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      if (this.#lanes.size >= this.#sweepAt) this.#sweep();
      lane = { current: null, waiting: NONE, head: 0, first: null };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #sweep(): void {
    for (const [key, lane] of this.#lanes) if (isIdle(lane)) this.#lanes.delete(key);
    this.#sweepAt = 2 * this.#lanes.size + IDLE_MIN;
  }

  #allowance(account: Account): Allowance {
    let allowance = this.#allowances.get(account);
    if (allowance === undefined) {
      allowance = { running: 0, ready: NONE, head: 0 };
      this.#allowances.set(account, allowance);
    }
    return allowance;
  }
}

function isIdle({ current, first, head, waiting }: Lane): boolean {
  return current === null && first === null && head === waiting.length;
}

function insertByNumber(lane: Lane, job: Job): void {
  if (lane.waiting === NONE) lane.waiting = [];
  const { waiting } = lane;
  let low = lane.head;
  let high = waiting.length;
  // Nearly always the newest comes last; accounts that take turns can be far out of step, so no linear search.
  if (high === low || (waiting[high - 1] as Job).number < job.number) {
    waiting.push(job);
    return;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((waiting[middle] as Job).number < job.number) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, job);
}
