/** Recordings of a space that is open already: they begin with what there is, hold up nothing, and replay to the same. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import { limits } from '../../src/limits.ts';
import {
  defineNative,
  isPowerboxError,
  nativeMethod,
  openSpace,
  type OpenOptions,
  replayTrace,
  type Space,
} from '../../src/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isPowerboxError(error) && error.code === code;

/** A native whose answers come when the test says so. */
function patient(): { readonly native: ReturnType<typeof defineNative>; answer(): void; readonly asked: () => number } {
  let waiting: (() => void)[] = [];
  let asked = 0;
  const native = defineNative({
    name: 'patient',
    doc: 'Waits.',
    methods: {
      wait: nativeMethod({
        doc: 'Answers later.',
        effect: 'observe',
        args: { n: z.int() },
        result: z.int(),
        run: async ({ n }) => {
          asked++;
          await new Promise<void>((resolve) => waiting.push(resolve));
          return n + 1;
        },
      }),
    },
  });
  return {
    native,
    asked: () => asked,
    answer: () => {
      const now = waiting;
      waiting = [];
      for (const resolve of now) resolve();
    },
  };
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('a recording of a space that is open', () => {
  const opened: Space[] = [];
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-record-'));
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    rmSync(folder, { recursive: true });
  });

  async function open(options: OpenOptions = {}): Promise<Space> {
    const one = await openSpace({ onFailure: () => {}, ...options });
    opened.push(one);
    return one;
  }

  it('begins with what lies, waits and is under way, and replays what came after', async () => {
    const world = patient();
    const space = await open({ data: join(folder, 'space'), durability: 'memory' });
    await space.register(world.native, { uri: 'app:world' });
    await space.produce('stock', ['tea', 7], { persist: true });
    await space.produce('orders', ['tea', 1], { lease_ms: 60_000 });
    const text = `new world(\`app:world\`) in { for (@n <- world!?("wait", 1)) { @"came"!(n) } |
      contract @"double"(@n, ret) = { ret!(2 * n) } | for (@"never" <- @"a" & @x <- @"b") { Nil } }`;
    const before = await space.run(text);
    await eventually(() => world.asked() === 1);
    const taken = space.consume([{ channel: 'came' }]);
    const trace = new MemoryTrace();
    const recording = await space.record(trace);
    world.answer();
    assert.deepEqual(await taken, [[2]]);
    await before.quiescent();
    await (await space.run('for (@n <- @"double"!?(21)) { @"b"!(n) } | @"a"!("never")')).quiescent();
    await space.take('orders');
    await recording.stop();
    // What happens now is not in it.
    await space.produce('late', [1]);
    const report = await replayTrace(trace.bytes(), { natives: [world.native] });
    assert.equal(report.complete, true);
    assert.ok(report.turns > 5);
    await space.close();
  });

  it('begins and ends while the space is busy, and holds up nothing', async () => {
    const space = await open();
    await space.run(
      'contract @"go"(@n) = { @"at"!(n) | for (@m <- @"at") { @"go"!(m + 1) } } | @"go"!(0) | @"go"!(1000000)',
    );
    for (let times = 0; times < 3; times++) {
      const trace = new MemoryTrace();
      const recording = await space.record(trace);
      for (let sent = 0; sent < 20; sent++) await space.produce('seen', [sent]);
      await recording.stop();
      const { complete, turns } = await replayTrace(trace.bytes());
      assert.equal(complete, true);
      assert.ok(turns >= 20);
    }
  });

  it('a space that is recorded from its opening and again later gives two traces of the same', async () => {
    const whole = new MemoryTrace();
    const space = await open({ trace: whole });
    await (await space.run('@"x"!(1) | for (@n <- @"x") { @"y"!(n) }')).quiescent();
    const part = new MemoryTrace();
    await using recording = await space.record(part);
    await (await space.run('for (@n <- @"y") { @"z"!(n + 1) }')).quiescent();
    // It ends with the space.
    await space.close();
    await recording.ended;
    const [one, other] = [await replayTrace(whole.bytes()), await replayTrace(part.bytes())];
    assert.deepEqual([one.complete, other.complete, other.turn], [true, true, one.turn]);
    assert.ok(other.turns < one.turns);
  });

  it('goes into a new file, and never over one that is there', async () => {
    const space = await open();
    const file = join(folder, 'run.trace');
    const recording = await space.record(file);
    await space.produce('x', [1]);
    await recording.stop();
    assert.equal((await replayTrace(file)).complete, true);
    const bytes = readFileSync(file);
    await assert.rejects(space.record(file), coded('config_invalid'));
    assert.deepEqual(readFileSync(file), bytes);
    await assert.rejects(space.record(join(folder, 'none', 'run.trace')), coded('config_invalid'));
  });

  it('of one that cannot be written on, or has no beginning, nothing is left that looks whole', async () => {
    const space = await open();
    let isFull = false;
    const full = new MemoryTrace();
    const recording = await space.record({
      write: (bytes) => {
        if (isFull) throw new Error('ENOSPC');
        full.write(bytes);
      },
      close: () => {},
    });
    isFull = true;
    await assert.rejects(
      async () => {
        for (;;) {
          await space.produce('x', ['y'.repeat(1_000)]);
          await Promise.race([recording.ended, new Promise((resolve) => setTimeout(resolve, 1))]);
        }
      },
      (error) => coded('storage_failed')(error) && (error as Error).message.includes('ENOSPC'),
    );
    await assert.rejects(replayTrace(full.bytes()), coded('trace_invalid'));
    // The space goes on.
    await space.produce('x', [1]);
    const refusing = { write: (): never => assert.fail('no room'), close: (): void => {} };
    await assert.rejects(space.record(refusing), coded('storage_failed'));
    await space.close();
    await assert.rejects(space.record(join(folder, 'late.trace')), coded('space_closed'));
    assert.equal(existsSync(join(folder, 'late.trace')), false);
  });

  it('only so many go on at once', async () => {
    const space = await open();
    const all = [];
    for (let count = 0; count < limits.recorders_max; count++) all.push(await space.record(new MemoryTrace()));
    await assert.rejects(space.record(new MemoryTrace()), coded('rate_limited'));
    for (const one of all) await one.stop();
    await (await space.record(new MemoryTrace())).stop();
  });

  describe('as a stream', () => {
    async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
      const parts: Uint8Array[] = [];
      for await (const part of stream) parts.push(part);
      return new Uint8Array(Buffer.concat(parts));
    }

    it('is the same bytes, whole when it was stopped', async () => {
      const space = await open();
      await space.produce('before', [1]);
      const stream = await space.recordStream();
      const bytes = collect(stream);
      await space.produce('x', [1]);
      await stream.stop();
      assert.equal((await replayTrace(await bytes)).complete, true);
    });

    it('a large state at the beginning waits for whoever reads, and is bounded', async () => {
      const space = await open();
      for (let index = 0; index < 12; index++) await space.produce('large', [index, randomBytes(4 << 20)]);
      const stream = await space.recordStream();
      await space.produce('x', [1]);
      const collecting = collect(stream);
      await stream.stop();
      const bytes = await collecting;
      assert.ok(bytes.length > 2 * limits.trace_stream_bytes_max);
      assert.equal((await replayTrace(bytes)).complete, true);
    });

    it('whoever reads too slowly loses the rest, and hears of it; the space goes on', async () => {
      const space = await open();
      const stream = await space.recordStream();
      // Of which nothing is read.
      for (let sent = 0; sent < 40; sent++) await space.produce('x', [randomBytes(1 << 20)]);
      await assert.rejects(collect(stream), coded('rate_limited'));
      await assert.rejects(stream.stop(), coded('rate_limited'));
      await space.produce('x', [1]);
    });

    it('leaving the loop ends the recording', async () => {
      const space = await open();
      for (let times = 0; times <= limits.recorders_max; times++)
        for await (const _ of await space.recordStream()) break;
    });
  });

  const channel = fc.constantFrom('a', 'b', 'c').map((name) => `@"${name}"`);
  const small = fc.integer({ min: 0, max: 3 });
  const part = fc.oneof(
    fc.tuple(channel, small).map(([to, n]) => `${to}!(${n})`),
    fc.tuple(channel, small).map(([to, n]) => `${to}!!(${n})`),
    fc.tuple(channel, channel).map(([from, to]) => `for (@x <- ${from}) { ${to}!(x) }`),
    fc.tuple(channel, channel).map(([one, other]) => `for (@x <- ${one} & @y <- ${other}) { @"joined"!(x, y) }`),
    fc
      .tuple(channel, small)
      .map(([from, n]) => `contract ${from}(@${n}) = { new n in { n!(1) | for (_ <- n) { @"served"!(${n}) } } }`),
    small.map((n) => `for (@m <- world!?("wait", ${n})) { @"a"!(m) }`),
  );
  const programs = fc
    .array(part, { minLength: 1, maxLength: 5 })
    .map((parts) => `new world(\`app:world\`) in { ${parts.join(' | ')} }`);

  it('whatever went before and comes after, it replays', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(programs, { minLength: 1, maxLength: 3 }),
        fc.array(programs, { maxLength: 3 }),
        async (before, after) => {
          const world = patient();
          const space = await open();
          await space.register(world.native, { uri: 'app:world' });
          for (const text of before) await space.run(text);
          const waiting = space.consume([{ channel: 'joined' }]).catch(() => {});
          const trace = new MemoryTrace();
          const recording = await space.record(trace);
          for (const text of after) await space.run(text);
          world.answer();
          await space.produce('c', [2]);
          world.answer();
          await recording.stop();
          world.answer();
          await space.close();
          await waiting;
          assert.equal((await replayTrace(trace.bytes(), { natives: [world.native] })).complete, true);
        },
      ),
      { numRuns: 80 },
    );
  });
});
