/** Query, estimate and atomic deploys, and forks themselves: what stays, what is answered, what is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { replayTrace } from '../../src/embedding/index.ts';
import { internalsOf } from '../../src/embedding/internals.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { counting } from './counting.ts';
import { randomPrograms } from './random-programs.ts';
import {
  type FailureReport,
  isPowerboxError,
  openSpace,
  type OpenOptions,
  type Report,
  type Space,
} from '../../src/index.ts';

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}

describe('embedding: modes', () => {
  let opened: Space[];
  let failures: FailureReport[];
  let world: ReturnType<typeof counting>;
  let space: Space;
  beforeEach(async () => {
    opened = [];
    failures = [];
    world = counting();
    space = await open();
  });
  afterEach(async () => {
    for (const one of opened) await one.close();
  });

  async function open(options: OpenOptions = {}): Promise<Space> {
    const one = await openSpace({ onFailure: (failure) => failures.push(failure), ...options });
    opened.push(one);
    await one.register(world.native, { uri: 'app:world' });
    return one;
  }

  /** All there is to see: what lies and waits, and whether anything was written. */
  async function stateOf(one: Space): Promise<unknown> {
    const { engine, store } = internalsOf(one);
    await engine.durable();
    const { channels, failures: failed } = await one.inspect();
    return {
      channels,
      failed,
      deploys: one.deploys().length,
      entries: store.journal.last,
      facts: [...engine.facts('')],
    };
  }

  const ASK = 'new answer(`rho:answer`), world(`app:world`) in';

  describe('query', () => {
    it('answers what the program sends on rho:answer, looks at the world, and leaves everything as it was', async () => {
      await space.produce('orders', ['tea', 1]);
      const before = await stateOf(space);
      const { answers, failures: failed } = await space.query(
        `${ASK} { for (@what, @n <- @"orders") { for (@m <- world!?("look", n)) { answer!(what, m) | @"seen"!(what) } } }`,
      );
      assert.deepEqual(answers, [['tea', 2]]);
      assert.deepEqual(failed, []);
      assert.deepEqual(world.calls, ['look']);
      assert.deepEqual(await stateOf(space), before);
    });

    it('a call that would change something is answered not_permitted, and is not made', async () => {
      const { answers } = await space.query(
        `${ASK} { for (@("error", why) <- world!?("act", 1)) { answer!(why.get("code")) } }`,
      );
      assert.deepEqual(answers, [['not_permitted']]);
      const { failures: failed } = await space.query(`${ASK} { world!("act", 1) }`);
      assert.deepEqual(
        failed.map(({ code }) => code),
        ['not_permitted'],
      );
      assert.deepEqual(world.calls, []);
      // The mode stands in the log.
      assert.deepEqual([...new Set(failures.map(({ mode }) => mode))], ['query']);
    });

    it('its own messages and the contracts of the space meet, and the space sees neither', async () => {
      await (await space.run('contract @"double"(ret, @n) = { ret!(2 * n) }')).quiescent();
      const { answers } = await space.query('new a(`rho:answer`) in { for (@n <- @"double"!?(21)) { a!(n) } }');
      assert.deepEqual(answers, [[42]]);
    });

    it('a program without an end is ended, with a code', async () => {
      const forever = 'contract @"go"(@n) = { @"go"!(n + 1) } | @"go"!(0)';
      await assert.rejects(space.query(forever, { limit_ms: 50 }), coded('fork_expired'));
      assert.equal(space.count('go').data, 0);
      await assert.rejects(space.query('Nil', { limit_ms: 0 }), coded('bad_request'));
    });

    it('names of a fork are none that the space will ever draw', async () => {
      const text = 'new a(`rho:answer`), n in { a!(*n) }';
      const names = new Set<string>();
      for (let at = 0; at < 3; at++) {
        const { answers } = await space.query(text);
        names.add(String(answers[0]?.[0]));
        // With the same numbers of tasks as in the fork before.
        assert.notDeepEqual(await space.newName(), answers[0]?.[0]);
      }
    });

    it('nothing arrives by itself in a query', async () => {
      const timed = await open({ grants: { powers: [{ kind: 'timer' }] } });
      const { answers } = await timed.query(`new a(\`rho:answer\`), box(\`rho:powerbox\`) in {
        for (timer <- box!?("timer"); @now <- timer!?("now"); @("error", e) <- timer!?("every", 10)) { a!(now > 0, e.get("code")) } }`);
      assert.deepEqual(answers, [[true, 'not_available']]);
    });
  });

  describe('estimate', () => {
    it('is what the run then costs on the same state, when all calls are of effect none', async () => {
      await space.produce('orders', ['tea', 1]);
      const text = `new world(\`app:world\`) in {
        for (@what, @n <- @"orders") { Nil } |
        for (@m <- world!?("compute", 3)) { for (@k <- @"loop") { Nil } | @"loop"!(m * m) } }`;
      const { cost, exact, calls } = await space.estimate(text);
      assert.deepEqual({ exact, calls }, { exact: true, calls: [] });
      const deploy = await space.run(text);
      await deploy.quiescent();
      assert.equal(deploy.cost(), cost);
      assert.ok(cost > 40);
    });

    it('makes no call that is more than computing, and lists them with their arguments', async () => {
      const { exact, calls } = await space.estimate(
        `${ASK} { world!("look", 1) | world!("act", 2) | world!("compute", 3) }`,
      );
      assert.equal(exact, false);
      assert.deepEqual(
        [...calls].sort((left, right) => left.what.localeCompare(right.what)),
        [
          { what: 'world.act', effect: 'change', args: ['2'] },
          { what: 'world.look', effect: 'observe', args: ['1'] },
        ],
      );
      assert.deepEqual(world.calls, ['compute']);
    });

    it('the cost of messages and receives that meet does not depend on who comes first', async () => {
      await fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), async (order) => {
          const parts = [0, 1, 2, 3].flatMap((at) => [
            `@"c${at}"!(${at}, "x")`,
            `for (@n, @x <- @"c${at}") { @"out"!(n + ${at}) }`,
          ]);
          const costOf = async (text: string): Promise<number> => (await space.estimate(text)).cost;
          assert.equal(await costOf(order.map((at) => parts[at]).join(' | ')), await costOf(parts.join(' | ')));
        }),
        { numRuns: 20 },
      );
    });
  });

  describe('atomic', () => {
    it('all of it happens in one turn, and its calls to the world after that', async () => {
      await space.produce('orders', ['tea', 1]);
      const deploy = await space.run(
        `new world(\`app:world\`) in { for (@what, @n <- @"orders") { @"done"!(what) | for (@m <- world!?("act", n)) { @"made"!(m) } } }`,
        { atomic: true },
      );
      await space.quiescent();
      assert.deepEqual(await space.take('done'), ['tea']);
      assert.deepEqual(await space.take('made'), [2]);
      assert.deepEqual(world.calls, ['act']);
      assert.ok(deploy.cost() > 0);
    });

    it('a branch that fails undoes all of it', async () => {
      await space.produce('orders', ['tea', 1]);
      await (await space.run('Nil')).quiescent();
      const before = await stateOf(space);
      const text = `new world(\`app:world\`) in { for (@what, @n <- @"orders") { @"done"!(what) } | world!("act", 1) | @"x"!(1 + "a") }`;
      await assert.rejects(space.run(text, { atomic: true }), coded('evaluation_error'));
      assert.deepEqual(await stateOf(space), before);
      assert.deepEqual(world.calls, []);
    });

    it('a caller who waits is served by what it sends, and a contract that it left goes on as any other', async () => {
      const waiting = space.consume([{ channel: 'news' }]);
      await space.run('@"news"!("good") | contract @"inc"(ret, @n) = { ret!(n + 1) }', { atomic: true });
      assert.deepEqual(await waiting, [['good']]);
      await (await space.run('for (@n <- @"inc"!?(1)) { @"two"!(n) }')).quiescent();
      assert.deepEqual(await space.take('two'), [2]);
    });

    it('channels that it made, restricted ones too, are the same after it was applied, and after a restart', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'powerbox-modes-'));
      try {
        const lasting = await open({ data: directory });
        await lasting.run(
          'new world(`app:world`) in { for (less <- world!?("restrict", ["look"])) { @"lent"!(*less) } }',
          { atomic: true },
        );
        const use = async (one: Space): Promise<unknown> => {
          await (
            await one.run(
              'for (@less <<- @"lent") { for (@n <- @less!?("look", 1)) { @"n"!(n) } | for (@("error", e) <- @less!?("act", 1)) { @"n"!(e.get("code")) } }',
            )
          ).quiescent();
          return [await one.take('n'), await one.take('n')].flat().map(String).sort();
        };
        assert.deepEqual(await use(lasting), ['2', 'not_permitted']);
        await lasting.close();
        const again = await open({ data: directory });
        assert.deepEqual(await use(again), ['2', 'not_permitted']);
        assert.deepEqual(world.calls, ['look', 'look']);
        await again.close();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  });

  describe('fork', () => {
    it('sees the space as it was, and the space sees nothing of it', async () => {
      await space.produce('a', [1]);
      const fork = space.fork();
      await space.take('a');
      await space.produce('b', [2]);
      await fork.produce('c', [3]);
      assert.deepEqual([fork.count('a').data, fork.count('b').data, fork.count('c').data], [1, 0, 1]);
      assert.deepEqual([space.count('a').data, space.count('b').data, space.count('c').data], [0, 1, 0]);
      fork.drop();
    });

    it('is applied when what has changed is none of what it looked at, and refused when it is', async () => {
      await space.produce('a', [1]);
      const first = space.fork();
      assert.deepEqual(await first.take('a'), [1]);
      await first.produce('b', [2]);
      await space.produce('elsewhere', [0]);
      await first.apply();
      assert.deepEqual([space.count('a').data, space.count('b').data], [0, 1]);
      const second = space.fork();
      assert.equal(second.count('b').data, 1);
      await second.produce('c', [3]);
      await space.take('b');
      await assert.rejects(second.apply(), coded('fork_conflict'));
      assert.equal(space.count('c').data, 0);
      assert.equal(second.ended, 'fork_expired');
      await assert.rejects(second.produce('c', [4]), coded('fork_expired'));
    });

    it('two that take the same message: the first that is applied has it', async () => {
      await space.produce('one', ['only']);
      const forks = [space.fork(), space.fork()];
      for (const fork of forks) assert.deepEqual(await fork.take('one'), ['only']);
      const ends = await Promise.allSettled(forks.map((fork) => fork.apply()));
      assert.deepEqual(
        ends.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      );
      assert.equal(space.count('one').data, 0);
    });

    it('what lay on a channel in great number is seen as it was, whenever the fork first looks', async () => {
      const messages = Array.from({ length: 5_000 }, (_, at) => ({ channel: 'many', message: [at] }));
      await space.produceAll(messages);
      const early = space.fork();
      assert.equal(early.count('many').data, 5_000);
      const late = space.fork();
      await space.take('many');
      assert.equal(early.count('many').data, 5_000);
      assert.equal(late.count('many').data, 5_000);
      assert.deepEqual(await late.take('many'), [0]);
      await assert.rejects(late.apply(), coded('fork_conflict'));
      early.drop();
      late.drop();
    });

    it('what the space draws and uses up meanwhile is not kept for it, and it sees none of it', async () => {
      const fork = space.fork();
      const text =
        'contract @"spin"(@n) = { new c in { c!(n) | for (@m <- c) { match m { 0 => @"end"!(0) _ => @"spin"!(m - 1) } } } } | @"spin"!(300)';
      await (await space.run(text)).quiescent();
      assert.equal(space.count('end').data, 1);
      assert.deepEqual([fork.count('end').data, fork.count('spin').waiting], [0, 0]);
      assert.ok(internalsOf(space).engine.closed === null);
      fork.drop();
    });

    it('more than a fork may hold is refused to it, and the space goes on as before', async () => {
      const { engine } = internalsOf(space);
      const names = Array.from({ length: 11 }, (_, at) => `c${at}`);
      for (const name of names) await space.produce(name, [0]);
      const [reader, kept] = [engine.fork({ items_max: 10 }), engine.fork({ items_max: 10 })];
      assert.throws(() => names.map((name) => reader.place(name)), coded('too_much_work'));
      // Again: it is not taken for empty.
      assert.throws(() => reader.place('c10'), coded('too_much_work'));
      for (const name of names) assert.deepEqual(await space.take(name), [0]);
      assert.equal(kept.ended?.code, 'fork_conflict');
      reader.drop();
    });

    it('ends with its space, with its time, and only so many are open at once', async () => {
      const forks = Array.from({ length: 64 }, () => space.fork());
      assert.throws(() => space.fork(), coded('too_many_tasks'));
      for (const fork of forks) fork.drop();
      const short = space.fork({ limit_ms: 1 });
      while (short.ended === null) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(short.ended, 'fork_expired');
      await assert.rejects(short.apply(), coded('fork_expired'));
    });
  });

  describe('cost', () => {
    const FOREVER = 'contract @"go"(@n) = {\n  @"go"!(n + 1)\n} | @"go"!(0)';

    it('a deploy that has used up what it may cost stops alone, and says where', async () => {
      const one = await open({ quotas: { default: { eachDeploy: { cost_max: 2_000 } } } });
      const deploy = await one.run(FOREVER);
      const other = await one.run('@"short"!(1) | for (@n <- @"short") { @"done"!(n) }');
      const [report] = await Promise.all([deploy.quiescent(), other.quiescent()]);
      assert.equal(report.failures, 1);
      const [stopped] = failures;
      assert.equal(stopped?.code, 'quota_exceeded');
      assert.equal(stopped?.deploy, deploy.id);
      assert.match(stopped?.message ?? '', /2000 that its turns may cost, and stops here \(line 2, column 3\)$/);
      assert.deepEqual(await one.take('done'), [1]);
      assert.ok(deploy.cost() >= 2_000 && deploy.cost() < 2_100, String(deploy.cost()));
      // What it left goes on for whoever pays.
      await one.produce('go', [5]);
    });

    it('that of a holder is for all its deploys together, and is kept over a restart', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'powerbox-cost-'));
      const quotas = { default: { cost_max: 1_000 } };
      try {
        const first = await open({ data: directory, quotas });
        await (await first.run(FOREVER)).quiescent();
        const [{ cost } = { cost: 0 }] = first.usage();
        assert.ok(cost >= 1_000);
        await first.close();
        const again = await open({ data: directory, quotas });
        const [kept] = again.usage();
        assert.equal(kept?.cost, cost);
        const report = await (await again.run('@"x"!(1)')).quiescent();
        assert.equal(report.failures, 1);
        assert.equal(again.count('x').data, 0);
        await again.close();
        const more = await open({ data: directory, quotas: { default: { cost_max: 2_000 } } });
        await (await more.run('@"x"!(1)')).quiescent();
        assert.equal(more.count('x').data, 1);
        await more.close();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });

    it('a fork is held to what is left, and pays only when it is applied', async () => {
      const one = await open({ quotas: { default: { cost_max: 1_000 } } });
      const { failures: failed } = await one.query(FOREVER);
      assert.deepEqual(
        failed.map(({ code }) => code),
        ['quota_exceeded'],
      );
      await assert.rejects(one.run(FOREVER, { atomic: true }), coded('quota_exceeded'));
      assert.equal(one.usage()[0]?.cost ?? 0, 0);
      const deploy = await one.run('@"x"!(1)', { atomic: true });
      assert.equal(one.usage()[0]?.cost, deploy.cost());
      assert.ok(deploy.cost() > 0);
    });
  });

  it('a trace with atomic deploys, and one that costs too much, replays', async () => {
    const trace = new MemoryTrace();
    const one = await open({ trace, quotas: { default: { eachDeploy: { cost_max: 3_000 } } } });
    await one.produce('orders', ['tea', 1]);
    const waiting = one.consume([{ channel: 'done' }]);
    const text = `new world(\`app:world\`), n in { for (@what, @m <- @"orders") { @"done"!(what) | n!(m) } |
      for (@m <- n & @k <- @"more") { Nil } | for (less <- world!?("readOnly"); @x <- less!?("look", 1)) { @"seen"!(x, *less) } }`;
    await one.run(text, { atomic: true });
    await waiting;
    await one.run('contract @"go"(@n) = { @"go"!(n + 1) } | @"go"!(0)');
    await one.quiescent();
    await one.close();
    const report = await replayTrace(trace.bytes(), { natives: [world.native] });
    assert.equal(report.complete, true);
    assert.deepEqual(world.calls, ['look']);
  });

  // ------------------------------------------------------------------ random programs

  const CHANNELS = ['a', 'b', 'c'];
  const channel = fc.constantFrom(...CHANNELS).map((name) => `@"${name}"`);
  const small = fc.integer({ min: 0, max: 3 });
  const { process: programs } = fc.letrec<{ process: string; part: string }>((tie) => ({
    process: fc
      .array(tie('part'), { minLength: 1, maxLength: 4, depthIdentifier: 'p' })
      .map((parts) => parts.join(' | ')),
    part: fc.oneof(
      { depthSize: 'small', depthIdentifier: 'p' },
      fc.tuple(channel, small).map(([to, n]) => `${to}!(${n})`),
      fc.tuple(channel, tie('process')).map(([from, body]) => `for (@x <- ${from}) { ${body} }`),
      fc.tuple(channel, small, tie('process')).map(([from, n, body]) => `for (@${n} <- ${from}) { ${body} }`),
      fc
        .tuple(channel, channel, tie('process'))
        .map(([one, other, body]) => `for (@x <- ${one} & @y <- ${other}) { ${body} }`),
      fc.tuple(channel, tie('process')).map(([from, body]) => `for (@x <<- ${from}) { ${body} }`),
      fc.tuple(channel, small).map(([to, n]) => `new n in { ${to}!(*n) | for (@m <- n) { ${to}!(m) } | n!(${n}) }`),
      fc.tuple(channel, small).map(([to, n]) => `for (@m <- world!?("compute", ${n})) { ${to}!(m) }`),
    ),
  }));
  const withWorld = (text: string, method: string): string =>
    `new world(\`app:world\`) in { ${text} | for (@m <- world!?("${method}", 1)) { @"a"!(m) } }`;

  it('after a query, an estimate, or an atomic deploy that failed, every row and every count of calls is as before', async () => {
    await fc.assert(
      fc.asyncProperty(programs, programs, fc.boolean(), async (left, text, acts) => {
        world.calls.length = 0;
        const one = await open();
        await (await one.run(withWorld(left, 'compute'))).quiescent();
        world.calls.length = 0;
        const before = await stateOf(one);
        await one.query(withWorld(text, acts ? 'act' : 'compute'));
        await one.estimate(withWorld(text, acts ? 'look' : 'act'));
        await assert.rejects(
          one.run(`${withWorld(text, 'act')} | @"end"!(1 / 0)`, { atomic: true }),
          coded('evaluation_error'),
        );
        assert.deepEqual(await stateOf(one), before);
        assert.deepEqual(
          world.calls.filter((name) => name !== 'compute'),
          [],
        );
        await one.close();
      }),
      { numRuns: 60 },
    );
  });

  it('so it is with what stays, with joins, timers, quotas, and programs that have no end', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomPrograms({ stays: false }),
        randomPrograms({ stays: true }),
        randomPrograms({ stays: false }),
        async (left, asked, atomic) => {
          const one = await open({
            grants: { powers: [{ kind: 'timer' }] },
            quotas: { default: { bytes_max: 100_000, continuations_max: 1_000, tasks_max: 1_000, cost_max: 50_000 } },
          });
          const clock =
            'new box(`rho:powerbox`), world(`app:world`) in { for (t <- box!?("timer")) { @"clock"!!(*t) | @"world"!!(*world) } }';
          await (await one.run(clock)).quiescent();
          await one.run(left);
          await one.quiescent();
          world.calls.length = 0;
          const before = [await stateOf(one), one.usage(), await callsOf(one)];
          const bounds = { cost_max: 5_000 };
          for (const ask of [() => one.query(asked, bounds), () => one.estimate(asked, bounds)])
            await ask().catch((error: unknown) => assert.ok(coded('quota_exceeded')(error), String(error)));
          await assert.rejects(one.run(`${atomic} | @"end"!(1 / 0)`, { atomic: true }), isPowerboxError);
          assert.deepEqual([await stateOf(one), one.usage(), await callsOf(one)], before);
          assert.deepEqual(
            world.calls.filter((name) => name === 'act'),
            [],
          );
          await one.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('an atomic deploy leaves what the same program leaves as it happens, and costs what the estimate said', async () => {
    await fc.assert(
      fc.asyncProperty(programs, programs, async (left, text) => {
        const shown = ({ channels }: Report): unknown =>
          channels.map(({ channel: name, data, waiting }) => [name, data.map(nameless), waiting.map(nameless)]);
        const [happens, applied] = [await open(), await open()];
        const costs: number[] = [];
        for (const one of [happens, applied]) {
          await (await one.run(withWorld(left, 'compute'))).quiescent();
          costs.push((await one.estimate(withWorld(text, 'compute'))).cost);
          const deploy = await one.run(withWorld(text, 'compute'), { atomic: one === applied });
          await one.quiescent();
          costs.push(deploy.cost());
        }
        assert.deepEqual(shown(await applied.inspect()), shown(await happens.inspect()));
        assert.deepEqual(new Set(costs).size, 1, String(costs));
        await happens.close();
        await applied.close();
      }),
      { numRuns: 60 },
    );
  });
});

/** Calls of natives that are on record. */
async function callsOf(one: Space): Promise<number> {
  let calls = 0;
  for await (const _ of one.audit()) calls++;
  return calls;
}

/** Names are drawn anew in each space. */
function nameless(text: string): string {
  return text.replaceAll(/0x[0-9a-f]+…/g, '');
}
