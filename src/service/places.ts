/**
 * Where the service listens, who asks, and from which page: judged here, and nothing done. A browser carries what its
 * user is to any page that asks; so a page of another origin gets nothing, and neither does one that has given its own
 * name this machine's address.
 */
import { parseAddress } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import type { ListenOptions } from './types.ts';

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The address to listen on. Refused with `config_invalid`: no address, or one of others without encryption. */
export function requireListen({ host, port, tls, insecure = false }: ListenOptions): string {
  const address = parseAddress(host === 'localhost' ? '127.0.0.1' : host);
  if (address === null)
    throw new PowerboxError('config_invalid', `${JSON.stringify(host)} is no address to listen on`, {
      hint: 'write 127.0.0.1, ::1, or an address of this machine; 0.0.0.0 or :: for all of them',
    });
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new PowerboxError('config_invalid', `${port} is no port: 0 to 65535`);
  if (address.kind !== 'loopback' && tls === undefined && !insecure) {
    throw new PowerboxError('config_invalid', `${address.text} can be reached by others, and nothing is encrypted`, {
      hint: 'give a certificate and its key, or listen on 127.0.0.1 behind something that encrypts',
    });
  }
  return address.text;
}

/** Whether a peer is on this machine. */
export function isLoopback(peer: string | undefined): boolean {
  if (peer === undefined) return false;
  const text = peer.startsWith('::ffff:') ? peer.slice(7) : peer;
  return parseAddress(text)?.kind === 'loopback';
}

/** Whether a page of this origin may ask. Without one it is no page of a browser that asks. */
export function mayAsk(origin: string | undefined, allowed: readonly string[], own: readonly string[]): boolean {
  return origin === undefined || allowed.includes('*') || allowed.includes(origin) || own.includes(origin);
}

/** The origins of pages that this port serves itself. */
export function ownOrigins(scheme: 'http' | 'https', port: number): readonly string[] {
  const standard = port === (scheme === 'http' ? 80 : 443) ? '' : `:${port}`;
  return [...LOOPBACK_HOSTS].map((host) => `${scheme}://${host}${standard}`);
}

/** On loopback only a request in the name of this machine: another name that leads here was made to. */
export function isOwnHost(host: string | undefined, loopback: boolean): boolean {
  if (!loopback) return true;
  if (host === undefined) return false;
  return LOOPBACK_HOSTS.has(host.replace(/:\d{1,5}$/, ''));
}
