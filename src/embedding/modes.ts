/**
 * The modes of a program that does not simply happen: query, estimate, atomic, each in a fork of the space
 * (`spec/forks.md`). Owns what each of them answers; which calls are made in a fork is said by the dispatcher, and what
 * becomes of the fork by the space.
 */
import type { Native } from '../../channels/index.ts';
import { type Deploy, Deploys, type Dispatcher, type Mode } from '../dispatch/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { print, RHO_LABEL } from '../rholang/index.ts';
import type { Fork, Span, SpaceEngine, Task } from '../space/index.ts';
import { bundle, fromValue, type Name, type Value } from '../values/index.ts';
import { registerGrants } from './causes.ts';
import type { Powers } from './powers.ts';
import { compileProgram } from './programs.ts';
import { SESSION_LABEL } from './sessions/index.ts';
import { type RecordedReplies, recordedReplies } from './recorded-replies.ts';
import type {
  EstimateOptions,
  EstimateReport,
  FailureReport,
  ForkOptions,
  ModeFailure,
  QueryReport,
  RunOptions,
  UnmadeCall,
} from './types.ts';

/** What a query answers is sent there. */
export const ANSWER_URI = 'rho:answer';

const FAILURES_PREFIX = 'failures/';

export interface ModeParts {
  readonly engine: SpaceEngine;
  readonly dispatcher: Dispatcher;
  readonly deploys: Deploys;
  readonly powers: Powers;
  readonly tell: (failure: FailureReport) => void;
}

/** One fork with who runs its tasks. */
export class Forked {
  readonly fork: Fork;
  readonly dispatcher: Dispatcher;
  readonly #parts: ModeParts;
  readonly #deploys: Deploys;
  readonly #mode: Exclude<Mode, 'transaction'>;

  constructor(
    parts: ModeParts,
    mode: Exclude<Mode, 'transaction'>,
    { limit_ms, cost_max }: ForkOptions,
    span: Span | null = null,
  ) {
    const { engine, dispatcher, tell } = parts;
    this.#parts = parts;
    this.#mode = mode;
    this.fork = engine.fork({
      ...(limit_ms === undefined ? {} : { limit_ms: requireLimit(limit_ms) }),
      ...(cost_max === undefined ? {} : { cost_max: requireCost(cost_max) }),
      span,
    });
    this.dispatcher = dispatcher.forked(mode, (account, { code, message, hint, source, dropped }) =>
      tell({ deploy: account, mode, code, message, hint, source, dropped }),
    );
    this.dispatcher.attach(this.fork, this.fork.names);
    this.#deploys = new Deploys(this.fork);
    registerGrants(this.fork);
    this.fork.start(this.dispatcher);
  }

  /** Runs a program in the fork until nothing of it moves; `answer` receives what it sends on `rho:answer`. */
  async run(text: string, { name = 'program', holder, clients, uris }: Program, answer: Name | null): Promise<Deploy> {
    const { powers, deploys } = this.#parts;
    const own = new Map<string, Value>(uris);
    if (answer !== null && own.has(ANSWER_URI))
      throw new PowerboxError('bad_request', `the URI ${ANSWER_URI} stands for where answers are sent`);
    if (answer !== null) own.set(ANSWER_URI, bundle(answer, false, true));
    const binding = powers.boundIn(this.#mode === 'atomic' ? null : this.fork, holder);
    const term = await compileProgram(powers, text, holder, own, binding);
    const deploy = await this.#deploys.start({
      account: deploys.reserve(clients),
      holder: holder ?? powers.holder,
      name,
      label: RHO_LABEL,
      term,
      span: this.fork.span,
    });
    await this.fork.rest();
    return deploy;
  }

  newName(): Promise<Name> {
    return this.fork.post({ kind: 'name', payload: null, account: 0 }, (turn) => turn.newName());
  }

  /** Of branches that failed in the fork, whoever pays for them. */
  failures(): readonly ModeFailure[] {
    const accounts = [...this.fork.ledger.commit.facts.keys()]
      .filter((key) => key.startsWith(FAILURES_PREFIX))
      .map((key) => Number(key.slice(FAILURES_PREFIX.length)));
    const before = (account: number): number => this.#parts.dispatcher.failures(account).count;
    return accounts.flatMap((account) => {
      const { count, last } = this.dispatcher.failures(account);
      return last.slice(-Math.min(last.length, Math.max(1, count - before(account))));
    });
  }

  cost(account: number): number {
    return this.fork.tasks.of(account).cost;
  }

  /** Of all that ran in it, whoever is the account. */
  get wholeCost(): number {
    return [...this.fork.tasks.costs()].reduce((sum, [, cost]) => sum + cost, 0);
  }

  /** Goes on past calls with the replies that they had, as long as there are such, in the order in which they came. */
  async replay(replies: RecordedReplies): Promise<void> {
    for (;;) {
      const answered = replies.next(this.fork.tasks.held.values());
      if (answered === null) return;
      await this.fork.answer(answered.task, answered.cause);
      await this.fork.rest();
    }
  }

  /** Forgets what it did, and cuts off what it asked of the world. */
  drop(): void {
    this.fork.drop();
    // There is no change among its calls, so nothing has to be waited for.
    void this.dispatcher.stop();
  }
}

/** A program with what its URIs stand for beside what was granted. */
export type Program = RunOptions & {
  readonly uris?: ReadonlyMap<string, Value>;
  /** The account of the clients who start it. */
  readonly clients?: number;
};

