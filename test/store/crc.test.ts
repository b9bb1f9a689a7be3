/** Our checksums are those that everyone else computes, over any part of a buffer and from any start. */
import { strictEqual } from 'node:assert/strict';
import { crc32 as crc32OfNode } from 'node:zlib';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { crc32, crc32c } from '../../src/store/crc.ts';

describe('checksums', () => {
  it('CRC-32 is the one of zlib, short or long, wherever it starts and whatever it goes on from', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3_000, size: 'max' }),
        fc.nat(3_000),
        fc.nat(3_000),
        fc.nat(2 ** 32 - 1),
        (bytes, one, other, seed) => {
          const start = Math.min(one, other, bytes.length);
          const end = Math.min(Math.max(one, other), bytes.length);
          // Of nothing, Node's is 0 whatever it goes on from.
          const expected = start === end ? seed : crc32OfNode(bytes.subarray(start, end), seed);
          strictEqual(crc32(bytes, start, end, seed), expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('CRC-32C gives the check value of its definition', () => {
    const digits = new Uint8Array(Buffer.from('x123456789x'));
    strictEqual(crc32c(digits, 1, 10), 0xe3069283);
    strictEqual(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa);
  });
});
