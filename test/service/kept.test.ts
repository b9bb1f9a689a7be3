/** What is not acknowledged is kept in facts, those of one commit as one: nothing in it is lost or told again by that. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { internalsOf, type Space } from '../../src/embedding/index.ts';
import type { ClientMessage } from '../../src/wire/index.ts';
import type { RawClient } from './raw-client.ts';
import { Bench } from './support.ts';

/** Keys of the facts that hold deliveries. */
function kept(space: Space): readonly string[] {
  const keys = [...internalsOf(space).engine.facts('ws/')].map(([key]) => key);
  return keys.filter((key) => key.split('/')[2]?.startsWith('d') === true);
}

/** So many answers in one commit, for they come in one frame. */
async function answers(client: RawClient, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => client.id());
  client.say(...ids.map((id) => ({ kind: 'names', id, count: 1 }) as const));
  await client.answer(ids[count - 1] as number);
}

describe('deliveries that are not acknowledged', () => {
  const bench = new Bench();
  let data: string;
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'powerbox-kept-'));
  });
  afterEach(async () => {
    await bench.close();
    await rm(data, { recursive: true });
  });

  it('of one commit are one fact, which goes with the last of them', async () => {
    const space = await bench.space({ data });
    const client = await bench.connect(await bench.serve(space));
    await answers(client, 100);
    assert.equal(kept(space).length, 1);
    client.say({ kind: 'ack', number: 99 });
    await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    assert.equal(kept(space).length, 1);
    client.say({ kind: 'ack', number: 100 });
    await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    assert.deepEqual(kept(space), []);
  });

  it('are more than one fact when they are large', async () => {
    const space = await bench.space({ data });
    const client = await bench.connect(await bench.serve(space));
    const text = 'x'.repeat(100_000);
    const ids = Array.from({ length: 16 }, () => client.id());
    client.say(
      ...ids.map(
        (id, index): ClientMessage =>
          index % 2 === 0
            ? { kind: 'produce', id, channel: 'c', message: [text], persist: false, lease_ms: null }
            : { kind: 'take', id, slots: [{ channel: 'c', pattern: null, peek: false }], limit_ms: 0 },
      ),
    );
    await client.answer(ids[15] as number);
    assert.equal(kept(space).length, 3);
  });

  it('come again with their numbers after any restart, and those that are acknowledged do not', async () => {
    const step = fc.oneof(
      fc.record({ answers: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ acknowledge: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.constant({ restart: true } as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        const directory = await mkdtemp(join(data, 'space-'));
        let space = await bench.space({ data: directory });
        let client = await bench.connect(await bench.serve(space));
        const { id: session, secret } = client.key();
        let made = 0;
        let handled = 0;
        for (const one of [...steps, { restart: true } as const]) {
          if ('answers' in one) {
            await answers(client, one.answers);
            made += one.answers;
          } else if ('acknowledge' in one) {
            handled += Math.floor((made - handled) * one.acknowledge);
            client.say({ kind: 'ack', number: handled });
            await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
          } else {
            await bench.close();
            space = await bench.space({ data: directory });
            // It has forgotten what it has handled: only the space knows.
            client = await bench.connect(await bench.serve(space), { session: { id: session, secret, handled: 0 } });
            await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
            const expected = Array.from({ length: made - handled }, (_, index) => handled + 1 + index);
            assert.deepEqual(client.numbers(), expected);
            assert.equal(kept(space).length === 0, made === handled);
          }
        }
        await bench.close();
      }),
      { numRuns: 6 },
    );
  });
});
