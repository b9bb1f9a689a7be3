/** Hashes and signatures: the vectors of their standards, another library's signatures, garbage, and a real space. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CryptoResolver } from '../../resolvers/crypto.ts';
import { limits } from '../../src/limits.ts';
import { openSpace } from '../../src/index.ts';
import { powerHandle } from '../../src/capability/index.ts';
import { Bytes, bytes, Name } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Host } from './host.ts';
import type { TestObject } from './host.ts';

interface Vectors {
  readonly hashes: readonly { function: string; data: string; hash: string; source: string }[];
  readonly signatures: readonly {
    function: string;
    data: string;
    signature: string;
    key: string;
    valid: boolean;
    source: string;
  }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../spec/vectors/crypto.json', import.meta.url), 'utf8'),
) as Vectors;

const hex = (text: string): Value => bytes(Buffer.from(text, 'hex'));
/** On plain channels the channel of the reply stands after the values. */
const reply = new Name(null, 0, 1, null);
const shown = (value: Value): string => {
  assert(value instanceof Bytes);
  return Buffer.from(value.bytes).toString('hex');
};

describe('crypto', () => {
  const host = new Host(new CryptoResolver().natives);
  const object = host.object('crypto', powerHandle('main/crypto'));
  const plain = (name: string): TestObject => host.object(name, 'main/crypto');

  for (const { function: name, data, hash, source } of vectors.hashes) {
    it(`${name} of ${data.length / 2} bytes is that of ${source}, on both kinds of channel`, async () => {
      assert.equal(shown(await object.call(name, hex(data))), hash);
      assert.equal(shown(await plain(`${name}Hash`).call('', hex(data), reply)), hash);
    });
  }

  for (const { function: name, data, signature, key, valid, source } of vectors.signatures) {
    it(`${name} answers ${valid}: ${source}`, async () => {
      assert.equal(await object.call(name, hex(data), hex(signature), hex(key)), valid);
      assert.equal(await plain(name).call('', hex(data), hex(signature), hex(key), reply), valid);
    });
  }

  it('agrees with another library about fresh signatures', async () => {
    const pair = generateKeyPairSync('ed25519');
    const key = bytes(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
    for (const length of [0, 1, 127, 4096]) {
      const data = Buffer.alloc(length, 5);
      const signature = sign(null, data, pair.privateKey);
      assert.equal(await object.call('ed25519Verify', bytes(data), bytes(signature), key), true);
      signature[7] = (signature[7] as number) ^ 1;
      assert.equal(await object.call('ed25519Verify', bytes(data), bytes(signature), key), false);
    }
    const data = Buffer.alloc(10_000, 9);
    assert.equal(shown(await object.call('sha256', bytes(data))), createHash('sha256').update(data).digest('hex'));
  });

  it('answers false for garbage of any length, and never throws', async () => {
    for (let length = 0; length < 140; length++) {
      const garbage = bytes(new Uint8Array(length).fill(length));
      const digest = bytes(new Uint8Array(32));
      for (const name of ['ed25519Verify', 'secp256k1Verify']) {
        assert.equal(await object.call(name, digest, garbage, garbage), false, `${name} ${length}`);
      }
    }
  });

  it('takes as much as its bound, and refuses one byte more', async () => {
    const most = bytes(new Uint8Array(limits.crypto_bytes_max));
    const more = bytes(new Uint8Array(limits.crypto_bytes_max + 1));
    for (const name of ['sha256', 'keccak256', 'blake2b256']) {
      assert(await object.call(name, most));
      assert.match(await object.refusal(name, more), /^value_too_large: .*65537 bytes, and at most 65536/);
    }
    assert.match(
      await object.refusal('ed25519Verify', more, bytes(new Uint8Array(64)), bytes(new Uint8Array(32))),
      /^value_too_large/,
    );
  });

  it('answers programs in the turn, and refuses bad arguments with an error that they hear', async () => {
    const failures: string[] = [];
    const space = await openSpace({
      grants: { powers: [{ kind: 'crypto' }] },
      onFailure: ({ code, source }) => failures.push(`${source} ${code}`),
    });
    try {
      const deploy = await space.run(`
        new box(\`rho:powerbox\`), hash(\`rho:crypto:sha256Hash\`), keccak(\`rho:crypto:keccak256Hash\`),
            blake(\`rho:crypto:blake2b256Hash\`), ed(\`rho:crypto:ed25519Verify\`), secp(\`rho:crypto:secp256k1Verify\`), r in {
          hash!("616263".hexToBytes(), *r) | for (@h <- r) {
            @"hash"!(h) |
            for (crypto <- box!?("crypto")) { @"same"!(*crypto.sha256("616263".hexToBytes()) == h) }
          } |
          new a in { keccak!("".hexToBytes(), *a) | for (@x <- a) { @"keccak"!(x) } } |
          new a in { blake!("".hexToBytes(), *a) | for (@x <- a) { @"blake"!(x) } } |
          new a in { ed!("72".hexToBytes(), "00".hexToBytes(), "00".hexToBytes(), *a) | for (@x <- a) { @"ed"!(x) } } |
          new a in { secp!("72".hexToBytes(), "00".hexToBytes(), "00".hexToBytes(), *a) | for (@x <- a) { @"secp"!(x) } } |
          new a in { hash!("text", *a) | for (@x <- a) { @"text"!(x) } } |
          new a in { hash!("61".hexToBytes(), 7, *a) | for (@x <- a) { @"more"!(x) } }
        }`);
      assert.equal((await deploy.quiescent()).failures, 0);
      const one = async (channel: string): Promise<unknown> => (await space.take(channel))?.[0];
      const hexOf = async (channel: string): Promise<string> =>
        Buffer.from((await one(channel)) as Uint8Array).toString('hex');
      assert.equal(await hexOf('hash'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      assert.equal(await one('same'), true);
      assert.equal(await hexOf('keccak'), 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470');
      assert.equal(await hexOf('blake'), '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8');
      assert.equal(await one('ed'), false);
      for (const channel of ['secp', 'text', 'more']) {
        assert.match(JSON.stringify(await one(channel)), /arguments_invalid/, channel);
      }
      assert.deepEqual(failures.toSorted(), [
        'secp256k1Verify.send arguments_invalid',
        'sha256Hash arguments_invalid',
        'sha256Hash arguments_invalid',
      ]);
    } finally {
      await space.close();
    }
  });

  it('is bound for nobody to whom it was not granted', async () => {
    const space = await openSpace({ onFailure: () => {} });
    try {
      await assert.rejects(space.run('new hash(`rho:crypto:sha256Hash`) in { hash!(1) }'), { code: 'uri_not_granted' });
    } finally {
      await space.close();
    }
  });
});
