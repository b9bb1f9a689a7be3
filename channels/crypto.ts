/** Hashes and the verification of signatures: the object of the powerbox, and the plain channels behind `rho:crypto:…`. */
import { limits } from '../src/limits.ts';
import { declareChannel, declarePlain, method } from './declare.ts';
import type { Argument, ChannelDeclaration } from './declare.ts';
import { t } from './types.ts';

const BOUND = `The data has at most ${limits.crypto_bytes_max} bytes, more are refused with \`value_too_large\`.`;
const PURE = 'Computed in the turn.';

const data: Argument = { name: 'data', type: t.bytes() };
const signature: Argument = { name: 'signature', type: t.bytes() };
const publicKey: Argument = { name: 'publicKey', type: t.bytes() };
const digest: Argument = { name: 'digest', type: t.bytes({ min: 32, max: 32 }) };

const HASHES = {
  sha256: 'Answers the SHA-256 hash of the data, 32 bytes.',
  keccak256: 'Answers the Keccak-256 hash of the data (the padding before SHA-3, as Ethereum has it), 32 bytes.',
  blake2b256: 'Answers the BLAKE2b hash of the data with 32 bytes of output and no key.',
} as const;

const VERIFIES = {
  ed25519Verify:
    'Answers whether this is the Ed25519 signature (64 bytes) of the data by this key (32 bytes), strictly as RFC 8032 ' +
    'has it. What is no signature or no key is no signature by it: false.',
  secp256k1Verify:
    'Answers whether this is the ECDSA signature (DER, low s) of a digest of 32 bytes by this key of the curve secp256k1 ' +
    '(65 bytes, or 33 compressed). What is no signature or no key is no signature by it: false.',
} as const;

const verifyArguments = {
  ed25519Verify: [data, signature, publicKey],
  secp256k1Verify: [digest, signature, publicKey],
} as const;

function hash(name: keyof typeof HASHES) {
  return method({
    doc: `${HASHES[name]} ${BOUND}`,
    effect: 'none',
    forms: [{ args: [data], result: t.bytes({ min: 32, max: 32 }) }],
  });
}

function verify(name: keyof typeof VERIFIES) {
  return method({ doc: VERIFIES[name], effect: 'none', forms: [{ args: verifyArguments[name], result: t.bool }] });
}

export const crypto = declareChannel({
  name: 'crypto',
  doc: `Hashes, and the verification of signatures. ${PURE} ${BOUND}`,
  methods: {
    sha256: hash('sha256'),
    keccak256: hash('keccak256'),
    blake2b256: hash('blake2b256'),
    ed25519Verify: verify('ed25519Verify'),
    secp256k1Verify: verify('secp256k1Verify'),
  },
});

function plainHash(name: keyof typeof HASHES): ChannelDeclaration {
  return declarePlain({
    name: `${name}Hash`,
    doc: `${HASHES[name]} ${PURE} ${BOUND}`,
    effect: 'none',
    args: [data],
    result: t.bytes({ min: 32, max: 32 }),
    replies: true,
  });
}

function plainVerify(name: keyof typeof VERIFIES): ChannelDeclaration {
  return declarePlain({
    name,
    doc: `${VERIFIES[name]} ${PURE} ${BOUND}`,
    effect: 'none',
    args: verifyArguments[name],
    result: t.bool,
    replies: true,
  });
}

export const sha256Hash = plainHash('sha256');
export const keccak256Hash = plainHash('keccak256');
export const blake2b256Hash = plainHash('blake2b256');
export const ed25519Verify = plainVerify('ed25519Verify');
export const secp256k1Verify = plainVerify('secp256k1Verify');
