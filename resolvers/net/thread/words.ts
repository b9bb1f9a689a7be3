/** What the thread of the space and the thread of the network say to each other about sockets and ports. */
import type { SecureContextOptions } from 'node:tls';

/** Certificates and keys, in PEM. */
export interface SecureFiles {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

/** Memory that came with a message is a plain view; OpenSSL takes buffers. */
export function secureOptions(files: SecureFiles): SecureContextOptions {
  const entries = Object.entries(files as Readonly<Record<string, Uint8Array>>);
  return Object.fromEntries(entries.map(([name, file]) => [name, Buffer.from(file)]));
}

export interface DialWord {
  readonly kind: 'dial';
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
  /** 0 for any. */
  readonly localPort: number;
  /** How long nothing may come before the system asks whether the peer is there; 0 for never. */
  readonly keepAlive_ms: number;
  /** Bytes that have come and that the thread of the space is not done with; beyond them nothing is read. */
  readonly window_bytes: number;
  readonly tls: { readonly files: number; readonly servername: string | null } | null;
}

export interface ListenWord {
  readonly kind: 'listen';
  readonly host: string;
  readonly port: number;
  readonly ipv6Only: boolean;
  readonly keepAlive_ms: number;
  /** Bytes that have come and that the thread of the space is not done with; beyond them nothing is read. */
  readonly window_bytes: number;
  readonly connections_max: number;
  readonly tls: {
    readonly files: SecureFiles;
    readonly asksClients: boolean;
    readonly handshake_ms_max: number;
  } | null;
}

/** From the thread of the space. `end` is a half-close; `closeSoon` writes what was taken; `forget` is of files. */
export type Order =
  | DialWord
  | ListenWord
  | { readonly kind: 'files'; readonly files: SecureFiles }
  | { readonly kind: 'forget' | 'end' | 'closeSoon' | 'destroy' };

export interface Ends {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

export interface Secured {
  readonly protocol: string;
  readonly cipher: string;
  readonly servername: string;
}

/**
 * From the thread of the network. `come` is said of a port, with the number that the new socket has; of one with TLS its
 * handshake is under way then, and `open` follows. `code` is the system's or OpenSSL's, and nothing else of an error.
 */
export type News =
  | { readonly kind: 'open'; readonly ends: Ends; readonly secured: Secured | null }
  | { readonly kind: 'come'; readonly socket: number; readonly ends: Ends }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'ended' | 'finished' | 'closed' };
