/**
 * A storage error is final: who was in flight hears outcome_unknown, who comes later space_closed, and opening
 * the space again finds everything that was acknowledged. On the simulated disk, and with a sync that really fails.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import fc from 'fast-check';
import { compilePattern } from '../../src/match/index.ts';
import { realPlatform, simulatedPlatform } from '../../src/platform/index.ts';
import { SpaceEngine, SpaceHost } from '../../src/space/index.ts';
import { openSimulatedStore, openStore, SimulatedDisk, type Store } from '../../src/store/index.ts';
import { FreeVariable } from '../../src/values/index.ts';
import { inDirectory, run as runCommand, skipWith } from '../store/support/place.ts';

const any = compilePattern([new FreeVariable(0)], null);

async function openOn(
  disk: SimulatedDisk,
  options: object = {},
): Promise<{ engine: SpaceEngine; host: SpaceHost; store: Store }> {
  const { platform } = disk;
  const store = await platform.run(openSimulatedStore(disk));
  const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
  engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
  return { engine, host: new SpaceHost(engine, platform), store };
}

function dataOn(engine: SpaceEngine, channel: string): unknown[] {
  const found: unknown[] = [];
  const cursor = engine.place(channel).data?.walk();
  for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null) found.push(datum.message[0]);
  return found;
}

describe('space: a storage error', () => {
  it('answers each caller accepted, outcome_unknown or space_closed, in this order, and loses nothing acknowledged', async () => {
    const seeds = fc.integer({ min: 1, max: 1e6 });
    let unknown = 0;
    let closed = 0;
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 0, max: 12 }),
        fc.constantFrom('stop', 'kill', 'crash'),
        fc.boolean(),
        async (seed, good, how, cuts) => {
          const disk = new SimulatedDisk(simulatedPlatform(seed));
          const { platform } = disk;
          const { engine, host } = await openOn(
            disk,
            cuts ? { journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 } : {},
          );
          disk.failSyncAfter(good);
          const answers: string[] = [];
          const answer = (index: number, how: string): void => {
            answers[index] = how;
          };
          const calls: Promise<void>[] = [];
          for (let index = 0; index < 40; index++) {
            calls.push(
              host.produce('a', [index]).then(
                () => answer(index, 'accepted'),
                (error) => answer(index, error.code),
              ),
            );
            if (index % 3 === 0) await platform.step();
          }
          const waiting = host
            .take({ slots: [{ channel: 'never', pattern: any }] })
            .catch((error) => error.code as string);
          await platform.run(Promise.all(calls));
          if (engine.closed !== null) {
            assert.ok(['space_closed', 'outcome_unknown'].includes((await platform.run(waiting)) as string));
            await assert.rejects(platform.run(host.produce('a', [99])), { code: 'space_closed' });
            await assert.rejects(platform.run(engine.durable()), { code: 'space_closed' });
          }
          const kinds = ['accepted', 'outcome_unknown', 'space_closed'];
          const order = answers.map((answer) => kinds.indexOf(answer));
          assert.deepEqual(order, [...order].sort(), answers.join(' '));
          assert.ok(!order.includes(-1), answers.join(' '));
          unknown += order.filter((kind) => kind === 1).length;
          closed += order.filter((kind) => kind === 2).length;
          if (how === 'stop') await platform.run(engine.close());
          else if (how === 'kill') disk.kill();
          else disk.crash();
          const again = await openOn(disk);
          const found = dataOn(again.engine, 'a');
          const accepted = order.filter((kind) => kind === 0).length;
          assert.deepEqual(
            found,
            Array.from({ length: found.length }, (_, index) => index),
            'a prefix, in order',
          );
          assert.ok(found.length >= accepted, `${accepted} were acknowledged, ${found.length} are there`);
          assert.ok(
            found.length <= accepted + order.filter((kind) => kind === 1).length,
            'what was never begun is not there',
          );
        },
      ),
      { numRuns: 300 },
    );
    assert.ok(unknown > 50 && closed > 50, `${unknown} in flight, ${closed} later`);
  });

  it('a batch is there whole or not at all, whatever happens while it is written', async () => {
    let whole = 0;
    let none = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 30 }),
        fc.constantFrom('kill', 'crash'),
        async (seed, steps, how) => {
          const disk = new SimulatedDisk(simulatedPlatform(seed));
          const { platform } = disk;
          const { host } = await openOn(disk, { journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 });
          let acknowledged = 0;
          for (let batch = 0; batch < 5; batch++)
            host.produceAll(['a', 'b', 'c'].map((channel) => ({ channel, message: [batch] }))).then(
              () => {
                acknowledged++;
              },
              () => {},
            );
          for (let step = 0; step < steps; step++) await platform.step();
          if (how === 'kill') disk.kill();
          else disk.crash();
          const again = await openOn(disk);
          const found = dataOn(again.engine, 'a');
          assert.ok(found.length >= acknowledged);
          for (const channel of ['b', 'c']) assert.deepEqual(dataOn(again.engine, channel), found);
          if (found.length === 5) whole++;
          else if (found.length === 0) none++;
        },
      ),
      // Both ends at least, whatever the others met.
      {
        numRuns: 100,
        examples: [
          [1, 0, 'kill'],
          [1, 1000, 'kill'],
        ],
      },
    );
    assert.ok(whole > 0 && none > 0, `${whole} whole, ${none} not at all`);
  });

  it('a caller who waited, and whose match was in the commit that was lost, hears outcome_unknown', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(5));
    const { platform } = disk;
    const { host } = await openOn(disk);
    const taking = host.take({ slots: [{ channel: 'a', pattern: any }] });
    const other = host.take({ slots: [{ channel: 'b', pattern: any }] });
    taking.catch(() => {});
    other.catch(() => {});
    await platform.run(host.produce('elsewhere', [0]));
    disk.failSyncAfter(0);
    await assert.rejects(platform.run(host.produce('a', [1])), { code: 'outcome_unknown' });
    await assert.rejects(platform.run(taking), { code: 'outcome_unknown' });
    await assert.rejects(platform.run(other), { code: 'space_closed' });
  });

  it('a caller whose turn was refused hears of the storage error, not nothing', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(6));
    const { platform } = disk;
    const { engine } = await openOn(disk);
    disk.failSyncAfter(0);
    const refused = engine.post({ kind: 'test', payload: null, account: 0 }, () =>
      engine.tuples.consume(
        { slots: [], persist: false, body: { label: 'k', term: null, place: 0, environment: [] } },
        0,
      ),
    );
    await assert.rejects(platform.run(refused), { code: 'outcome_unknown' });
  });

  it('a turn that throws a bug closes the space and tells everybody; what was durable is there', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(7));
    const { platform } = disk;
    const { engine, host } = await openOn(disk);
    await platform.run(host.produce('a', [1]));
    const broken = engine.post({ kind: 'test', payload: null, account: 0 }, (turn) => {
      turn.produce('a', [2], false);
      throw new TypeError('a bug');
    });
    const later = host.produce('a', [3]);
    later.catch(() => {});
    await assert.rejects(platform.run(broken), TypeError);
    await assert.rejects(platform.run(later), { code: 'space_closed' });
    await platform.run(engine.close());
    const again = await openOn(disk);
    assert.deepEqual(dataOn(again.engine, 'a'), [1]);
  });

  for (const [what, path] of [
    ['the journal', 'journal'],
    ['the rows', 'rows'],
  ] as const)
    it(`a sync of ${what} that really fails closes the space, and the next opening finds what was acknowledged`, async function () {
      this.timeout(300_000);
      await inDirectory(async (directory) => {
        const shim = join(directory, 'failing-sync.so');
        const source = fileURLToPath(new URL('../store/support/failing-sync.c', import.meta.url));
        const refusal = runCommand('gcc', '-shared', '-fPIC', '-o', shim, source, '-ldl');
        if (refusal !== null) skipWith(this, `a failed sync needs a compiler for its shim: ${refusal}`);
        const data = join(directory, 'data');
        // Made before, so that only syncs of the running space are counted.
        await (await openStore({ directory: data, durability: 'sync', platform: realPlatform() })).close();
        const lines = await child(data, { LD_PRELOAD: shim, FAIL_SYNC: '6', FAIL_PATH: `${path}/` });
        const answers = lines.filter((line) => /^\d+ /.test(line)).map((line) => line.split(' ')[1] as string);
        const accepted = answers.filter((answer) => answer === 'accepted').length;
        const unknown = answers.filter((answer) => answer === 'outcome_unknown').length;
        assert.ok(answers.length < 5000, 'no sync failed');
        assert.ok(accepted > 0);
        assert.match(lines.at(-1) as string, /^later space_closed/);
        const store = await openStore({ directory: data, durability: 'sync', platform: realPlatform() });
        const engine = await SpaceEngine.open({ platform: realPlatform(), store });
        const found = dataOn(engine, 'a');
        assert.deepEqual(
          found,
          Array.from({ length: found.length }, (_, index) => index),
        );
        assert.ok(
          found.length >= accepted && found.length <= accepted + unknown,
          `${accepted} acknowledged, ${unknown} unknown, ${found.length} found`,
        );
        await engine.close();
      });
    });
});

function child(directory: string, environment: Record<string, string>): Promise<string[]> {
  const program = fileURLToPath(new URL('./support/failing-child.ts', import.meta.url));
  const started = spawn(process.execPath, ['--import', 'tsx', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
  });
  let text = '';
  started.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    started.once('error', reject);
    started.once('close', () => resolve(text.trimEnd().split('\n')));
  });
}
