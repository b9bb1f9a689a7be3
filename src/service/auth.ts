/**
 * Who is there: signed tokens (JWT) that name a holder. A node signs its own with a secret of 32 random bytes, made at
 * first start, in `DIR/node/secret` (mode 0600); or it is given a public key, and somebody else signs.
 *
 * Owns the file of the secret. A rotation puts a new key before the others, which verify as long as they stand there;
 * a node that runs sees it at the next token. Must never let a key or a token out in words, and says of a token that
 * does not hold nothing that would help to make one.
 */
import { errors, importSPKI, type CryptoKey, jwtVerify, type JWTPayload, SignJWT } from 'jose';
import { z } from 'zod';
import { holderName, type ServiceConfig } from '../capability/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import { placeSecret, readKeyFile, readSecret, secretChanged, type SecretStamp } from './secret-file.ts';
import type { Authenticator, Credentials, Identity } from './types.ts';

const AUDIENCE = 'powerbox';
const OWN_ALGORITHM = 'HS256';
/** Of keys that an operator gives; each key fits one of them, so none can be taken for another. */
const GIVEN_ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256'] as const;
/** Clocks of machines differ. */
const TOLERANCE_S = 5;
const KEY_BYTES = 32;

const keysSchema = z.strictObject({
  version: z.literal(1),
  keys: z
    .array(
      z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/), key: z.base64url().length(43), made: z.iso.datetime() }),
    )
    .min(1)
    .max(limits.auth_keys_max),
});
type Keys = z.output<typeof keysSchema>['keys'];

const claimsSchema = z.looseObject({
  sub: holderName,
  exp: z.number().optional(),
  spaces: z.array(z.string().max(64)).max(limits.node_spaces_max).optional(),
});

export interface AuthOptions {
  /** `DIR/node`, absolute. */
  readonly directory: string;
  readonly platform: Platform;
}

export interface TokenOptions {
  readonly holder: string;
  /** The spaces that it is good for; default: all. */
  readonly spaces?: readonly string[];
  readonly lifetime_ms: number;
}

// ---------------------------------------------------------------- the node's own keys

/** Those that are there; made where there are none. Of two processes that make them at one time, both get the same. */
async function ownKeys({ directory, platform }: AuthOptions): Promise<Keys> {
  const text = (await readSecret(directory)) ?? (await placeSecret(directory, keysText([newKey(platform)]), 'create'));
  return keysIn(text, directory);
}

