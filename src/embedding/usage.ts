/** Quotas for people: what each purse holds and has left, and who waits for a refill. Owns the wording only. */
import type { QuotaSettings } from '../capability/index.ts';
import { quotaSource, readQuotas } from '../capability/index.ts';
import { DEPLOY_KEY, HOLDER_KEY, type PurseUsage, type QuotaSource, type SpaceEngine } from '../space/index.ts';
import type { OpenOptions, PendingReport, UsageReport } from './types.ts';

/** What the program says goes before the configuration. Undefined where nobody is bounded. */
export function quotasOf({ quotas }: OpenOptions, configured: QuotaSettings | null): QuotaSource | undefined {
  const settings = quotas === undefined ? configured : readQuotas(quotas);
  return settings === null ? undefined : quotaSource(settings);
}

export function usageReports(engine: SpaceEngine, holderOf: (deploy: number) => string): UsageReport[] {
  return engine
    .usage()
    .map((usage) => usageReport(usage, holderOf))
    .sort((left, right) => compareText(left.holder, right.holder) || (left.deploy ?? 0) - (right.deploy ?? 0));
}

function usageReport({ key, ...usage }: PurseUsage, holderOf: (deploy: number) => string): UsageReport {
  if (key.startsWith(HOLDER_KEY)) return { holder: key.slice(HOLDER_KEY.length), deploy: null, ...usage };
  const deploy = Number(key.slice(DEPLOY_KEY.length));
  return { holder: holderOf(deploy), deploy, ...usage };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The tasks of a deploy that are ready and wait for a refill. */
export function refillReport(engine: SpaceEngine, account: number): PendingReport[] {
  const { ready } = engine.pending(account);
  const key = ready === 0 ? null : engine.restingPurse(account);
  if (key === null) return [];
  return [{ kind: 'refill', tasks: ready, of: key.startsWith(HOLDER_KEY) ? 'holder' : 'deploy' }];
}
