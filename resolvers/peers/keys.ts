/**
 * The keys of two nodes: made of the secret that only these two know, another one for each direction, so that what
 * one says can be turned back on neither. Only computes.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

const utf8 = new TextEncoder();
const PREFIX = 'powerbox-peers';

/** What who connects says of itself in the handshake of TLS, before anything is secret. Names hold no spaces. */
export function identityOf(from: string, to: string): string {
  return `${PREFIX} ${from} ${to}`;
}

/** Null for what no node of this protocol says. */
export function readIdentity(identity: string): { readonly from: string; readonly to: string } | null {
  const [prefix, from, to, ...more] = identity.split(' ');
  if (prefix !== PREFIX || from === undefined || to === undefined || more.length > 0) return null;
  return { from, to };
}

/** The pre-shared key of the connections that `from` makes to `to`. */
export function pairKey(secret: Uint8Array, from: string, to: string): Uint8Array {
  return hmac(sha256, secret, utf8.encode(identityOf(from, to)));
}
