/** Frames between nodes: as spec/vectors/peers.json has them, and refused when they are anything else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { isPowerboxError } from '../../../src/errors.ts';
import { decodeValue, encodeValue } from '../../../src/values/index.ts';
import { decodeFrame, encodeFrame, FrameReader } from '../../../resolvers/peers/frames.ts';
import type { Frame } from '../../../resolvers/peers/frames.ts';
import { identityOf, pairKey, readIdentity } from '../../../resolvers/peers/keys.ts';

interface Vectors {
  readonly keys: readonly Record<'secret' | 'from' | 'to' | 'identity' | 'key', string>[];
  readonly frames: readonly { readonly frame: Frame & { readonly value?: unknown }; readonly bytes: string }[];
  readonly refused: readonly { readonly why: string; readonly body: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../spec/vectors/peers.json', import.meta.url), 'utf8'),
) as Vectors;

const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const noNames = (): never => assert.fail('a name');
const isRefused = (error: unknown): boolean => isPowerboxError(error) && error.code === 'peer_refused';

/** In the vectors the value of a message stands as its bytes. */
function shown(frame: Frame): unknown {
  return frame.type === 'message' ? { ...frame, value: hex(encodeValue(frame.value)) } : frame;
}

describe('peers: frames', () => {
  for (const { frame, bytes } of vectors.frames) {
    it(`${frame.type} ${bytes.slice(8, 40)}`, () => {
      const meant =
        frame.type === 'message' ? { ...frame, value: decodeValue(unhex(String(frame.value)), noNames) } : frame;
      assert.equal(hex(encodeFrame(meant)), bytes);
      assert.deepEqual(shown(decodeFrame(unhex(bytes).subarray(4))), frame);
    });
  }

  it('every kind of frame has a vector', () => {
    const kinds = ['hello', 'welcome', 'refused', 'alive', 'open', 'shut', 'message', 'taken', 'declined', 'forget'];
    assert.deepEqual([...new Set(vectors.frames.map(({ frame }) => frame.type))].sort(), kinds.sort());
  });

  for (const { why, body } of vectors.refused) {
    it(`refuses ${why}`, () => assert.throws(() => decodeFrame(unhex(body)), isRefused));
  }

  it('any bytes are a frame that is written the same again, or refused', () => {
    const bodies = vectors.frames.map(({ bytes }) => unhex(bytes).subarray(4));
    const garbled = fc
      .tuple(fc.constantFrom(...bodies), fc.nat(), fc.nat(255))
      .map(([body, at, byte]) => Uint8Array.from(body, (old, index) => (index === at % body.length ? byte : old)));
    fc.assert(
      fc.property(fc.oneof(garbled, fc.uint8Array({ maxLength: 64 })), (body) => {
        let frame: Frame;
        try {
          frame = decodeFrame(body);
        } catch (error) {
          return isRefused(error);
        }
        return hex(encodeFrame(frame).subarray(4)) === hex(body);
      }),
      { numRuns: 1_000 },
    );
  });

  it('frames are the same however the connection cuts them', () => {
    const all = Buffer.concat(vectors.frames.map(({ bytes }) => unhex(bytes)));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const reader = new FrameReader();
        const bodies: string[] = [];
        for (let at = 0, turn = 0; at < all.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          for (const body of reader.push(all.subarray(at, at + size), () => 1_000)) bodies.push(hex(body));
          at += size;
        }
        assert.deepEqual(
          bodies,
          vectors.frames.map(({ bytes }) => bytes.slice(8)),
        );
      }),
    );
  });

  it('a length beyond the bound is refused before anything of it has come', () => {
    const reader = new FrameReader();
    assert.throws(() => [...reader.push(Uint8Array.of(0, 0, 4, 1), () => 1_024)], /1025 bytes came; 1 to 1024/);
    assert.throws(() => [...new FrameReader().push(Uint8Array.of(0, 0, 0, 0), () => 1_024)], isRefused);
  });

  it('nested beyond any bound is refused like everything else', () => {
    const deep = new Uint8Array(1_000_000).fill(0x91);
    assert.throws(() => decodeFrame(deep), isRefused);
  });
});

describe('peers: keys', () => {
  for (const { secret, from, to, identity, key } of vectors.keys) {
    it(`from ${from} to ${to}`, () => {
      assert.equal(identityOf(from, to), identity);
      assert.deepEqual(readIdentity(identity), { from, to });
      assert.equal(hex(pairKey(new TextEncoder().encode(secret), from, to)), key);
    });
  }

  it('what is no identity is none', () => {
    for (const text of ['', 'powerbox-peers', 'powerbox-peers a', 'powerbox-peers a b c', 'other a b'])
      assert.equal(readIdentity(text), null);
  });
});
