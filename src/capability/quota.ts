/**
 * What holders may store and run: the quotas of a configuration, and for the space, which account is under which of
 * them. Messages of the host program are nobody's deploy and have no quota.
 */
import { z } from 'zod';
import { DEPLOY_PREFIX, holderOfAccount } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { type Account, DEPLOY_KEY, HOLDER_KEY, type KeyedQuota, type Quota, type QuotaSource } from '../space/index.ts';

/** Beyond that a rate is no bound on any machine, and its parts would no longer be exact. */
const RATE_MAX = 1_000_000_000;

const amount = (what: string, least = 0) =>
  z
    .int({ error: `${what} is a whole number` })
    .min(least, { error: `${what} is at least ${least}` })
    .optional();
const rate = (what: string) =>
  z
    .int({ error: `${what} is a whole number` })
    .min(1, { error: `${what} is at least 1: with 0 nothing would ever run` })
    .max(RATE_MAX, { error: `${what} is at most ${RATE_MAX}` })
    .optional();

/** What is left out has no bound. */
const quotaSchema = z.strictObject({
  /** About how many bytes of messages and waiting continuations may lie at once. */
  bytes_max: amount('bytes_max'),
  continuations_max: amount('continuations_max'),
  /** Tasks that are made and not yet done. */
  tasks_max: amount('tasks_max', 1),
  tasks_per_second: rate('tasks_per_second'),
  steps_per_second: rate('steps_per_second'),
  /** What all turns may cost, by the price list; used up, nothing of it runs any more. */
  cost_max: amount('cost_max', 1),
});

/** Of a holder: for all its deploys together, and where that is said for each of them. */
export const holderQuotaSchema = quotaSchema.extend({ eachDeploy: quotaSchema.optional() });

const quotasSchema = z.strictObject({
  /** Of each holder that is not named below. */
  default: holderQuotaSchema.optional(),
  holders: z.record(z.string().min(1), holderQuotaSchema).default({}),
});

export type HolderQuota = z.output<typeof holderQuotaSchema>;
export type QuotaSettings = z.output<typeof quotasSchema>;
/** As a configuration, or an embedding program, writes them. */
export type QuotaSettingsSource = z.input<typeof quotasSchema>;

/** Quotas from a configuration. Refused with `config_invalid`, naming each place that is wrong. */
export function readQuotas(configuration: unknown): QuotaSettings {
  const read = quotasSchema.safeParse(configuration);
  if (read.success) return read.data;
  const where = read.error.issues.map((issue) => `${['quotas', ...issue.path].join('.')}: ${issue.message}`);
  throw new PowerboxError('config_invalid', `the quotas cannot be read: ${where.join('; ')}`, {
    hint: 'For example {"default": {"bytes_max": 100000000, "tasks_per_second": 10000}}.',
  });
}

/** What the space asks; undefined when nobody is bounded. Follows from the settings and from the facts of deploys, so a replay finds the same. */
export function quotaSource(settings: QuotaSettings): QuotaSource | undefined {
  const all = [...Object.values(settings.holders), ...(settings.default === undefined ? [] : [settings.default])];
  if (!all.some(({ eachDeploy, ...own }) => bounds(own) || bounds(eachDeploy ?? {}))) return undefined;
  const holders = new Map(Object.entries(settings.holders));
  return {
    settings: JSON.stringify(settings),
    of(account, fact) {
      if (account === 0) return NONE;
      const holder = holderOfAccount(account, fact);
      if (holder === undefined) return undefined;
      const quota = holders.get(holder) ?? settings.default;
      return quota === undefined ? NONE : pursesOf(account, holder, quota);
    },
    *accounts(facts) {
      for (const [key] of facts(DEPLOY_PREFIX)) yield Number(key.slice(DEPLOY_PREFIX.length));
    },
  };
}

const NONE: readonly KeyedQuota[] = [];

function pursesOf(account: Account, holder: string, { eachDeploy, ...own }: HolderQuota): readonly KeyedQuota[] {
  const holders = bounds(own) ? [{ key: HOLDER_KEY + holder, quota: own }] : NONE;
  return eachDeploy === undefined ? holders : [{ key: `${DEPLOY_KEY}${account}`, quota: eachDeploy }, ...holders];
}

/** Whether it says anything at all. */
function bounds(quota: Quota): boolean {
  return Object.values(quota).some((bound) => bound !== undefined);
}