function keysIn(text: string, directory: string): Keys {
  const read = keysSchema.safeParse(parsed(text));
  if (read.success) return read.data.keys;
  throw new PowerboxError('config_invalid', `the file with the secret of tokens in ${directory} is damaged`, {
    hint: 'Remove it: a new one is made, and tokens that were signed with it hold no more.',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function newKey({ randomness, clock }: Platform): Keys[number] {
  return {
    id: Buffer.from(randomness.bytes(8)).toString('hex'),
    key: Buffer.from(randomness.bytes(KEY_BYTES)).toString('base64url'),
    made: new Date(clock.now_ms()).toISOString(),
  };
}

function keysText(keys: Keys): string {
  return `${JSON.stringify({ version: 1, keys })}\n`;
}

/** Signs a token with the newest key. Refused with `usage` where the holder or the time is none. */
export async function issueToken(options: AuthOptions, { holder, spaces, lifetime_ms }: TokenOptions): Promise<string> {
  if (!holderName.safeParse(holder).success)
    throw new PowerboxError('usage', `${JSON.stringify(holder)} is no name of a holder`, {
      hint: 'A holder is called as the configuration calls it: a letter, then letters, digits, - or _; for example --holder alice.',
    });
  if (!(Number.isSafeInteger(lifetime_ms) && lifetime_ms >= 1_000 && lifetime_ms <= limits.auth_lifetime_ms_max))
    throw new PowerboxError('usage', `a token holds for 1 second to ${limits.auth_lifetime_ms_max / 86_400_000} days`, {
      hint: 'For example --lifetime 12h.',
    });
  const [newest] = await ownKeys(options);
  const { id, key } = newest as Keys[number];
  const now_s = Math.floor(options.platform.clock.now_ms() / 1000);
  return new SignJWT(spaces === undefined ? {} : { spaces: [...spaces] })
    .setProtectedHeader({ alg: OWN_ALGORITHM, kid: id })
    .setSubject(holder)
    .setAudience(AUDIENCE)
    .setIssuedAt(now_s)
    .setExpirationTime(now_s + Math.floor(lifetime_ms / 1000))
    .sign(Buffer.from(key, 'base64url'));
}

/** Puts a new key before the others. `drop`: the others go, and with them what they have signed. */
export async function rotateSecret(options: AuthOptions, { drop }: { readonly drop: boolean }): Promise<void> {
  const keys = await ownKeys(options);
  const kept = drop ? [] : keys.slice(0, limits.auth_keys_max - 1);
  await placeSecret(options.directory, keysText([newKey(options.platform), ...kept]), 'replace');
}

// ---------------------------------------------------------------- who is there

type Verify = (token: string) => Promise<JWTPayload>;

export async function openAuthenticator(options: AuthOptions, config: ServiceConfig['auth']): Promise<Authenticator> {
  const verify =
    config.publicKey === undefined ? await ownVerifier(options) : await givenVerifier(options, config.publicKey);
  return {
    async authenticate({ token, loopback }: Credentials): Promise<Identity> {
      if (token !== null) return identityOf(token, verify);
      const { anonymous } = config;
      if (anonymous !== undefined && loopback) return { holder: anonymous, expires_ms: null, spaces: null };
      throw new PowerboxError('auth_failed', 'a token is needed', { hint: 'powerbox token --holder NAME makes one.' });
    },
  };
}

async function identityOf(token: string, verify: Verify): Promise<Identity> {
  if (token.length > limits.auth_token_chars_max) throw refused();
  const payload = await verify(token).catch((error: unknown) => {
    if (isPowerboxError(error)) throw error;
    // It was signed well, so whoever has it may know.
    if (error instanceof errors.JWTExpired) throw new PowerboxError('auth_failed', 'the token has expired');
    throw refused();
  });
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) throw refused();
  const { sub, exp, spaces } = claims.data;
  return { holder: sub, expires_ms: exp === undefined ? null : exp * 1000, spaces: spaces ?? null };
}

function refused(): PowerboxError {
  return new PowerboxError('auth_failed', 'the token does not hold');
}

/** Reads the secret again when its file has changed, so that a rotation is seen at the next token. */
async function ownVerifier(options: AuthOptions): Promise<Verify> {
  let keys = await ownKeys(options);
  let stamp: SecretStamp | null = null;
  return async (token) => {
    const changed = await secretChanged(options.directory, stamp);
    if (changed !== null) {
      keys = await ownKeys(options);
      stamp = changed;
    }
    const known = keys;
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const found = known.find(({ id }) => id === kid);
        if (found === undefined) throw refused();
        return Buffer.from(found.key, 'base64url');
      },
      { ...demands(options), algorithms: [OWN_ALGORITHM] },
    );
    return payload;
  };
}

async function givenVerifier(options: AuthOptions, file: string): Promise<Verify> {
  const pem = await readKeyFile(file);
  const keys = new Map<string, CryptoKey>();
  for (const algorithm of GIVEN_ALGORITHMS) {
    const key = await importSPKI(pem, algorithm).catch(() => null);
    if (key !== null) keys.set(algorithm, key);
  }
  if (keys.size === 0)
    throw new PowerboxError('config_invalid', `${file} holds no public key that tokens can be verified with`, {
      hint: `A key of ${GIVEN_ALGORITHMS.join(', ')}, as PEM (SPKI).`,
    });
  return async (token) => {
    const { payload } = await jwtVerify(
      token,
      ({ alg }) => {
        const key = keys.get(alg);
        if (key === undefined) throw refused();
        return key;
      },
      { ...demands(options), algorithms: [...keys.keys()] },
    );
    return payload;
  };
}

function demands({ platform }: AuthOptions): {
  readonly audience: string;
  readonly clockTolerance: number;
  readonly currentDate: Date;
  readonly requiredClaims: string[];
} {
  return {
    audience: AUDIENCE,
    clockTolerance: TOLERANCE_S,
    currentDate: new Date(platform.clock.now_ms()),
    requiredClaims: ['sub', 'exp'],
  };
}
