/**
 * Tokens: what stands in the place of names outside of a space. One is the rights of its holder, readable, and a name,
 * sealed: deterministic authenticated encryption under a key from the space's `sealKey`, the holder and the holder's
 * epoch. So a client can hold and compare tokens, and can neither make, widen nor lend one. Only computes: whether a
 * token was given, and still holds, is known by whoever gives them.
 *
 *     token := rights (1)  AES-SIV (16 of tag, 32 of text) with the rights as associated data
 *
 * Must never let a key out, and says nothing of why a token does not open.
 */
import { aessiv } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** Bits of the rights of a token. `Value`: what it stands for is no name, but a bundle around another value. */
export const TokenRight = { Read: 1, Write: 2, Value: 4 } as const;

const TOKEN_BYTES = 49;
const SEALED_BYTES = 32;
const RIGHTS_MAX = 7;

/** What a token names: 32 bytes, and what may be done with it. */
export interface Opened {
  readonly rights: number;
  readonly bytes: Uint8Array;
}

export class Tokens {
  readonly #key: Uint8Array;

  /** Of one holder in one epoch. */
  constructor(sealKey: Uint8Array, holder: string, epoch: number) {
    const encoder = new TextEncoder();
    const info = encoder.encode(`${epoch} ${holder}`);
    this.#key = hkdf(sha256, sealKey, encoder.encode('powerbox capability 1'), info, 64);
  }

  /** The same for the same bytes and rights. */
  seal(bytes: Uint8Array, rights: number): Uint8Array {
    const token = new Uint8Array(TOKEN_BYTES);
    token[0] = rights;
    token.set(aessiv(this.#key, token.subarray(0, 1)).encrypt(bytes), 1);
    return token;
  }

  /** Null for whatever was not sealed here. */
  open(token: Uint8Array): Opened | null {
    const rights = token[0] as number;
    if (token.length !== TOKEN_BYTES || rights > RIGHTS_MAX) return null;
    try {
      const bytes = aessiv(this.#key, token.subarray(0, 1)).decrypt(token.subarray(1));
      return bytes.length === SEALED_BYTES ? { rights, bytes } : null;
    } catch {
      return null;
    }
  }
}
