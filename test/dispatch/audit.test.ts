/** Laws of the rows of the audit: dropped by age and by size, from the front, and no further than that. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { limits } from '../../src/limits.ts';
import { Audit, type Retention } from '../../src/dispatch/index.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { SpaceEngine } from '../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk } from '../../src/store/index.ts';
import { Bytes, encodeValue, equal, List, Tuple, type Value } from '../../src/values/index.ts';

const call = {
  account: 1,
  grant: 'alice/files',
  cap: 'alice/files',
  native: 'file',
  method: 'append',
  result: 'ok',
  change: 3,
};

/** Of what the disk holds; it runs no task. */
async function engineOn(disk: SimulatedDisk): Promise<SpaceEngine> {
  const { platform } = disk;
  const store = await platform.run(openSimulatedStore(disk));
  const engine = await platform.run(SpaceEngine.open({ platform, store }));
  engine.start({ handling: () => 'parked', run: () => {}, deliver: () => {} });
  return engine;
}

describe('the audit', () => {
  /** Called as this, with what was measured. */
  const calls = fc.array(
    fc.record({
      grant: fc.constantFrom('', 'alice/files', 'bob/net'),
      cap: fc.constantFrom('', 'alice/files', '~7', 'ü'),
      native: fc.constantFrom('file', 'socket'),
      method: fc.constantFrom('append', 'send', 'x'.repeat(40)),
      result: fc.constantFrom('ok', 'timed_out'),
      account: fc.nat(3),
      change: fc.option(fc.nat(2 ** 40)),
      start_ms: fc.nat(),
      duration_ms: fc.nat(70_000),
      bytes: fc.nat(),
    }),
    { minLength: 1, maxLength: 30 },
  );

  it('tells each call as it was, whoever called whom before, over kills; words that come again are named by a number', () =>
    fc.assert(
      fc.asyncProperty(calls, fc.nat(30), async (made, killedAt) => {
        const disk = new SimulatedDisk(simulatedPlatform(1));
        const { platform } = disk;
        const open = async (): Promise<{ audit: Audit; engine: SpaceEngine }> => {
          const engine = await engineOn(disk);
          const audit = new Audit(platform.hashing, platform.clock);
          audit.attach(engine);
          return { audit, engine };
        };
        let { audit, engine } = await open();
        const digest = new Uint8Array(32).fill(3);
        for (const [number, { start_ms, duration_ms, bytes, ...call }] of made.entries()) {
          if (number === killedAt) {
            disk.crash();
            ({ audit, engine } = await open());
          }
          await platform.run(
            engine.post({ kind: 'test', payload: null, account: 1 }, (turn) =>
              audit.record(turn, call, { start_ms, duration_ms, bytes, digest }),
            ),
          );
        }
        const numbered = new Set<string>();
        let total_bytes = 0;
        for (const [number, { change, ...said }] of made.entries()) {
          const { account, start_ms, duration_ms, bytes, grant, cap, native, method, result } = said;
          const effectId = change === null ? new Uint8Array(0) : engine.names.effectId(change, 0);
          assert.deepEqual(audit.read(number), { number, holder: '', ...said, digest, effectId });
          const texts = ['', grant, cap, native, method, result];
          if (cap === grant) numbered.add(texts.join());
          const place = [...numbered].indexOf(texts.join());
          total_bytes += 64 + (place < 0 ? texts.join('').length : 0);
          const words = place < 0 ? new Tuple(texts) : place;
          const numbers = [total_bytes, start_ms, duration_ms, bytes, account];
          const row = engine.logs.read('audit', number) as Tuple;
          assert.ok(equal(row, new Tuple([...numbers, words, new Bytes(digest), change])));
          if (typeof words === 'number')
            assert.ok(equal(engine.fact(`audit/words/${words}`) ?? null, new Tuple(texts)));
        }
        assert.equal([...engine.facts('audit/words/')].length, numbered.size);
        if (killedAt >= made.length)
          assert.equal(
            [...audit.tallies()].reduce((sum, { count }) => sum + count, 0),
            made.length,
          );
        await platform.run(engine.close());
      }),
      { numRuns: 40 },
    ));

  it('reads rows of earlier versions, which have their words and their effect id as they are', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(2));
    const { platform } = disk;
    const engine = await engineOn(disk);
    const [digest, effectId] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)];
    const row = (id: Uint8Array): Tuple =>
      new Tuple([
        ...[185, 1_000, 3, 12, 2, 'alice', 'alice/files', '~t41', 'file', 'append', 'ok'],
        ...[new Bytes(digest), new Bytes(id)],
      ]);
    await platform.run(
      engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
        turn.log('audit', row(effectId));
        turn.log('audit', row(new Uint8Array(0)));
      }),
    );
    const audit = new Audit(platform.hashing, platform.clock);
    audit.attach(engine);
    const told = { start_ms: 1_000, duration_ms: 3, bytes: 12, account: 2, holder: 'alice', grant: 'alice/files' };
    const words = { cap: '~t41', native: 'file', method: 'append', result: 'ok' };
    assert.deepEqual(audit.read(0), { number: 0, ...told, ...words, digest, effectId });
    assert.deepEqual(audit.read(1), { number: 1, ...told, ...words, digest, effectId: new Uint8Array(0) });
    await platform.run(engine.close());
  });

  it('hashes the canonical bytes of the arguments, whatever was said before, and counts them and what came back', () => {
    const { hashing, clock } = simulatedPlatform(1);
    const audit = new Audit(hashing, clock);
    const word: fc.Arbitrary<Value> = fc.oneof(
      fc.integer(),
      fc.constantFrom<Value>('', '1', 1, 0, null, 2 ** 40, 'ü', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(5_000)),
    );
    const said = fc.oneof(fc.array(word, { maxLength: 3 }), fc.array(fc.string(), { maxLength: 1 }));
    fc.assert(
      fc.property(fc.array(said, { minLength: 1, maxLength: 30 }), word, (calls, answer) => {
        for (const args of [...calls, ...calls]) {
          const bytes = encodeValue(new List(args));
          const outcome = new Tuple(['ok', new Tuple([answer])]);
          const measured = audit.measured(7, args, { outcome, bytes: null });
          assert.deepEqual([measured.digest, audit.digest(args)], [hashing.sha256(bytes), hashing.sha256(bytes)]);
          assert.equal(measured.bytes, bytes.length + encodeValue(outcome).length);
          assert.equal(audit.measured(7, args, { outcome, bytes: 9 }).bytes, 9);
        }
      }),
    );
    // More words than are kept, also behind one of them.
    for (const round of [1, 2])
      for (let word = 0; word < 1_100; word += round)
        for (const args of [[word], ['word', word % 8], [word, 'word']])
          assert.deepEqual(audit.digest(args), hashing.sha256(encodeValue(new List(args))));
  });

  it('a program that derives without end makes no fact for what it derived, nor does anybody past the bound', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(3));
    const { platform } = disk;
    const engine = await engineOn(disk);
    const audit = new Audit(platform.hashing, platform.clock);
    audit.attach(engine);
    const start_ms = platform.clock.now_ms();
    const measured = { start_ms, duration_ms: 0, bytes: 1, digest: new Uint8Array(32) };
    const record = (calls: readonly (typeof call)[]): Promise<void> =>
      platform.run(
        engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
          for (const one of calls) audit.record(turn, one, measured);
        }),
      );
    await record(Array.from({ length: 3_000 }, (_, index) => ({ ...call, cap: `~t${index}` })));
    assert.equal([...engine.facts('audit/words/')].length, 0);
    await record(Array.from({ length: 3_000 }, (_, index) => ({ ...call, method: `m${index}` })));
    assert.equal([...engine.facts('audit/words/')].length, limits.audit_words_max);
    for (const index of [0, 1_023, 1_024, 2_999]) {
      assert.equal(audit.read(index)?.cap, `~t${index}`);
      assert.equal(audit.read(3_000 + index)?.method, `m${index}`);
    }
    await platform.run(engine.close());
  });

  it('keeps what is young enough and what fits, whatever was written when, over kills', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(2_000), { minLength: 1, maxLength: 40 }),
        fc.record({ age_ms_max: fc.integer({ min: 1, max: 20_000 }), bytes_max: fc.integer({ min: 1, max: 6_000 }) }),
        fc.nat(),
        async (gaps_ms, retention, seed) => {
          const disk = new SimulatedDisk(simulatedPlatform(seed));
          const { platform } = disk;
          let now_ms = 1_000;
          const clock = { now_ms: () => now_ms, monotonic_ms: () => now_ms };
          const open = async (kept: Partial<Retention>): Promise<{ audit: Audit; engine: SpaceEngine }> => {
            const engine = await engineOn(disk);
            const audit = new Audit(platform.hashing, clock, kept);
            audit.attach(engine);
            return { audit, engine };
          };
          const first = await open({});
          const starts: number[] = [];
          for (const gap_ms of gaps_ms) {
            now_ms += gap_ms;
            starts.push(now_ms);
            const measured = { start_ms: now_ms, duration_ms: 0, bytes: 1, digest: new Uint8Array(32) };
            await platform.run(
              first.engine.post({ kind: 'test', payload: null, account: 1 }, (turn) =>
                first.audit.record(turn, call, measured),
              ),
            );
          }
          disk.crash();
          const second = await open(retention);
          assert.deepEqual(second.audit.range(), { first: 0, next: starts.length });
          await platform.run(second.audit.trim());
          const { first: from, next } = second.audit.range();
          assert.equal(next, starts.length);
          // What one row counts for: all are alike.
          const row_bytes = 64;
          const stays = (index: number): boolean =>
            (starts[index] as number) >= now_ms - retention.age_ms_max &&
            (starts.length - 1 - index) * row_bytes < retention.bytes_max;
          const expected = starts.findIndex((_, index) => stays(index));
          assert.equal(from, expected < 0 ? starts.length : expected);
          for (let number = from; number < next; number++)
            assert.equal(second.audit.read(number)?.start_ms, starts[number]);
          await platform.run(second.engine.close());
        },
      ),
      { numRuns: 60 },
    ));

  it('drops what is too much while it goes on, by what it remembers of its own rows, and reads few of older ones', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(7));
    const { platform } = disk;
    const row_bytes = 64;
    const keptRows = 4_000;
    const measured = { start_ms: 5_000, duration_ms: 0, bytes: 1, digest: new Uint8Array(32) };
    const clock = { now_ms: () => 5_000, monotonic_ms: () => 5_000 };
    const open = async (bytes_max: number): Promise<{ audit: Audit; engine: SpaceEngine; looks: () => number }> => {
      const engine = await engineOn(disk);
      const audit = new Audit(platform.hashing, clock, { bytes_max });
      let looks = 0;
      const { logs } = engine;
      const watched = Object.create(logs, {
        range: { value: logs.range.bind(logs) },
        read: {
          value: (name: string, number: number): Value | undefined => {
            looks++;
            return logs.read(name, number);
          },
        },
      }) as typeof logs;
      const { names } = engine;
      const [enact, register] = [engine.enact.bind(engine), engine.register.bind(engine)];
      const [fact, facts] = [engine.fact.bind(engine), engine.facts.bind(engine)];
      audit.attach({ enact, register, fact, facts, names, logs: watched });
      await platform.run(audit.trim());
      return { audit, engine, looks: () => looks };
    };
    const write = (audit: Audit, engine: SpaceEngine, count: number): Promise<void> =>
      platform.run(
        (async () => {
          await engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
            for (let row = 0; row < count; row++) audit.record(turn, call, measured);
          });
          await engine.durable();
        })(),
      );
    const unbounded = await open(2 ** 40);
    for (let turn = 0; turn < 80; turn++) await write(unbounded.audit, unbounded.engine, 100);
    disk.crash();
    const { audit, engine, looks } = await open(keptRows * row_bytes);
    assert.deepEqual(audit.range(), { first: 8_000 - keptRows, next: 8_000 });
    let next = 8_000;
    const grow = async (turns: number): Promise<void> => {
      for (let turn = 0; turn < turns; turn++) {
        await write(audit, engine, 100);
        next += 100;
        const { first } = audit.range();
        assert.equal(audit.range().next, next);
        assert.ok(next - first >= keptRows, `${next - first} rows are left`);
        // Three looks' worth: one until it is looked, one to the next mark, one while the cause is on its way.
        assert.ok(next - first <= keptRows + 3 * 512 + 100, `${next - first} rows are left`);
      }
    };
    // Those of the process before are looked at once in so many rows.
    const before = looks();
    await grow(48);
    assert.ok(looks() - before <= 2 * Math.ceil(4_800 / 512), `${looks() - before} looks`);
    // From here on all are rows of this process: none is read any more.
    const own = looks();
    await grow(48);
    assert.equal(looks(), own);
    await platform.run(engine.close());
  });
});
