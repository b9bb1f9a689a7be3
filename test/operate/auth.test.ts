/** Tokens that name a holder: what is taken, and what is not. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { isPowerboxError } from '../../src/errors.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { issueToken, openAuthenticator, rotateSecret } from '../../src/service/auth.ts';
import type { Authenticator } from '../../src/service/index.ts';

describe('operate: tokens', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-auth-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  let now_ms = Date.parse('2026-01-31T12:00:00Z');
  const platform = { ...realPlatform(), clock: { now_ms: () => now_ms, monotonic_ms: () => now_ms } };
  const options = (): { directory: string; platform: typeof platform } => ({ directory, platform });
  const holderOf = async (auth: Authenticator, token: string | null, loopback = true): Promise<string> => {
    try {
      return (await auth.authenticate({ token, loopback })).holder;
    } catch (error) {
      assert.ok(isPowerboxError(error));
      assert.equal(error.code, 'auth_failed');
      if (token !== null && token.length > 20) assert.ok(!error.message.includes(token));
      return error.message;
    }
  };

  it('one that the node has made names its holder and its spaces until its time is over', async () => {
    const token = await issueToken(options(), { holder: 'alice', spaces: ['shop'], lifetime_ms: 60_000 });
    const auth = await openAuthenticator(options(), {});
    assert.deepEqual(await auth.authenticate({ token, loopback: false }), {
      holder: 'alice',
      expires_ms: now_ms + 60_000,
      spaces: ['shop'],
    });
    now_ms += 70_000;
    assert.equal(await holderOf(auth, token), 'the token has expired');
  });

  it('the secret is made once, for its user alone, and not taken when others may read it', async () => {
    await openAuthenticator(options(), {});
    const path = join(directory, 'secret');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const before = readFileSync(path, 'utf8');
    await Promise.all([openAuthenticator(options(), {}), openAuthenticator(options(), {})]);
    assert.equal(readFileSync(path, 'utf8'), before);
    chmodSync(path, 0o644);
    await assert.rejects(openAuthenticator(options(), {}), coded('config_invalid'));
    chmodSync(path, 0o600);
    writeFileSync(path, '{}');
    await assert.rejects(openAuthenticator(options(), {}), coded('config_invalid'));
  });

  it('after a rotation those that there were hold on, and with drop they hold no more, at a node that runs', async () => {
    const auth = await openAuthenticator(options(), {});
    const first = await issueToken(options(), { holder: 'alice', lifetime_ms: 60_000 });
    assert.equal(await holderOf(auth, first), 'alice');
    await rotateSecret(options(), { drop: false });
    const second = await issueToken(options(), { holder: 'bob', lifetime_ms: 60_000 });
    assert.deepEqual([await holderOf(auth, first), await holderOf(auth, second)], ['alice', 'bob']);
    await rotateSecret(options(), { drop: true });
    const told = 'the token does not hold';
    assert.deepEqual([await holderOf(auth, first), await holderOf(auth, second)], [told, told]);
  });

  it('one that somebody else made, changed, signed otherwise or not at all, or that is none, does not hold', async () => {
    const auth = await openAuthenticator(options(), {});
    const token = await issueToken(options(), { holder: 'alice', lifetime_ms: 60_000 });
    const [head = '', body = '', seal = ''] = token.split('.');
    const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    const kid = JSON.parse(Buffer.from(head, 'base64url').toString()).kid as string;
    const signed = (payload: object, key: Uint8Array, header: object = { alg: 'HS256', kid }): Promise<string> =>
      new SignJWT(payload as never).setProtectedHeader(header as never).sign(key);
    const secret = Buffer.from(JSON.parse(readFileSync(join(directory, 'secret'), 'utf8')).keys[0].key, 'base64url');
    const { exp: _, ...endless } = claims;
    const wrong = [
      '',
      'x',
      'a.b.c',
      'x'.repeat(100_000),
      `${head}.${encoded({ ...claims, sub: 'root' })}.${seal}`,
      `${encoded({ alg: 'none' })}.${body}.`,
      `${encoded({ alg: 'none', kid })}.${body}.`,
      await signed(claims, Buffer.alloc(32, 1)),
      await signed(claims, secret, { alg: 'HS512', kid }),
      await signed(claims, secret, { alg: 'HS256' }),
      await signed(endless, secret),
      await signed({ ...claims, aud: 'another' }, secret),
      await signed({ ...claims, sub: 'operator-1' }, secret),
      await signed({ ...claims, sub: '../x' }, secret),
      await signed({ ...claims, spaces: 'all' }, secret),
    ];
    for (const each of wrong) assert.equal(await holderOf(auth, each), 'the token does not hold', each.slice(0, 60));
    assert.equal(await holderOf(auth, await signed(claims, secret)), 'alice');
  });

  it('with a public key somebody else signs, and the key cannot be used as a secret', async () => {
    const pem = join(directory, 'public.pem');
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const text = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    writeFileSync(pem, text);
    const auth = await openAuthenticator(options(), { publicKey: pem });
    const claims = { sub: 'alice', aud: 'powerbox', exp: Math.floor(now_ms / 1000) + 60 };
    const signed = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
    assert.equal(await holderOf(auth, signed), 'alice');
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(text));
    assert.equal(await holderOf(auth, forged), 'the token does not hold');
    const own = await issueToken(options(), { holder: 'alice', lifetime_ms: 60_000 });
    assert.equal(await holderOf(auth, own), 'the token does not hold');
    writeFileSync(pem, 'no key\n');
    await assert.rejects(openAuthenticator(options(), { publicKey: pem }), coded('config_invalid'));
  });

  it('without a token nobody comes in, but on this machine where the operator says so', async () => {
    assert.equal(await holderOf(await openAuthenticator(options(), {}), null), 'a token is needed');
    const auth = await openAuthenticator(options(), { anonymous: 'guest' });
    assert.equal(await holderOf(auth, null), 'guest');
    assert.equal(await holderOf(auth, null, false), 'a token is needed');
    assert.equal(await holderOf(auth, 'x'), 'the token does not hold');
  });

  it('a token for nobody, or for ever, is not made', async () => {
    for (const [holder, lifetime_ms] of [
      ['operator-1', 60_000],
      ['a b', 60_000],
      ['alice', 0],
      ['alice', 1e15],
    ] as const)
      await assert.rejects(issueToken(options(), { holder, lifetime_ms }), coded('usage'));
  });
});

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}
