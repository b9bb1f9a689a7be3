/** Estimates that go on with the replies of a recording: they equal what the recorded run cost, and make no call. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import {
  defineNative,
  isPowerboxError,
  nativeMethod,
  openSpace,
  type OpenOptions,
  type Space,
} from '../../src/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';

/** Answers other numbers each time: who is asked twice says two things. */
function counting(): { readonly native: ReturnType<typeof defineNative>; calls: number } {
  const args = { n: z.int() };
  const run = ({ n }: { n: number }): number => n + world.calls++;
  const world = {
    calls: 0,
    native: defineNative({
      name: 'world',
      doc: 'Counts its calls.',
      methods: {
        compute: nativeMethod({ doc: 'None.', effect: 'none', args, result: z.int(), run: ({ n }) => n + 1 }),
        look: nativeMethod({ doc: 'Observes.', effect: 'observe', args, result: z.int(), run }),
        act: nativeMethod({ doc: 'Changes.', effect: 'change', recovery: 'repeat', args, result: z.int(), run }),
        fails: nativeMethod({
          doc: 'Fails.',
          effect: 'observe',
          args,
          result: z.int(),
          run: () => {
            throw new Error('no');
          },
        }),
      },
    }),
  };
  return world;
}

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isPowerboxError(error) && error.code === code;

describe('an estimate with recorded replies', () => {
  const opened: Space[] = [];
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-replies-'));
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    rmSync(folder, { recursive: true });
  });

  async function open(world: ReturnType<typeof counting>, options: OpenOptions = {}): Promise<Space> {
    const one = await openSpace({ onFailure: () => {}, ...options });
    opened.push(one);
    await one.register(world.native, { uri: 'app:world' });
    return one;
  }

  /** Runs a program and records it; what it cost, and the trace. */
  async function recorded(text: string, options: OpenOptions = {}): Promise<{ cost: number; trace: Uint8Array }> {
    const trace = new MemoryTrace();
    const one = await open(counting(), { ...options, trace });
    const deploy = await one.run(text);
    await deploy.quiescent();
    const cost = deploy.cost();
    await one.close();
    return { cost, trace: trace.bytes() };
  }

  const CHAIN = `new world(\`app:world\`) in {
    for (@n <- world!?("look", 1)) { for (@m <- world!?("act", n)) { for (@k <- world!?("look", 1)) { @"out"!(n, m, [k]) } } } }`;

  it('equals the recorded cost, and makes no call', async () => {
    const { cost, trace } = await recorded(CHAIN);
    const world = counting();
    const space = await open(world);
    const without = await space.estimate(CHAIN);
    assert.equal(without.exact, false);
    assert.ok(without.cost < cost);
    const report = await space.estimate(CHAIN, { replies: trace });
    assert.deepEqual(report, { cost, exact: true, calls: [], failures: [] });
    assert.equal(world.calls, 0);
    assert.equal(space.count('out').data, 0);
  });

  it('a call that the recording has no reply for is listed as before', async () => {
    const space = await open(counting());
    // The same program on a state in which it asks something else.
    const asking =
      'new world(`app:world`) in { for (@n <<- @"ask") { for (@m <- world!?("look", n)) { @"out"!(m) } } }';
    const noted = await recordedWith(asking, 1);
    await space.produce('ask', [2], { persist: true });
    const { exact, calls } = await space.estimate(asking, { replies: noted });
    assert.deepEqual(
      { exact, calls },
      { exact: false, calls: [{ what: 'world.look', effect: 'observe', args: ['2'] }] },
    );
    // As many replies as there were, and no more.
    const twice = `new world(\`app:world\`) in { for (@n <<- @"ask") { for (@m <- world!?("look", 1)) { @"out"!(m) |
      for (@true <<- @"again") { for (@k <- world!?("look", 1)) { @"out"!(k) } } } } }`;
    const once = await recordedWith(twice, 1);
    await space.produce('again', [true], { persist: true });
    assert.equal((await space.estimate(twice, { replies: once })).calls.length, 1);
  });

  async function recordedWith(text: string, ask: number): Promise<Uint8Array> {
    const trace = new MemoryTrace();
    const one = await open(counting(), { trace });
    await one.produce('ask', [ask], { persist: true });
    await (await one.run(text)).quiescent();
    await one.close();
    return trace.bytes();
  }

  it('errors are replies, too; so are objects of real natives', async () => {
    const failing = 'new world(`app:world`) in { for (@answer <- world!?("fails", 1)) { @"out"!(answer) } }';
    const { cost, trace } = await recorded(failing);
    const space = await open(counting());
    assert.deepEqual(await space.estimate(failing, { replies: trace }), { cost, exact: true, calls: [], failures: [] });
    const grants = { files: { files: folder } };
    writeFileSync(join(folder, 'a.txt'), 'hello');
    const reading = `new box(\`rho:powerbox\`) in { for (files <- box!?("fileSystem")) {
      for (file <- files!?("resolve", "a.txt")) { for (@bytes <- file!?("read")) { @"out"!(bytes.length()) } } } }`;
    const run = await recorded(reading, { grants });
    const reader = await open(counting(), { grants });
    const report = await reader.estimate(reading, { replies: run.trace });
    assert.deepEqual({ cost: report.cost, calls: report.calls }, { cost: run.cost, calls: [] });
  });

  it('a trace of another program, one that was changed, and one that was cut are refused with a code', async () => {
    const { trace } = await recorded(CHAIN);
    const space = await open(counting());
    await assert.rejects(space.estimate('@"a"!(1)', { replies: trace }), coded('trace_departed'));
    await assert.rejects(
      space.estimate(CHAIN, { replies: trace.subarray(0, trace.length - 4) }),
      coded('trace_invalid'),
    );
    const changed = Uint8Array.from(trace);
    changed[trace.length >> 1] = (changed[trace.length >> 1] as number) ^ 1;
    await assert.rejects(space.estimate(CHAIN, { replies: changed }), coded('trace_invalid'));
    await assert.rejects(space.estimate(CHAIN, { replies: join(folder, 'none.trace') }), coded('config_invalid'));
  });

  // Branches of their own, so that nothing hangs on which answer comes first but what the recording says.
  const small = fc.integer({ min: 0, max: 2 });
  const { branch } = fc.letrec<{ branch: string }>((tie) => ({
    branch: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      small.map((n) => `@"out"!(${n}, x)`),
      fc
        .tuple(fc.constantFrom('look', 'act', 'compute', 'fails'), small, tie('branch'))
        .map(([method, n, then]) => `for (@x <- world!?("${method}", ${n})) { ${then} }`),
      fc
        .tuple(small, tie('branch'), tie('branch'))
        .map(([n, one, other]) => `match x { ${n} => { ${one} } _ => { ${other} } }`),
      fc
        .tuple(small, tie('branch'))
        .map(([n, then]) => `new n in { n!(x) | for (@x <- n) { @"side"!(${n}) | ${then} } }`),
    ),
  }));
  const programs = fc
    .array(branch, { minLength: 1, maxLength: 3 })
    .map((all) => `new world(\`app:world\`) in { ${all.map((one) => `match 7 { x => { ${one} } }`).join(' | ')} }`);

  it('equals the recorded cost, for random programs', async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (text) => {
        const { cost, trace } = await recorded(text);
        const world = counting();
        const space = await open(world);
        const { calls, ...report } = await space.estimate(text, { replies: trace });
        assert.deepEqual({ cost: report.cost, calls }, { cost, calls: [] });
        assert.equal(world.calls, 0);
        await space.close();
      }),
      { numRuns: 60 },
    );
  });
});
