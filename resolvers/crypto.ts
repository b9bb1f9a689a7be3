/**
 * Answers on the channels of hashes and signatures, by audited libraries. Owns nothing: what it computes follows
 * from the arguments alone, so it looks at no grant either; who may call it is said by who has its channel. No
 * argument makes it throw: what is no signature or no key has signed nothing.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { blake2b } from '@noble/hashes/blake2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  blake2b256Hash,
  crypto,
  ed25519Verify,
  keccak256Hash,
  secp256k1Verify,
  sha256Hash,
} from '../channels/index.ts';
import { limits } from '../src/limits.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import { bytes } from '../src/values/index.ts';
import { bytesOf } from './answer.ts';
import type { Resolver } from './resolver.ts';

const FUNCTIONS = {
  sha256: hashing((data) => sha256(data)),
  keccak256: hashing((data) => keccak_256(data)),
  blake2b256: hashing((data) => blake2b(data, { dkLen: 32 })),
  ed25519Verify: verifying(
    // The library's default admits keys and signatures that RFC 8032 does not.
    (data, signature, key) => ed25519.verify(signature, data, key, { zip215: false }),
  ),
  secp256k1Verify: verifying((digest, signature, key) =>
    secp256k1.verify(signature, digest, key, { prehash: false, format: 'der', lowS: true }),
  ),
} as const;

type Computing = (args: NativeCall['args']) => NativeAnswer;
type FunctionName = keyof typeof FUNCTIONS;

export class CryptoResolver implements Resolver<'crypto'> {
  readonly kind = 'crypto';
  readonly natives: readonly Native[] = [
    { declaration: crypto, inline: ({ method, args }) => FUNCTIONS[method as FunctionName](args) },
    { declaration: sha256Hash, inline: ({ args }) => FUNCTIONS.sha256(args) },
    { declaration: keccak256Hash, inline: ({ args }) => FUNCTIONS.keccak256(args) },
    { declaration: blake2b256Hash, inline: ({ args }) => FUNCTIONS.blake2b256(args) },
    { declaration: ed25519Verify, inline: ({ args }) => FUNCTIONS.ed25519Verify(args) },
    { declaration: secp256k1Verify, inline: ({ args }) => FUNCTIONS.secp256k1Verify(args) },
  ];

  grant(): void {}

  revoke(): void {}

  close(): void {}
}

function hashing(hash: (data: Uint8Array) => Uint8Array): Computing {
  return (args) => {
    const data = bytesOf(args[0]);
    return data.length > limits.crypto_bytes_max ? tooLarge(data) : { ok: bytes(hash(data)) };
  };
}

function verifying(verify: (data: Uint8Array, signature: Uint8Array, key: Uint8Array) => boolean): Computing {
  return (args) => {
    const [data, signature, key] = [bytesOf(args[0]), bytesOf(args[1]), bytesOf(args[2])];
    if (data.length > limits.crypto_bytes_max) return tooLarge(data);
    try {
      return { ok: verify(data, signature, key) };
    } catch {
      // So the library says that a length is wrong, or a point not on the curve.
      return { ok: false };
    }
  };
}

function tooLarge(data: Uint8Array): NativeAnswer {
  const message = `the data has ${data.length} bytes, and at most ${limits.crypto_bytes_max} are taken at once`;
  return { error: { code: 'value_too_large', message } };
}
