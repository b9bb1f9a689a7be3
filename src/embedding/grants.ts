/** The tree of rights, for people: what each holder was granted, what was derived from it, by whom, and who used it. */
import type { Capabilities, Capability, Rule } from '../dispatch/index.ts';
import type { DerivedReport, GrantReport } from './types.ts';

/** What was granted, whether or not anything was made of it. */
export interface Granted {
  readonly holder: string;
  readonly power: string;
  readonly kind: GrantReport['kind'];
  /** As capabilities name it. */
  readonly grant: string;
}

export function grantReports(
  granted: readonly Granted[],
  capabilities: Capabilities,
  holderOf: (deploy: number) => string,
): readonly GrantReport[] {
  const below = new Map<string, Capability[]>();
  for (const capability of capabilities.derived()) {
    const siblings = below.get(capability.parent);
    if (siblings === undefined) below.set(capability.parent, [capability]);
    else siblings.push(capability);
  }
  const derived = (parent: string): DerivedReport[] =>
    (below.get(parent) ?? []).map((capability) => ({
      ...derivedReport(capability, holderOf),
      derived: derived(capability.id),
    }));
  const revoked = new Set(capabilities.revokedGrants());
  return granted.map(({ holder, power, kind, grant }) => ({
    holder,
    power,
    kind,
    grant,
    revoked: revoked.has(grant),
    derived: derived(grant),
  }));
}

function derivedReport(
  { id, rule, by, users, ended }: Capability,
  holderOf: (deploy: number) => string,
): Omit<DerivedReport, 'derived'> {
  const person = (deploy: number): { readonly deploy: number; readonly holder: string } => ({
    deploy,
    holder: holderOf(deploy),
  });
  return {
    capability: id,
    rule: ruleText(rule),
    calls_left: rule.kind === 'count' ? rule.left : null,
    expires: rule.kind === 'expire' ? new Date(rule.due_ms).toISOString() : null,
    by: person(by),
    users: users.map(person),
    ended,
  };
}

function ruleText(rule: Rule): string {
  switch (rule.kind) {
    case 'restrict':
      return `restrict ${rule.native}: ${rule.methods.join(', ') || 'no method'}`;
    case 'expire':
      return `expire ${new Date(rule.due_ms).toISOString()}`;
    case 'count':
      return `count ${rule.left}`;
    case 'within':
      return `within ${rule.limit_ms} ms`;
    case 'through':
      return `through ${rule.cap}`;
    default:
      return rule.kind;
  }
}
