/**
 * Queries and estimates of sessions, on their way: each is a request that waits, durable as any other, while its program
 * runs in a fork beside the space. It changes nothing, so one that a crash cut off is run again. Owns which run now: a few
 * of each holder at once, the others in their order. What comes of one is a cause of its own.
 */
import { limits } from '../../limits.ts';
import type { Span } from '../../space/index.ts';
import type { ForkRequest } from '../../wire/index.ts';
import type { Session } from './session.ts';
import type { StandingFork } from './standing.ts';
import type { Outcome } from './types.ts';

export interface AskedFork {
  readonly request: ForkRequest;
  readonly holder: string;
  /** Where the request is followed. */
  readonly span: Span | null;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

export interface ForkAnswer {
  readonly outcome: Outcome;
  /** Of all that ran, also when it came to nothing. */
  readonly cost: number;
}

/** Runs one in a fork. What goes wrong is its outcome: it never rejects. */
export type RunFork = (asked: AskedFork) => Promise<ForkAnswer>;

interface Job {
  readonly session: Session;
  readonly standing: StandingFork;
  readonly stop: AbortController;
}

export class SessionForks {
  readonly #run: RunFork;
  readonly #answered: (session: Session, request: ForkRequest, answer: ForkAnswer) => void;
  /** Of each holder, those that run and those that wait for that. */
  readonly #lines = new Map<string, { running: number; readonly waiting: Job[] }>();
  readonly #jobs = new Map<StandingFork, Job>();
  #closed = false;

  constructor(run: RunFork, answered: (session: Session, request: ForkRequest, answer: ForkAnswer) => void) {
    this.#run = run;
    this.#answered = answered;
  }

  /** The request is durable. */
  begin(session: Session, standing: StandingFork): void {
    // Taken back meanwhile, or begun before.
    if (this.#closed || this.#jobs.has(standing) || session.standing(standing.id) !== standing) return;
    const job = { session, standing, stop: new AbortController() };
    this.#jobs.set(standing, job);
    const { name } = session.holder;
    let line = this.#lines.get(name);
    if (line === undefined) {
      line = { running: 0, waiting: [] };
      this.#lines.set(name, line);
    }
    line.waiting.push(job);
    this.#next(name);
  }

  /** Nobody waits for it any more; what it has cost until then is told all the same. */
  stop(standing: StandingFork): void {
    this.#jobs.get(standing)?.stop.abort();
  }

  /** The space is closed: what runs is cut off, and comes again when it opens. */
  close(): void {
    this.#closed = true;
    for (const { stop } of this.#jobs.values()) stop.abort();
  }

  #next(holder: string): void {
    const line = this.#lines.get(holder);
    while (line !== undefined && line.running < limits.session_forks_max) {
      const job = line.waiting.shift();
      if (job === undefined) break;
      if (job.stop.signal.aborted) {
        this.#jobs.delete(job.standing);
        continue;
      }
      line.running++;
      void this.#one(job, holder).finally(() => {
        line.running--;
        this.#next(holder);
      });
    }
    if (line?.running === 0 && line.waiting.length === 0) this.#lines.delete(holder);
  }

  async #one({ session, standing, stop }: Job, holder: string): Promise<void> {
    const { request } = standing;
    const span = session.span(request.id);
    const answer = await this.#run({ request, holder, span, signal: stop.signal });
    this.#jobs.delete(standing);
    if (!this.#closed) this.#answered(session, request, answer);
  }
}
