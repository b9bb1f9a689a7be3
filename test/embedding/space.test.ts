/** A space as a program of this process holds it: through the public index, with real directories. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  any,
  type Console,
  defineNative,
  isPowerboxError,
  nativeMethod,
  openSpace,
  type OpenOptions,
  type Space,
  Tuple,
} from '../../src/index.ts';

/** What programs print, instead of the console of the tests. */
function collecting(): { readonly console: Console; readonly lines: string[] } {
  const lines: string[] = [];
  const take = async (bytes: Uint8Array): Promise<void> => {
    lines.push(new TextDecoder().decode(bytes).trimEnd());
  };
  return { console: { stdout: take, stderr: take, readLine: async () => null }, lines };
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}

describe('embedding: a space', () => {
  let directory: string;
  let opened: Space[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-embedding-'));
    opened = [];
  });
  afterEach(async () => {
    for (const space of opened) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(options: OpenOptions = {}): Promise<Space> {
    const space = await openSpace({ onFailure: () => {}, ...options });
    opened.push(space);
    return space;
  }

  describe('messages', () => {
    it('a message that was put on a channel is there when the directory is opened again, as it was', async () => {
      const message = [
        'tea',
        2,
        2.5,
        true,
        null,
        new Uint8Array([1, 2]),
        [1, [2]],
        { a: { b: 1 } },
        new Set([1, 2]),
        new Map([[1, 'x']]),
      ] as const;
      const before = await open({ data: directory });
      await before.produce('orders', message);
      await before.close();
      const after = await open({ data: directory });
      assert.deepEqual(await after.take('orders'), message);
      assert.equal(await after.take('orders'), undefined);
    });

    it('take gives the oldest that fits and removes it, read leaves it', async () => {
      const space = await open();
      await space.produceAll([
        { channel: 'orders', message: ['tea', { count: 1 }] },
        { channel: 'orders', message: ['coffee', { count: 2 }] },
        { channel: 'orders', message: ['tea', { count: 3 }] },
      ]);
      assert.deepEqual(await space.read('orders', { match: [any, { count: 2 }] }), ['coffee', { count: 2 }]);
      assert.deepEqual(await space.take('orders', { match: ['tea', any] }), ['tea', { count: 1 }]);
      assert.deepEqual(await space.take('orders', { match: ['tea', { count: any }] }), ['tea', { count: 3 }]);
      assert.equal(await space.take('orders', { match: ['tea', any] }), undefined);
      assert.deepEqual(space.count('orders'), { data: 1, waiting: 0 });
    });

    it('consume waits for every slot at once, and a slot that peeks removes nothing', async () => {
      const space = await open();
      const both = space.consume([
        { channel: 'a', match: ['x', any] },
        { channel: 'b', peek: true },
      ]);
      await space.produce('a', ['y', 0]);
      await space.produce('b', []);
      await space.produce('a', ['x', 1]);
      assert.deepEqual(await both, [['x', 1], []]);
      assert.equal(space.count('a').data, 1);
      assert.equal(space.count('b').data, 1);
    });

    it('a wait ends with its time, its signal or the space, and leaves nothing behind', async () => {
      const space = await open();
      await assert.rejects(space.consume([{ channel: 'a' }], { limit_ms: 10 }), coded('timed_out'));
      await assert.rejects(space.consume([{ channel: 'a' }], { signal: AbortSignal.timeout(10) }), coded('cancelled'));
      assert.deepEqual(space.count('a'), { data: 0, waiting: 0 });
      const waiting = assert.rejects(space.consume([{ channel: 'a' }]), coded('space_closed'));
      await space.close();
      await waiting;
      await assert.rejects(space.produce('a', [1]), coded('space_closed'));
    });

    it('a loop over a channel takes messages as they come, and ends when it is left or the space closes', async () => {
      const space = await open();
      const seen: unknown[] = [];
      const looping = (async () => {
        for await (const message of space.channel('a')) seen.push(...message);
      })();
      for (const item of [1, 2, 3]) await space.produce('a', [item]);
      while (seen.length < 3) await new Promise(setImmediate);
      await space.close();
      await looping;
      assert.deepEqual(seen, [1, 2, 3]);
    });

    it('a lease ends by itself', async () => {
      const space = await open();
      await space.produce('a', [1], { lease_ms: 600_000 });
      await space.produce('a', [2], { lease_ms: 20 });
      while (space.count('a').data > 1) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(await space.read('a'), [1]);
    });

    it('what is no value is refused with its place, before anything changes', async () => {
      const space = await open();
      await assert.rejects(space.produce('a', [{ b: [() => 1] }] as never), coded('value_unsupported'));
      await assert.rejects(space.produce('a', [any]), coded('value_unsupported'));
      await assert.rejects(space.produce('a', 'text' as never), coded('bad_request'));
      assert.equal(space.count('a').data, 0);
    });

    it('an unforgeable name is a channel that nobody can write down, and programs can send it', async () => {
      const space = await open({ data: directory });
      const name = await space.newName();
      await space.produce('names', [name]);
      const deploy = await space.run('for (ch <- @"names") { ch!("found") }');
      await deploy.quiescent();
      assert.deepEqual(await space.take(name), ['found']);
    });
  });

  describe('programs', () => {
    it('run resolves when the program is durable, quiescent when nothing of it moves', async () => {
      const { console, lines } = collecting();
      const space = await open({ console });
      const deploy = await space.run('new out(`rho:io:stdout`) in { out!([1, "x"]) | for (@x <- @"in") { out!(x) } }', {
        name: 'echo',
      });
      const report = await deploy.quiescent();
      assert.deepEqual(lines, ['[1, "x"]']);
      assert.equal(report.quiescent, true);
      assert.deepEqual(
        report.channels.map(({ channel, waitingCount }) => [channel, waitingCount]),
        [['@{"in"}', 1]],
      );
      await space.produce('in', ['later']);
      await space.quiescent();
      assert.deepEqual(lines, ['[1, "x"]', '"later"']);
    });

    it('a text with errors is refused with all of them, and nothing has run', async () => {
      const space = await open();
      await assert.rejects(
        space.run('@"a"!(1) | x!(1) | y!(2)'),
        (error) => coded('static_error')(error) && (error as { errors: unknown[] }).errors.length === 2,
      );
      assert.equal(space.count('a').data, 0);
      assert.deepEqual(space.deploys(), []);
    });

    it('failures of branches are reported with their deploy, and the others go on', async () => {
      const failures: string[] = [];
      const space = await open({ onFailure: ({ deploy, code }) => failures.push(`${deploy} ${code}`) });
      const deploy = await space.run('@"a"!(1 / 0) | @"b"!(1)');
      const report = await deploy.quiescent();
      assert.equal(report.failures, 1);
      assert.deepEqual(failures, [`${deploy.id} evaluation_error`]);
      assert.deepEqual(await space.take('b'), [1]);
    });

    it('a program reaches the granted directory and nothing else, also by a call in an expression', async () => {
      writeFileSync(join(directory, 'in.txt'), 'content');
      const space = await open({ grants: { files: { docs: directory } } });
      const deploy = await space.run(`new box(\`rho:powerbox\`) in {
        for (dir <- box!?("fileSystem", "docs"); file <- dir!?("resolve", "in.txt")) { @"text"!(*file.readAll("utf8"), *file.size()) } |
        for (dir <- box!?("fileSystem", "docs"); out <- dir!?("resolve", "../out.txt")) { @"out"!(*out) } |
        for (dir <- box!?("fileSystem", "docs"); file <- dir!?("resolve", "out.txt"); _ <- file!?("write", "made")) { Nil }
      }`);
      await deploy.quiescent();
      assert.deepEqual(await space.take('text'), ['content', 7]);
      const refused = (await space.take('out'))?.[0];
      assert.ok(
        Array.isArray(refused) && refused[0] === 'error' && refused[1].code === 'path_refused',
        String(refused),
      );
      assert.equal(readFileSync(join(directory, 'out.txt'), 'utf8'), 'made');
    });

    it('standard streams are granted unless they are withheld', async () => {
      const space = await open({ grants: { stdio: false } });
      await assert.rejects(space.run('new out(`rho:io:stdout`) in { out!(1) }'), coded('uri_not_granted'));
    });

    it('code that another deploy sent acts under the grants of who deployed it', async () => {
      const [root, data] = [join(directory, 'files'), join(directory, 'space')];
      mkdirSync(root);
      writeFileSync(join(root, 'a.txt'), 'of A');
      const granted = await open({ data, grants: { files: root } });
      const quoted =
        '@"code"!(new box(`rho:powerbox`) in { for (d <- box!?("fileSystem"); f <- d!?("resolve", "a.txt"); @t <- f!?("readAll", "utf8")) { @"got"!(t) } })';
      await (await granted.run(quoted)).quiescent();
      await granted.close();
      // B has no grant of files; what A's code holds is A's, and is there as long as the operator grants it to A.
      const other = await open({ data, rememberGrants: true });
      await other.run('for (@code <- @"code") { code }');
      await other.quiescent();
      assert.deepEqual(await other.take('got'), ['of A']);
    });
  });

  describe('natives', () => {
    const greeter = defineNative({
      name: 'greeter',
      doc: 'Greets.',
      methods: {
        greet: nativeMethod({
          doc: 'A greeting.',
          effect: 'none',
          args: { who: z.string().min(1) },
          result: z.string(),
          run: ({ who }) => `Hello, ${who}!`,
        }),
        sum: nativeMethod({
          doc: 'A sum, later.',
          effect: 'observe',
          args: { numbers: z.array(z.int()), options: z.strictObject({ twice: z.boolean() }) },
          result: z.object({ sum: z.int() }),
          run: async ({ numbers, options }) => ({ sum: numbers.reduce((a, b) => a + b, 0) * (options.twice ? 2 : 1) }),
        }),
        fail: nativeMethod({
          doc: 'Throws.',
          effect: 'observe',
          args: {},
          result: z.null(),
          run: () => Promise.reject(new Error('no')),
        }),
      },
    });

    it('a native declared with zod is called by programs under its URI, in the turn or outside it', async () => {
      const space = await open();
      await space.register(greeter, { uri: 'app:greeter' });
      const deploy = await space.run(`new g(\`app:greeter\`) in {
        @"a"!(*g.greet("Ada")) |
        for (@s <- g!?("sum", [1, 2, 3], {"twice": true})) { @"b"!(s) }
      }`);
      await deploy.quiescent();
      assert.deepEqual(await space.take('a'), ['Hello, Ada!']);
      assert.deepEqual(await space.take('b'), [{ sum: 12 }]);
    });

    it('what its schema refuses, and what it throws, is an answer with a code', async () => {
      const space = await open();
      const name = await space.register(greeter);
      await space.produce('greeter', [name]);
      const deploy = await space.run(`for (g <- @"greeter") {
        for (@e <- g!?("greet", "")) { @"empty"!(e) } | for (@e <- g!?("greet", 1)) { @"type"!(e) } |
        for (@e <- g!?("sum", [1], {})) { @"options"!(e) } | for (@e <- g!?("fail")) { @"thrown"!(e) }
      }`);
      await deploy.quiescent();
      const codes = {
        empty: 'arguments_invalid',
        type: 'arguments_invalid',
        options: 'arguments_invalid',
        thrown: 'native_failed',
      };
      for (const [channel, code] of Object.entries(codes)) {
        const answer = (await space.take(channel))?.[0] as [string, { code: string }] | undefined;
        assert.deepEqual([channel, answer?.[0], answer?.[1].code], [channel, 'error', code]);
      }
    });

    it('a native has one name for the life of the space, and nobody else can receive there', async () => {
      const before = await open({ data: directory });
      await before.produce('greeter', [await before.register(greeter)], { persist: true });
      await before.close();
      const after = await open({ data: directory, natives: [greeter] });
      await after.run(
        'for (g <- @"greeter") { for (@a <- g!?("greet", "B")) { @"a"!(a) } | for (x <- g) { @"stolen"!(*x) } }',
      );
      const { failures } = await after.quiescent();
      assert.deepEqual(await after.take('a'), ['Hello, B!']);
      assert.equal(failures, 1);
      assert.equal(await after.take('stolen'), undefined);
    });

    it('a call whose native is not there is parked, visibly, and runs when it appears', async () => {
      const before = await open({ data: directory });
      await before.produce('greeter', [await before.register(greeter)]);
      await before.close();
      const after = await open({ data: directory });
      await after.run('for (g <- @"greeter") { for (@a <- g!?("greet", "C")) { @"a"!(a) } }');
      const { quiescent, pending } = await after.quiescent();
      assert.equal(quiescent, false);
      assert.equal(pending[0]?.kind, 'parked');
      await after.register(greeter);
      await after.quiescent();
      assert.deepEqual(await after.take('a'), ['Hello, C!']);
    });
  });

  describe('opening', () => {
    it('refuses unfinished work where it is told to, and leaves it as it is', async () => {
      const before = await open({ data: directory });
      await before.run('new c in { contract c(@n) = { c!(n + 1) } | c!(0) }', { name: 'endless' });
      await before.close();
      await assert.rejects(openSpace({ data: directory, unfinished: 'refuse' }), coded('unfinished_work'));
      const held = await open({ data: directory, unfinished: 'hold' });
      assert.deepEqual(
        held.deploys().map((deploy) => [deploy.name, deploy.pending().ready]),
        [['endless', 1]],
      );
    });

    it('one process, one owner: a directory that is open cannot be opened', async () => {
      await open({ data: directory });
      await assert.rejects(openSpace({ data: directory }), coded('storage_locked'));
    });

    it('refuses what cannot be, and leaves nothing open', async () => {
      await assert.rejects(openSpace({ durability: 'sync' }), coded('config_invalid'));
      await assert.rejects(openSpace({ data: join(directory, 'no'), mustExist: true }), coded('config_invalid'));
      await assert.rejects(
        openSpace({ data: directory, grants: { files: join(directory, 'no') } }),
        coded('config_invalid'),
      );
      await open({ data: directory });
    });

    it('tuples stay tuples where a program says so', async () => {
      const space = await open();
      await space.produce('a', [new Tuple([1, 2])]);
      const deploy = await space.run('for (@(x, y) <- @"a") { @"b"!(x + y) }');
      await deploy.quiescent();
      assert.deepEqual(await space.take('b'), [3]);
    });
  });
});
