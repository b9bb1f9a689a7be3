import assert from 'node:assert/strict';
import fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NameMaker, channelKey, compare, equal, sameName, set } from '../../src/values/index.ts';
import type { Name } from '../../src/values/index.ts';
import { sha256 } from './arbitrary.ts';

const KEY = new Uint8Array(32).fill(1);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** How a machine draws: each task counts its own names, and what it spawns gets a number of its own. */
function* drawTree(maker: NameMaker, total: number): Generator<Name> {
  let drawn = 0;
  let lastTask = 1;
  // number of the task that runs next: tasks are numbered in the order in which they are spawned
  for (let task = 1; drawn < total && task <= lastTask; task++) {
    const count = 1 + (task % 97);
    for (let counter = 0; counter < count && drawn < total; counter++, drawn++) yield maker.draw(task, counter);
    // splits two and three ways; a merge is a task of its own as well
    lastTask += 2 + (task % 2);
  }
}

describe('a name', () => {
  it('is like no other among a million drawn by nested tasks', async function () {
    this.timeout(300_000);
    const seen = new Set<string>();
    for (const name of drawTree(new NameMaker(KEY, { sha256 }), 1_000_000)) {
      // half of the bytes: a collision there would be found sooner, not later
      seen.add(channelKey(name).slice(0, 17));
      // weak references are kept until the job ends
      if (seen.size % 20_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(seen.size, 1_000_000);
  });

  it('is the same when its task runs again, and another under another key', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), fc.maxSafeInteger().map(Math.abs), (counter, task) => {
        const first = new NameMaker(KEY, { sha256 }).draw(task, counter);
        const second = new NameMaker(KEY, { sha256 }).draw(task, counter);
        assert.equal(hex(first.bytes), hex(second.bytes));
        assert.ok(sameName(first, second));
        assert.equal(compare(first, second), 0);
        const elsewhere = new NameMaker(new Uint8Array(32).fill(2), { sha256 }).draw(task, counter);
        assert.notEqual(hex(first.bytes), hex(elsewhere.bytes));
      }),
    );
  });

  it('tells tasks and counters beyond 32 bits apart', () => {
    const maker = new NameMaker(KEY, { sha256 });
    const pairs = [
      [0, 0],
      [0, 1],
      [1, 0],
      [2 ** 32, 0],
      [0, 2 ** 32],
      [1, 2 ** 32],
      [2 ** 32 + 1, 0],
      [2 ** 53 - 1, 2 ** 53 - 1],
    ] as const;
    const all = pairs.flatMap(([task, counter]) => [
      hex(maker.draw(task, counter).bytes),
      hex(maker.effectId(task, counter)),
    ]);
    assert.equal(new Set(all).size, all.length);
  });

  it('costs no hash until somebody needs its bytes, and one then', () => {
    let hashes = 0;
    const derived: string[] = [];
    const counting = (input: Uint8Array): Uint8Array => {
      hashes++;
      return sha256(input);
    };
    const maker = new NameMaker(KEY, { sha256: counting }, (_, bytes) => derived.push(hex(bytes)));
    const name = maker.draw(1, 1);
    const other = maker.draw(1, 2);
    assert.ok(!equal(name, other) && equal(name, name));
    assert.equal(hashes, 0);
    const key = channelKey(name);
    assert.equal(channelKey(name), key);
    assert.equal(hashes, 1);
    assert.deepEqual(derived, [hex(name.bytes)]);
    assert.equal(set([name, other, name]).items.length, 2);
    assert.equal(hashes, 2);
  });

  it('is one object for one name, as long as somebody holds it', () => {
    const maker = new NameMaker(KEY, { sha256 });
    const names = Array.from({ length: 5_000 }, (_, counter) => maker.draw(9, counter));
    for (const name of names) assert.equal(maker.read(Uint8Array.from(name.bytes)), name);
    const read = Array.from({ length: 5_000 }, (_, index) => maker.read(sha256(Uint8Array.of(index, index >> 8))));
    for (const [index, name] of read.entries()) {
      assert.equal(maker.read(sha256(Uint8Array.of(index, index >> 8))), name);
    }
    for (const name of names) assert.equal(maker.read(Uint8Array.from(name.bytes)), name);
  });

  it('that was read before it was drawn again stays the object that was read', () => {
    const bytes = new NameMaker(KEY, { sha256 }).draw(4, 4).bytes;
    const maker = new NameMaker(KEY, { sha256 });
    const read = maker.read(Uint8Array.from(bytes));
    const drawn = maker.draw(4, 4);
    assert.ok(drawn.bytes.length === 32 && sameName(read, drawn));
    assert.equal(maker.read(Uint8Array.from(bytes)), read);
  });

  it('is not kept alive by the maker', async () => {
    const maker = new NameMaker(KEY, { sha256 });
    const held = maker.draw(1, 0);
    assert.equal(held.bytes.length, 32);
    let gone = 0;
    const registry = new FinalizationRegistry(() => gone++);
    for (let counter = 1; counter <= 2_000; counter++) {
      const name = maker.draw(1, counter);
      assert.equal(name.bytes.length, 32);
      registry.register(name, null);
    }
    for (let attempt = 0; attempt < 400 && gone < 1_900; attempt++) {
      // a weak reference holds until the job ends, so garbage goes between jobs
      await new Promise((resolve) => setTimeout(resolve, 5));
      collectGarbage();
    }
    assert.ok(gone >= 1_900, `${gone} of 2000 were collected`);
    assert.equal(maker.read(Uint8Array.from(held.bytes)), held);
    // reading a gone name makes it again
    const again = new NameMaker(KEY, { sha256 }).draw(1, 7);
    assert.ok(sameName(maker.read(Uint8Array.from(again.bytes)), again));
  });

  it('has 32 bytes and a key of 32 bytes, or is refused', () => {
    assert.throws(() => new NameMaker(new Uint8Array(31), { sha256 }), RangeError);
    assert.throws(() => new NameMaker(KEY, { sha256 }).read(new Uint8Array(33)), RangeError);
  });
});
