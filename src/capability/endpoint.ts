/**
 * Where in the network a power reaches: rules of hosts and ports, written the same way for every kind of power.
 * Only computes. A rule by name opens public addresses only; everything else is opened by address or not at all,
 * so that whoever owns a name cannot point it inside.
 */
import { z } from 'zod';
import { contains, isOfGroups, isSingle, parseAddress, parseNetwork } from './address.ts';
import type { Address, Network } from './address.ts';

/** Which hosts a rule names. */
export type HostRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly name: string }
  /** Every name below this one, not itself. */
  | { readonly kind: 'below'; readonly name: string }
  | { readonly kind: 'addresses'; readonly network: Network };

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface EndpointRule {
  readonly host: HostRule;
  readonly ports: readonly PortRange[];
}

/** What an operator granted: whatever one of them opens. */
export type AddressRules = readonly EndpointRule[];

/** What a contract names: a host and a port. */
export interface Endpoint {
  /** A name in lower case, or the one spelling of an address. */
  readonly host: string;
  /** Where the host is an address already. */
  readonly address: Address | null;
  readonly port: number;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** What some program would read as the last number of an IPv4 address. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const NAME_CHARS_MAX = 253;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 65_535;
const PORTS_MAX = 64;
const TEXT_CHARS_MAX = 1_024;

/** A rule as a configuration writes it: `example.com:443`, `*.example.com:80,443`, `10.0.0.0/8:1-1024`, `[fd00::/8]:*`. */
export const endpointRule = z.string().superRefine((text, context) => {
  const rule = parseEndpointRule(text);
  if (typeof rule === 'string') context.addIssue({ code: 'custom', message: rule });
});

/** Addresses as a configuration writes them: `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`. */
export const networkRule = z.string().superRefine((text, context) => {
  const network = parseNetwork(text);
  if (typeof network === 'string') context.addIssue({ code: 'custom', message: network });
});

/** Groups as a configuration writes them: `239.1.0.0/16`. A range that has other addresses, too, is no range of groups. */
export const groupRule = z.string().superRefine((text, context) => {
  const network = parseNetwork(text);
  if (typeof network === 'string') context.addIssue({ code: 'custom', message: network });
  else if (!isOfGroups(network))
    context.addIssue({
      code: 'custom',
      message: `${show(text)} is no group, or has others beside: groups are 224.0.0.0/4 and ff00::/8`,
    });
});

/** A string says what is wrong with the rule. */
export function parseEndpointRule(text: string): EndpointRule | string {
  const parts = split(text);
  if (parts === null) {
    return `${show(text)} is no rule: a host, a colon and ports, as in example.com:443, 10.0.0.0/8:1-1024 or [fd00::/8]:*`;
  }
  const host = parseHostRule(parts.host);
  if (typeof host === 'string') return host;
  const ports = parsePorts(parts.port);
  return typeof ports === 'string' ? ports : { host, ports };
}

/** Rules that a schema has read already. */
export function endpointRules(texts: readonly string[]): AddressRules {
  return texts.map((text) => {
    const rule = parseEndpointRule(text);
    if (typeof rule === 'string') throw new Error(rule);
    return rule;
  });
}

export function parseHostRule(text: string): HostRule | string {
  if (text === '*') return { kind: 'any' };
  if (/[:/]/.test(text) || parseAddress(text) !== null) {
    const network = parseNetwork(text);
    return typeof network === 'string' ? network : { kind: 'addresses', network };
  }
  const below = text.startsWith('*.');
  const name = below ? text.slice(2) : text;
  if (hostName(name) === name) return { kind: below ? 'below' : 'name', name };
  return `${show(text)} is no host: a name in lower case (example.com), every name below one (*.example.com), * or an address`;
}

/** `443`, `80,443`, `1-1024` or `*`. A string says what is wrong. */
export function parsePorts(text: string): readonly PortRange[] | string {
  if (text === '*') return [{ first: 0, last: PORT_MAX }];
  const items = text.split(',');
  if (items.length > PORTS_MAX) return `at most ${PORTS_MAX} ports and ranges fit into one rule`;
  const ranges: PortRange[] = [];
  for (const item of items) {
    const [first, last = first, ...more] = item.split('-').map(portOf);
    if (first === undefined || first === null || last === undefined || last === null || more.length > 0) {
      return `${show(item)} is no port: a number up to ${PORT_MAX}, two of them with - between, or *`;
    }
    if (last < first) return `the ports ${show(item)} end before they begin`;
    ranges.push({ first, last });
  }
  return ranges;
}

/** `host:port` as a contract writes it; IPv6 in brackets. A string says what is wrong with it. */
export function parseEndpoint(text: string): Endpoint | string {
  const parts = split(text);
  if (parts === null)
    return `${show(text)} is no address: a host, a colon and a port, as in example.com:443 or [::1]:80`;
  const port = portOf(parts.port);
  if (port === null) return `${show(parts.port)} is no port: a number up to ${PORT_MAX}`;
  const address = parseAddress(parts.host);
  if (address !== null) return { host: address.text, address, port };
  const host = hostName(parts.host);
  return host === null
    ? `${show(parts.host)} is no host: a plain name, four decimal numbers, or IPv6 in brackets`
    : { host, address: null, port };
}

/**
 * A name in lower case; null for what is no plain name: a trailing dot, letters beyond ASCII (write their xn-- form),
 * and everything that some program would read as an address.
 */
export function hostName(text: string): string | null {
  if (text.length > NAME_CHARS_MAX) return null;
  const name = text.toLowerCase();
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  return NUMBER.test(labels[labels.length - 1] ?? '') ? null : name;
}

/** Whether a rule names this host. An address is named by address only. */
export function namesHost(rule: HostRule, host: string, address: Address | null): boolean {
  switch (rule.kind) {
    case 'addresses':
      return address !== null && opens(rule.network, address);
    case 'any':
      return true;
    case 'name':
      return address === null && host === rule.name;
    case 'below':
      return address === null && host.endsWith(`.${rule.name}`);
    default: {
      const never: never = rule;
      throw new Error(`no such rule: ${String(never)}`);
    }
  }
}

export function hasPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ first, last }) => first <= port && port <= last);
}

