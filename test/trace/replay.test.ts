/** What is recorded beside a running space is run again, and every commit is what it was. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import { any, defineNative, nativeMethod } from '../../src/embedding/index.ts';
import { recorded, replays } from './support.ts';
import { lightSpace, replayLight } from './support-light.ts';

const PROGRAMS = new URL('../../spec/programs/', import.meta.url);

describe('a trace', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-trace-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('of every program of the specification replays', async () => {
    for (const file of readdirSync(PROGRAMS).filter((name) => name.endsWith('.rho'))) {
      const text = readFileSync(new URL(file, PROGRAMS), 'utf8');
      const trace = await recorded(
        async (space) => {
          await space.run(text, { name: file });
          await space.quiescent();
        },
        // Some make thousands of commits: a keyframe behind each takes its time.
        { grants: { publicSystem: true }, trace_keyframe_bytes: 1 << 14 },
      );
      assert.ok((await replays(trace)) > 0, file);
    }
  });

  it('of messages from outside replays: batches, leases, waits, takes, what is withdrawn', async () => {
    const trace = await recorded(async (space) => {
      const waiting = space.consume([{ channel: 'a' }, { channel: 'b', peek: true }]);
      const stop = new AbortController();
      const withdrawn = space.consume([{ channel: 'a', match: [any, 2] }], { signal: stop.signal });
      await space.produceAll([
        { channel: 'a', message: [1] },
        { channel: 'b', message: [2, 'x'], persist: true },
      ]);
      await waiting;
      stop.abort();
      await assert.rejects(withdrawn);
      await space.produce('a', ['leased'], { lease_ms: 5 });
      await space.produce('c', ['leased'], { lease_ms: 1 });
      // Each goes when its time is over, however late that is noticed.
      while (space.count('a').data + space.count('c').data > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(await space.take('a'), undefined);
      await space.produce(await space.newName(), [['deep', { of: 'it' }]]);
      assert.deepEqual(await space.read('b'), [2, 'x']);
    });
    await replays(trace);
  });

  it('of effects replays: files, timers, failures, a native of the program', async () => {
    mkdirSync(join(directory, 'files'));
    writeFileSync(join(directory, 'files', 'a.txt'), 'hello');
    let rolls = 0;
    const dice = defineNative({
      name: 'dice',
      doc: 'Rolls.',
      methods: {
        roll: nativeMethod({
          doc: 'Rolls once.',
          effect: 'observe',
          args: { sides: z.number() },
          result: z.number(),
          run: ({ sides }) => {
            rolls++;
            return Math.floor(Math.random() * sides);
          },
        }),
      },
    });
    const trace = await recorded(
      async (space) => {
        await space.register(dice);
        await space.run(`
          new box(\`rho:powerbox\`), dice(\`native:dice\`), stdout(\`rho:io:stdout\`) in {
            for (timer <- box!?("timer"); _ <- timer!?("after", 5)) { stdout!("late") } |
            for (@n <- dice!?("roll", 6)) { if (n > 2) { stdout!("high") } else { stdout!("low") } } |
            for (files <- box!?("fileSystem")) {
              for (a <- files!?("resolve", "a.txt"); @text <- a!?("readAll", "utf8")) { stdout!(text) } |
              for (b <- files!?("resolve", "b.txt"); @text <- b!?("readAll", "utf8")) { stdout!(text) } |
              for (c <- files!?("resolve", "c.txt"); _ <- c!?("write", "made")) { stdout!("made") }
            } |
            for (@less <- box!?("readOnly"); more <- @less!?("expire", 1000)) { more!("methods", *stdout) } |
            stdout!(1 / 0)
          }`);
        await space.quiescent();
      },
      { grants: { files: join(directory, 'files'), powers: [{ kind: 'timer', name: 'timer' }] } },
    );
    rmSync(join(directory, 'files'), { recursive: true });
    await replays(trace, { natives: [dice] });
    assert.equal(rolls, 1);
  });

  it('of a directory that is opened again begins with what is there', async () => {
    const data = join(directory, 'space');
    const options = { data, durability: 'memory' as const };
    const large = 'large '.repeat(20_000);
    const first = await recorded(async (space) => {
      await space.produce('kept', ['here', large]);
      await space.run('for (@x <- @"later") { @"out"!(x) } | for (@x <= @"all") { @"out"!(x, x) } | @"all"!!(7)');
      // A persistent pair goes on for ever.
    }, options);
    await replays(first);
    const second = await recorded(async (space) => {
      assert.deepEqual(await space.take('kept'), ['here', large]);
      await space.produce('later', ['now']);
      await space.consume([{ channel: 'out', match: ['now'] }]);
    }, options);
    await replays(second);
  });

  it('of quotas replays: what is refused, who rests, and the refills', async () => {
    const trace = await recorded(
      async (space) => {
        await space.run('new loop in { loop!(0) | for (@n <= loop) { if (n < 300) { loop!(n + 1) } } }');
        await space.run('@"full"!("a long message that does not fit into what is left of so small a quota")');
        await space.quiescent();
      },
      { quotas: { default: { tasks_per_second: 1000, bytes_max: 4000 } } },
    );
    await replays(trace);
  });

  it('of a label that nobody runs, and of one that appears, replays', async () => {
    const late = defineNative({
      name: 'late',
      doc: 'Comes late.',
      methods: {
        say: nativeMethod({
          doc: 'Says.',
          effect: 'none',
          args: { text: z.string() },
          result: z.string(),
          run: ({ text }) => text,
        }),
      },
    });
    const data = join(directory, 'space');
    const options = { data, durability: 'memory' as const };
    const first = await recorded(async (space) => {
      await space.register(late);
      await space.run('new late(`native:late`) in { @"late"!!(*late) }');
      await space.quiescent();
    }, options);
    await replays(first, { natives: [late] });
    const second = await recorded(async (space) => {
      await space.run('for (@late <- @"late") { for (@text <- @late!?("say", "hello")) { @"said"!(text) } }');
      await space.quiescent();
      assert.equal(await space.take('said'), undefined);
      await space.register(late);
      assert.deepEqual(await space.consume([{ channel: 'said' }]), [['hello']]);
    }, options);
    await replays(second, { natives: [late] });
  });

  it('of random joins on one channel replays, five hundred times', async () => {
    const rounds = fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.boolean()), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(rounds, async (sends) => {
        const space = await lightSpace();
        const parts = sends.map(([kind, persist, peek], index) => {
          const arrow = persist ? '<=' : peek ? '<<-' : '<-';
          if (kind === 0) return persist ? `x!!(${index})` : `x!(${index})`;
          return kind === 1
            ? `for (@a ${arrow} x & @b ${arrow} x) { @"out"!(a, b) }`
            : `for (@a ${arrow} x) { @"out"!(a) }`;
        });
        await space.run(`new x in { ${['Nil', ...parts].join(' | ')} }`);
        while (space.engine.tasks.anyReady && space.engine.turn < 500) await new Promise((run) => setImmediate(run));
        const { report } = await replayLight(await space.end());
        assert.equal(report.complete, true);
      }),
      { numRuns: 500 },
    );
  });

  it('RH-153: joins on one channel replay every time, with two sends and with four', async () => {
    for (const sends of [2, 4]) {
      for (let round = 0; round < 250; round++) {
        const space = await lightSpace();
        const account = await space.run(
          `new x in { x!() | for (<- x & <- x) { 0 } ${'| x!()'.repeat(sends - 1)} ${sends > 2 ? '| for (<- x & <- x) { 0 }' : ''} }`,
        );
        await space.dispatcher.quiescent(account);
        const { report } = await replayLight(await space.end());
        assert.equal(report.complete, true);
      }
    }
  });
});
