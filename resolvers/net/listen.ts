/** Where this machine may be reached, by the rules of a grant. Only computes. */
import { addressOf, contains, hasPort, isSingle, parseEndpoint } from '../../src/capability/index.ts';
import type { Address, AddressRules } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { Value } from '../../src/values/index.ts';

export interface Place {
  readonly address: Address;
  readonly port: number;
}

const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 65_535;

/** A port as programs write it: an Int, or decimal digits. Null for anything else. */
export function readPort(value: Value | undefined): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && PORT.test(value) && Number(value) <= PORT_MAX ? Number(value) : null;
}

/**
 * The place that a program names by `address:port`, or by a port alone: then it is the first granted address that has
 * it. Refused with `arguments_invalid` and `address_refused`.
 */
export function placeToListen(rules: AddressRules, where: Value | undefined): Place {
  const port = readPort(where);
  if (port !== null) return placeOfPort(rules, port);
  const endpoint = parseEndpoint(String(where));
  if (typeof endpoint === 'string') throw new PowerboxError('arguments_invalid', endpoint);
  if (endpoint.address === null) {
    const message = `${endpoint.host} is no address of this machine; write one, as in 127.0.0.1:${endpoint.port}`;
    throw new PowerboxError('arguments_invalid', message);
  }
  requirePlace(rules, { address: endpoint.address, port: endpoint.port });
  return { address: endpoint.address, port: endpoint.port };
}

export function requirePlace(rules: AddressRules, { address, port }: Place): void {
  const granted = rules.some(
    ({ host, ports }) =>
      host.kind === 'addresses' &&
      hasPort(ports, port) &&
      contains(host.network, address) &&
      // Every address of the machine is opened by whoever spells that out.
      (address.kind !== 'unspecified' || isSingle(host.network)),
  );
  if (granted) return;
  throw new PowerboxError('address_refused', `${shownPlace(address.text, port)} may not be listened at by this grant`);
}

function placeOfPort(rules: AddressRules, port: number): Place {
  for (const { host, ports } of rules) {
    if (host.kind === 'addresses' && isSingle(host.network) && hasPort(ports, port))
      return { address: addressOf(host.network.bytes), port };
  }
  throw new PowerboxError('address_refused', `no address may be listened at with port ${port} by this grant`);
}

/** `address:port`, IPv6 in brackets. */
export function shownPlace(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
