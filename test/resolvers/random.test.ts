/** Randomness: within its bounds, from the platform, and each number as likely. */
import assert from 'node:assert/strict';
import { RandomResolver } from '../../resolvers/random.ts';
import { powerHandle } from '../../src/capability/index.ts';
import { realPlatform, simulatedPlatform } from '../../src/platform/index.ts';
import type { Randomness } from '../../src/platform/index.ts';
import { Bytes } from '../../src/values/index.ts';
import { Host } from './host.ts';
import type { TestObject } from './host.ts';

function randomOf(
  randomness: Randomness,
  bytes_max = 64,
): { readonly resolver: RandomResolver; readonly object: TestObject } {
  const resolver = new RandomResolver(randomness);
  resolver.grant('main/random', { kind: 'random', name: 'random', bytes_max });
  return { resolver, object: new Host(resolver.natives).object('random', powerHandle('main/random')) };
}

describe('random', () => {
  it('answers as many bytes as were asked for, others each time', async () => {
    const { object } = randomOf(realPlatform().randomness);
    const [one, other, none] = [
      await object.call('bytes', 32),
      await object.call('bytes', 32),
      await object.call('bytes', 0),
    ];
    assert(one instanceof Bytes && other instanceof Bytes && none instanceof Bytes);
    assert.deepEqual([one.bytes.length, other.bytes.length, none.bytes.length], [32, 32, 0]);
    assert.notDeepEqual(one.bytes, other.bytes);
  });

  it('answers what the platform draws, so that a simulation is the same again', async () => {
    const draw = async (): Promise<unknown> => randomOf(simulatedPlatform(7).randomness).object.call('bytes', 16);
    assert.deepEqual(await draw(), await draw());
  });

  it('answers no more bytes than were granted', async () => {
    const { object } = randomOf(realPlatform().randomness, 8);
    await object.call('bytes', 8);
    assert.equal(
      await object.refusal('bytes', 9),
      'value_too_large: this grant answers at most 8 random bytes at once, but 9 were asked for',
    );
  });

  it('draws again what lies past the bound, instead of folding it back', async () => {
    // Three numbers need two bits; 3 is past them, and the upper bits of a byte do not count.
    const drawn = [0b111, 0b1011, 0b110, 0b01];
    const { object } = randomOf({ bytes: (length) => new Uint8Array(length).fill(drawn.shift() ?? 0) });
    assert.equal(await object.call('int', 10, 12), 12);
    assert.deepEqual(drawn, [0b01]);
  });

  it('reaches every integer of its range about equally often', async () => {
    const { object } = randomOf(simulatedPlatform(1).randomness);
    const counts = new Map<unknown, number>();
    for (let round = 0; round < 6_000; round++) {
      const value = await object.call('int', -1, 4);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].toSorted(), [-1, 0, 1, 2, 3, 4]);
    for (const count of counts.values()) assert(count > 850 && count < 1150, `${count} of 6000`);
  });

  it('takes the whole range of integers, and a range of one', async () => {
    const { object } = randomOf(realPlatform().randomness);
    const value = await object.call('int', -(2n ** 63n), 2n ** 63n - 1n);
    assert(typeof value === 'number' || typeof value === 'bigint');
    assert.equal(await object.call('int', 5, 5), 5);
    assert.equal(
      await object.refusal('int', 2, 1),
      'arguments_invalid: least must not be above greatest, but 2 and 1 came',
    );
  });

  it('answers nothing under a grant that is gone', async () => {
    const { resolver, object } = randomOf(realPlatform().randomness);
    resolver.revoke('main/random');
    assert.match(await object.refusal('bytes', 1), /^not_available: the grant "main\/random"/);
  });
});
