/** Spaces with quotas: accounts by number, each under the purses that a test names; and what lies, counted anew. */
import { limits } from '../../../src/limits.ts';
import { simulatedPlatform, type SimulatedPlatform } from '../../../src/platform/index.ts';
import { compileText, RHO_LABEL, RholangRunner } from '../../../src/rholang/index.ts';
import { continuationBytes, messageBytes } from '../../../src/space/estimate.ts';
import {
  type Account,
  type EngineOptions,
  type KeyedQuota,
  type PurseUsage,
  type QuotaSource,
  SpaceEngine,
  type TaskRouter,
} from '../../../src/space/index.ts';

/** Account -> its purses, its own before its holder's. */
export type Purses = Readonly<Record<Account, readonly KeyedQuota[]>>;

export const sourceOf = (purses: Purses, settings = JSON.stringify(purses)): QuotaSource => ({
  settings,
  of: (account) => purses[account] ?? [],
  accounts: () => Object.keys(purses).map(Number),
});

export interface Failed {
  readonly account: Account;
  readonly code: string;
}

export interface Running {
  readonly engine: SpaceEngine;
  readonly platform: SimulatedPlatform;
  readonly failures: Failed[];
  /** Accounts of the tasks that ran in a turn, in order. */
  readonly turns: Account[];
  /** Steps of their turns. */
  readonly steps: Map<Account, number>;
  run(account: Account, source: string): Promise<void>;
  usage(key: string): PurseUsage;
}

/** A space in memory that runs Rholang on a clock of its own. */
export async function openRunning(purses: Purses | null, options: Partial<EngineOptions> = {}): Promise<Running> {
  const platform = simulatedPlatform(1);
  const failures: Failed[] = [];
  const turns: Account[] = [];
  const steps = new Map<Account, number>();
  const engine = await SpaceEngine.open({
    platform,
    store: null,
    nameKey: new Uint8Array(32),
    onFail: (account, error) => failures.push({ account, code: (error as { code?: string }).code ?? 'none' }),
    ...(purses === null ? {} : { quotas: sourceOf(purses) }),
    ...options,
  });
  const runner = new RholangRunner();
  const router: TaskRouter = {
    handling: () => 'inline',
    run: (task, turn) => {
      turns.push(task.account);
      runner.run(task, turn);
      steps.set(task.account, (steps.get(task.account) ?? 0) + 1 + limits.turn_steps_max - turn.steps);
    },
    deliver: () => {},
  };
  engine.start(router);
  return {
    engine,
    platform,
    failures,
    turns,
    steps,
    run: (account, source) => {
      const { term } = compileText(source, { uris: new Map() });
      return engine.post({ kind: 'deploy', payload: null, account }, (turn) =>
        turn.spawn({ label: RHO_LABEL, term: turn.term(term), place: 0, environment: [] }, []),
      );
    },
    usage: (key) => {
      const found = engine.usage().find((usage) => usage.key === key);
      if (found === undefined) throw new Error(`no purse ${key}`);
      return found;
    },
  };
}

/** What an account stores, counted from what lies and waits and from nothing else. */
export function recount(
  engine: SpaceEngine,
  channels: readonly string[],
  accounts: readonly Account[],
): { bytes: number; continuations: number } {
  let bytes = 0;
  const waiting = new Set<object>();
  for (const name of channels) {
    const channel = engine.place(name);
    const data = channel.data?.walk();
    for (let datum = data?.next() ?? null; datum !== null; datum = data?.next() ?? null)
      if (accounts.includes(datum.account)) bytes += messageBytes(datum.message);
    const waiters = channel.waiters?.walk();
    for (let entry = waiters?.next() ?? null; entry !== null; entry = waiters?.next() ?? null) {
      const { waiter } = entry;
      if (!accounts.includes(waiter.account) || waiting.has(waiter)) continue;
      waiting.add(waiter);
      bytes += continuationBytes(waiter.receive);
    }
    const { owner } = channel;
    if (owner !== null && accounts.includes(owner.account)) {
      waiting.add(owner);
      bytes += continuationBytes(owner.receive);
    }
  }
  return { bytes, continuations: waiting.size };
}