export type Started = Program & ForkOptions;

/** A program that changes nothing, and its answer. */
export function query(parts: ModeParts, text: string, options: Started): Promise<QueryReport> {
  return inFork(parts, 'query', options, async (forked) => {
    const { answers, ...report } = await queryIn(parts, forked, text, options);
    return { answers: answers.map((message) => message.map((value) => fromValue(value))), ...report };
  });
}

/** As `query`, in a fork that its caller drops; the answers as values. */
export async function queryIn(
  parts: ModeParts,
  forked: Forked,
  text: string,
  options: Started,
): Promise<Omit<QueryReport, 'answers'> & { readonly answers: readonly (readonly Value[])[] }> {
  const answer = await forked.newName();
  const deploy = await forked.run(text, options, answer);
  const answers = messagesOn(forked.fork, answer);
  // It has seen what the space has done, so that is on disk before anybody hears of it.
  await parts.engine.durable();
  return { answers, cost: forked.cost(deploy.account), failures: forked.failures() };
}

/** What a program would cost, and which of its calls nobody can know the answers of. */
export async function estimate(
  parts: ModeParts & { readonly natives: readonly Native[] },
  text: string,
  { replies: trace, ...options }: Program & EstimateOptions,
): Promise<EstimateReport> {
  const replies = trace === undefined ? null : await recordedReplies(parts, trace, text);
  return inFork(parts, 'estimate', options, (forked) => estimateIn(parts, forked, text, options, replies));
}

/** As `estimate`, in a fork that its caller drops. */
export async function estimateIn(
  parts: ModeParts,
  forked: Forked,
  text: string,
  options: Started,
  replies: RecordedReplies | null = null,
): Promise<EstimateReport> {
  const answer = await forked.newName();
  const deploy = await forked.run(text, options, answer);
  if (replies !== null) await forked.replay(replies);
  // What a client would be told is no call of the program, and costs it nothing.
  const held = [...forked.fork.tasks.held.values()].filter(({ body }) => body.label !== SESSION_LABEL);
  const calls = held.map((task) => unmade(forked.dispatcher, task));
  await parts.engine.durable();
  return { cost: forked.cost(deploy.account), exact: calls.length === 0, calls, failures: forked.failures() };
}

/** How what a fork did becomes a turn of the space. */
export type ApplyFork = (fork: Fork, deploy: Deploy) => Promise<void>;

/** A program of which, up to its first calls to the world, all happens in one turn or nothing does. */
export function runAtomic(
  parts: ModeParts,
  text: string,
  options: Started,
  apply: ApplyFork = (fork, { account }) => parts.engine.applyFork(fork, account),
  parent: string | null = null,
): Promise<Deploy> {
  const run = async (forked: Forked): Promise<Deploy> => {
    const deploy = await forked.run(text, options, null);
    requireNoFailure(forked.failures());
    await apply(forked.fork, deploy);
    return deploy;
  };
  return inFork(parts, 'atomic', options, run, parent);
}

/**
 * As one step of whoever follows what the space does (beneath `above`: a request that is followed already, or
 * the `traceparent` that came with one), and with the fork gone at its end, however that comes.
 */
export async function inFork<T>(
  parts: ModeParts,
  mode: Exclude<Mode, 'transaction'>,
  options: Started,
  run: (forked: Forked) => Promise<T>,
  above: Span | string | null = null,
): Promise<T> {
  const { holder = parts.powers.holder, name = 'program' } = options;
  const fields = { mode, holder, name };
  const isStep = above !== null && typeof above !== 'string';
  const span = isStep ? above.begin('fork', fields) : parts.engine.follow('deploy', fields, above);
  let outcome = 'ok';
  try {
    const forked = new Forked(parts, mode, options, span);
    try {
      return await run(forked);
    } finally {
      forked.drop();
    }
  } catch (error) {
    outcome = isPowerboxError(error) ? error.code : 'runner_failed';
    throw error;
  } finally {
    span?.end(outcome);
  }
}

export function requireNoFailure(failures: readonly ModeFailure[]): void {
  const [first] = failures;
  if (first === undefined) return;
  throw new PowerboxError(first.code, `a branch failed, and nothing of the program has happened: ${first.message}`, {
    hint: first.hint,
  });
}

function messagesOn(fork: Fork, channel: Value): readonly (readonly Value[])[] {
  const messages: (readonly Value[])[] = [];
  const cursor = fork.place(channel).data?.walk();
  for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null) messages.push(datum.message);
  return messages;
}

function unmade(dispatcher: Dispatcher, task: Task): UnmadeCall {
  const call = dispatcher.callOf(task);
  if (call === null) return { what: task.body.label, effect: null, args: [] };
  const { native, method, effect, args } = call;
  const lengthMax = limits.report_item_chars_max;
  return { what: `${native}.${method}`, effect, args: args.map((value) => print(value, { lengthMax })) };
}

function requireCost(cost_max: number): number {
  if (Number.isSafeInteger(cost_max) && cost_max > 0) return cost_max;
  throw new PowerboxError('bad_request', `what a fork may cost is a whole number above 0, not ${cost_max}`);
}

function requireLimit(limit_ms: number): number {
  if (limit_ms > 0 && limit_ms <= limits.fork_ms_max) return limit_ms;
  throw new PowerboxError(
    'bad_request',
    `a fork lives between 1 and ${limits.fork_ms_max} ms; this one is to live ${limit_ms}`,
  );
}
