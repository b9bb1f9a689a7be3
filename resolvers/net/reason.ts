/** What went wrong in the network, in one word of ours: nothing of what the system or a peer said goes further. */
import { isPowerboxError } from '../../src/errors.ts';
import type { NativeError } from '../../src/natives/index.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ETIMEDOUT: 'silent',
  EADDRINUSE: 'in_use',
  EADDRNOTAVAIL: 'no_such_address',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
  EMSGSIZE: 'too_large',
  EMFILE: 'no_descriptors',
  ENFILE: 'no_descriptors',
  ENOBUFS: 'no_memory',
  ENOMEM: 'no_memory',
  EINVAL: 'not_permitted',
};

/** Of OpenSSL and of Node, what says that the other side is not who it should be. */
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/;

export function reasonWord(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = WORDS[code];
  if (known !== undefined) return known;
  if (CERTIFICATE.test(code)) return 'certificate';
  return /^ERR_(?:SSL|TLS)|^EPROTO$/.test(code) ? 'tls' : 'failed';
}

/** `what` is a sentence about what could not be done, without its reason. */
export function netFailure(what: string, error: unknown): NativeError {
  if (isPowerboxError(error)) return { code: error.code, message: error.message };
  return { code: 'net_failed', message: `${what}: ${reasonWord(error)}` };
}