/**
 * Whether this may be reached: a public address when its host is named (or itself granted), every other one only
 * when it is granted by address.
 */
export function allows(
  rules: AddressRules,
  { host, address, port }: { readonly host: string; readonly address: Address; readonly port: number },
): boolean {
  return rules.some((rule) => {
    if (!hasPort(rule.ports, port)) return false;
    if (rule.host.kind === 'addresses') return opens(rule.host.network, address);
    if (address.kind !== 'public') return false;
    return namesHost(rule.host, host, parseAddress(host));
  });
}

/**
 * Whether a name may be looked up: some rule names it. Rules by address alone name nobody, for a question tells something
 * to whoever answers it, and a program could ask for any name.
 */
export function mayName(rules: AddressRules, host: string, port: number): boolean {
  return rules.some(({ host: rule, ports }) => hasPort(ports, port) && namesHost(rule, host, null));
}

/** The services that hand out credentials are opened one by one: nobody means them with a range. */
function opens(network: Network, address: Address): boolean {
  return contains(network, address) && (address.kind !== 'metadata' || isSingle(network));
}

/** Host and port, brackets taken off. */
function split(text: string): { readonly host: string; readonly port: string } | null {
  if (text.length > TEXT_CHARS_MAX) return null;
  const read = /^(?:\[([^\][]*:[^\][]*)\]|([^:\][]*)):([^:\][]*)$/.exec(text);
  if (read === null) return null;
  return { host: read[1] ?? read[2] ?? '', port: read[3] ?? '' };
}

function portOf(text: string): number | null {
  return PORT.test(text) && Number(text) <= PORT_MAX ? Number(text) : null;
}

function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
