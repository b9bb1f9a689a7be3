/**
 * Origins that an operator grants: scheme, hosts, ports, and which paths beneath. Only computes.
 */
import { parseHostRule, namesHost, parsePorts, hasPort } from './endpoint.ts';
import type { AddressRules, HostRule, PortRange } from './endpoint.ts';
import { parseNetwork } from './address.ts';
import { hasPrefix, parsePath, prefixDoubt } from './http-url.ts';
import type { HttpScheme, HttpUrl } from './http-url.ts';

export interface OriginRule {
  readonly scheme: HttpScheme;
  readonly host: HostRule;
  readonly ports: readonly PortRange[];
}

/** `https://example.com`, `https://*.example.com:8443`, `http://127.0.0.1:8000-8010`. A string says what is wrong. */
export function parseOriginRule(text: string): OriginRule | string {
  const [, scheme, six, host = '', ports] =
    /^(https?):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^:/@[\]?#]+))(?::([^:/@[\]?#]+))?$/.exec(text) ?? [];
  if (scheme !== 'http' && scheme !== 'https') {
    return `${JSON.stringify(text.slice(0, 80))} is no origin: http:// or https://, a host, and a port where it is not the usual one, without a path`;
  }
  const rule = parseHostRule(six ?? host);
  if (typeof rule === 'string') return rule;
  const usual = scheme === 'http' ? 80 : 443;
  const ranges = ports === undefined ? [{ first: usual, last: usual }] : parsePorts(ports);
  return typeof ranges === 'string' ? ranges : { scheme, host: rule, ports: ranges };
}

/** A path prefix as a configuration writes it: in the one form in which paths are judged. A string says what is wrong. */
export function prefixFault(text: string): string | null {
  const read = parsePath(text);
  if (!read.ok) return `the prefix ${JSON.stringify(text.slice(0, 80))} cannot stand: ${read.why}`;
  const doubt = prefixDoubt(read.path);
  if (doubt !== null) return `the prefix ${JSON.stringify(text.slice(0, 80))} cannot stand: it has ${doubt}`;
  return read.path === text
    ? null
    : `the prefix ${JSON.stringify(text.slice(0, 80))} is written ${JSON.stringify(read.path)}`;
}

export function namesOrigin({ scheme, host, ports }: OriginRule, url: HttpUrl): boolean {
  return url.scheme === scheme && hasPort(ports, url.port) && namesHost(host, url.host, url.address);
}

/** Null when a prefix covers the path, else why none does. */
export function pathRefusal(path: string, prefixes: readonly string[]): string | null {
  if (prefixes.includes('/')) return null;
  const doubt = prefixDoubt(path);
  if (doubt !== null) return `its path has ${doubt}, so that it cannot be told under which granted path it lies`;
  return prefixes.some((prefix) => hasPrefix(path, prefix)) ? null : 'its path is not among what was granted';
}

/** Where connections for this origin may go: its host at public addresses, and what was granted by address. */
export function addressRulesOf({ host, ports }: OriginRule, networks: readonly string[]): AddressRules {
  const granted = networks.map((text) => {
    const network = parseNetwork(text);
    if (typeof network === 'string') throw new Error(network);
    return { host: { kind: 'addresses', network } as const, ports };
  });
  return [{ host, ports }, ...granted];
}
