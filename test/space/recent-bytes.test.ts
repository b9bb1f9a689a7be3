/** Bytes that were hashed lately are known again, and no others are taken for them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { limits } from '../../src/limits.ts';
import { RecentBytes } from '../../src/space/recent-bytes.ts';

const hashOf = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

describe('space: bytes hashed lately', () => {
  it('have the hash that they had, whatever else was put there and however alike it looks', () => {
    const content = fc.uint8Array({ minLength: 1, maxLength: 100 });
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(fc.tuple(content, change), { minLength: 1, maxLength: 20 }), (cases) => {
        const recent = new RecentBytes();
        for (const [bytes, { at, by }] of cases) {
          recent.add(bytes, hashOf(bytes));
          assert.deepEqual(recent.hashOf(bytes.slice()), hashOf(bytes));
          const other = bytes.slice();
          other[at % other.length] = by;
          const known = recent.hashOf(other);
          if (known !== undefined) assert.deepEqual(known, hashOf(other));
        }
      }),
    );
  });

  it('are forgotten, the oldest first, when they are too many', () => {
    const recent = new RecentBytes();
    const piece = (fill: number): Uint8Array => new Uint8Array(limits.bytes_recent_max / 4).fill(fill);
    for (let fill = 0; fill < 5; fill++) recent.add(piece(fill), Uint8Array.of(fill));
    assert.equal(recent.hashOf(piece(0)), undefined);
    for (let fill = 1; fill < 5; fill++) assert.deepEqual(recent.hashOf(piece(fill)), Uint8Array.of(fill));
    const huge = new Uint8Array(limits.bytes_recent_max);
    recent.add(huge, Uint8Array.of(9));
    assert.equal(recent.hashOf(huge), undefined);
  });
});
