/** What is received from an inbox does not depend on the pieces in which it came. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FRAME_HEAD_BYTES, Inbox } from '../../resolvers/tcp/inbox.ts';
import type { Wanted } from '../../resolvers/tcp/inbox.ts';

const ROOM = 24;

/** The law, on plain bytes: what is answered, and what is left. */
function model(bytes: Buffer, wanted: Wanted): { readonly answer: Buffer | 'error' | null; readonly left: Buffer } {
  const cut = (start: number, end: number, next: number) => ({
    answer: bytes.subarray(start, end),
    left: bytes.subarray(next),
  });
  const stays = (answer: 'error' | null) => ({ answer, left: bytes });
  switch (wanted.kind) {
    case 'some':
      return bytes.length === 0 ? stays(null) : cut(0, bytes.length, bytes.length);
    case 'exactly':
      if (wanted.count > ROOM) return stays('error');
      return bytes.length < wanted.count ? stays(null) : cut(0, wanted.count, wanted.count);
    case 'until': {
      const found = bytes.indexOf(wanted.delimiter);
      if (found >= 0) return cut(0, found, found + wanted.delimiter.length);
      return stays(bytes.length < ROOM ? null : 'error');
    }
    case 'frame': {
      if (bytes.length < FRAME_HEAD_BYTES) return stays(null);
      const end = FRAME_HEAD_BYTES + bytes.readUInt32BE(0);
      if (end > ROOM) return stays('error');
      return bytes.length < end ? stays(null) : cut(FRAME_HEAD_BYTES, end, end);
    }
    default:
      return assert.fail();
  }
}

/** Few different bytes, so that delimiters and lengths of frames come up. */
const someBytes = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<Buffer> =>
  fc.array(fc.constantFrom(0, 1, 2, 3), options).map((items) => Buffer.from(items));

const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  fc.constant<Wanted>({ kind: 'some' }),
  fc.constant<Wanted>({ kind: 'frame' }),
  fc.record({ kind: fc.constant('exactly' as const), count: fc.integer({ min: 1, max: ROOM + 2 }) }),
  fc.record({ kind: fc.constant('until' as const), delimiter: someBytes({ minLength: 1, maxLength: 3 }) }),
);

describe('an inbox', () => {
  it('answers as if all bytes had come at once, and takes only what it answers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(someBytes({ maxLength: 9 }), fc.tuple(wanted, fc.integer({ min: 1, max: 3 }))), {
          maxLength: 60,
        }),
        (steps) => {
          const inbox = new Inbox(ROOM);
          let bytes = Buffer.alloc(0);
          for (const step of steps) {
            if (step instanceof Uint8Array) {
              inbox.add(step);
              bytes = Buffer.concat([bytes, step]);
              continue;
            }
            const [want, times] = step;
            // The same call asks again when more has come.
            for (let count = 0; count < times; count++) {
              const taken = inbox.take(want);
              const { answer, left } = model(bytes, want);
              if (answer === null || taken === null) assert.equal(taken, answer);
              else if (answer === 'error') assert.ok('code' in taken && taken.code === 'value_too_large');
              else assert.deepEqual(Buffer.from(taken as Uint8Array), Buffer.from(answer));
              bytes = Buffer.from(left);
              assert.equal(inbox.length, bytes.length);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('a delimiter in pieces is found by the call that waits for it', () => {
    fc.assert(
      fc.property(
        fc.array(someBytes({ maxLength: 4 }), { maxLength: 12 }),
        someBytes({ minLength: 1, maxLength: 3 }),
        (pieces, delimiter) => {
          const inbox = new Inbox(64);
          const want: Wanted = { kind: 'until', delimiter };
          let bytes = Buffer.alloc(0);
          for (const piece of pieces) {
            inbox.add(piece);
            bytes = Buffer.concat([bytes, piece]);
            const found = bytes.indexOf(delimiter);
            const taken = inbox.take(want);
            assert.equal(taken === null, found < 0);
            if (found < 0) continue;
            assert.deepEqual(Buffer.from(taken as Uint8Array), Buffer.from(bytes.subarray(0, found)));
            bytes = Buffer.from(bytes.subarray(found + delimiter.length));
          }
        },
      ),
    );
  });

  it('what was handed out does not change when more comes', () => {
    const inbox = new Inbox(1024);
    inbox.add(Buffer.from('first'));
    const taken = inbox.take({ kind: 'some' });
    for (let count = 0; count < 100; count++) inbox.add(Buffer.from('XXXXXXXXXX'));
    assert.equal(String(Buffer.from(taken as Uint8Array)), 'first');
  });

  it('bytes that come one by one are moved a bounded number of times', () => {
    const inbox = new Inbox(1024 * 1024);
    const one = Buffer.from([7]);
    for (let count = 0; count < 500_000; count++) inbox.add(one);
    assert.equal((inbox.take({ kind: 'some' }) as Uint8Array).length, 500_000);
  });
});
