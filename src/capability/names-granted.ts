/** The names by which powers of the network are granted, one by one: those that somebody may look up. Only computes. */
import { endpointRules } from './endpoint.ts';
import type { HostRule } from './endpoint.ts';
import { parseOriginRule } from './http-origin.ts';
import type { Power } from './powers/index.ts';

export function namesGranted(powers: Iterable<Power>): readonly string[] {
  const names = new Set<string>();
  for (const power of powers) for (const host of hostsOf(power)) if (host.kind === 'name') names.add(host.name);
  return [...names];
}

function hostsOf(power: Power): readonly HostRule[] {
  switch (power.kind) {
    case 'tcp':
      return endpointRules(power.connect).map(({ host }) => host);
    case 'udp':
      return endpointRules(power.send).map(({ host }) => host);
    case 'http':
      return power.origins.flatMap(({ origin }) => {
        const rule = parseOriginRule(origin);
        return typeof rule === 'string' ? [] : [rule.host];
      });
    default:
      return [];
  }
}
