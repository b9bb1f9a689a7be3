/** Queries, estimates and atomic deploys over the wire: what is answered, to whom, within which bounds, and over a restart. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Box, connect, type Handle, isRemoteError } from '../../src/client/node.ts';
import { replayTrace, type Space } from '../../src/embedding/index.ts';
import { internalsOf } from '../../src/embedding/internals.ts';
import { limits } from '../../src/limits.ts';
import type { RunningService } from '../../src/service/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { Capability } from '../../src/wire/index.ts';
import { counting } from '../embedding/counting.ts';
import { randomPrograms } from '../embedding/random-programs.ts';
import { Bench, HOLDERS } from './support.ts';

const V2 = { versions: [1, 2] };
const ASK = 'new answer(`rho:answer`) in';
const FOREVER = 'contract @"go"(@n) = { @"go"!(n + 1) } | @"go"!(0)';

function coded(code: string): (error: unknown) => boolean {
  return (error) => isRemoteError(error) && error.code === code;
}

describe('modes over the wire', () => {
  const bench = new Bench();
  const boxes: Box[] = [];
  let space: Space;
  let service: RunningService;
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box.close();
    await bench.close();
  });

  async function start(options: Parameters<Bench['space']>[0] = {}): Promise<void> {
    space = await bench.space(options);
    service = await bench.serve(space);
  }

  async function box(holder = 'alice'): Promise<Box> {
    const one = await connect(service.address.url, { token: holder, backoff_ms: 5, backoff_ms_max: 50 });
    boxes.push(one);
    return one;
  }

  /** What lies and waits. */
  async function stateOf(): Promise<unknown> {
    const { channels } = await space.inspect();
    return { channels, deploys: space.deploys().length };
  }

  it('a query answers what the program sends on rho:answer, and leaves everything as it was', async () => {
    await start();
    const alice = await box();
    await alice.produce('orders', ['tea', 1]);
    const before = await stateOf();
    const { answers, cost, failures } = await alice.query(
      `${ASK} { for (@what, @n <- @"orders") { answer!(what, n + 1) | @"seen"!(what) } }`,
    );
    assert.deepEqual(answers, [['tea', 2]]);
    assert.ok(cost > 0);
    assert.deepEqual(failures, []);
    assert.deepEqual(await stateOf(), before);
  });

  it('it sees what was asked before it on the same connection, without being waited for', async () => {
    await start();
    const alice = await box();
    const sent = alice.produce('hall', [7]);
    const asked = alice.query(`${ASK} { for (@n <- @"hall") { answer!(n) } }`);
    await sent;
    assert.deepEqual((await asked).answers, [[7]]);
  });

  it('what it changes is answered not_permitted, a program that is wrong with all its mistakes', async () => {
    await start();
    const alice = await box();
    const { answers } = await alice.query(
      `new answer(\`rho:answer\`), box(\`rho:powerbox\`) in {
         for (timer <- box!?("timer"); @("error", e) <- timer!?("every", 10)) { answer!(e.get("code")) } }`,
    );
    assert.deepEqual(answers, [['not_available']]);
    await assert.rejects(
      alice.query('new x in { x!(y) | z!(1) }'),
      (error) => isRemoteError(error) && error.mistakes.length === 2,
    );
  });

  it('whoever watches, waits or calls hears nothing of a query or an estimate, and of an atomic deploy what it did, once', async () => {
    await start();
    const [alice, bob] = [await box('alice'), await box('bob')];
    const stop = new AbortController();
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const { message } of bob.watch('hall', { signal: stop.signal })) seen.push(message);
    })().catch(() => {});
    const taken = bob.take('door', { limit_ms: 600_000 });
    await bob.query(`${ASK} { answer!(1) }`);
    const before = await stateOf();
    const text = '@"hall"!("from a fork") | @"door"!("from a fork")';
    const question = await alice.query(`${ASK} { ${text} | for (@x <<- @"hall") { answer!(x) } }`);
    assert.deepEqual(question.answers, [['from a fork']]);
    const { exact, calls } = await alice.estimate(text);
    assert.deepEqual({ exact, calls }, { exact: true, calls: [] });
    assert.deepEqual(await stateOf(), before);
    await alice.deploy(text.replaceAll('a fork', 'what happened'), { atomic: true });
    assert.deepEqual(await taken, ['from what happened']);
    await alice.produce('hall', ['last']);
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(seen, [['from what happened'], ['last']]);
    stop.abort();
    await watching;
  });

  it('an estimate is what the program then costs', async () => {
    await start();
    const alice = await box();
    const text = '@"sum"!(0) | for (@n <- @"sum") { @"sum"!(n + 1) | @"done"!([n, "x" ++ "y"]) }';
    const { cost, exact, calls } = await alice.estimate(text);
    assert.deepEqual({ exact, calls }, { exact: true, calls: [] });
    const { deploy } = await alice.deploy(text);
    const ran = space.deploys().find(({ id }) => id === deploy);
    await ran?.quiescent();
    assert.equal(cost, ran?.cost());
  });

  it('an estimate lists the calls that it cannot make', async () => {
    await start();
    const alice = await box();
    const { exact, calls } = await alice.estimate(
      'new box(`rho:powerbox`) in { for (timer <- box!?("timer")) { for (@n <- timer!?("now")) { Nil } } }',
    );
    assert.equal(exact, false);
    assert.deepEqual(
      calls.map(({ what, effect }) => ({ what, effect })),
      [{ what: 'timer.now', effect: 'observe' }],
    );
  });

  it('names that were there are handed out as tokens of whoever asks; names of the query are gone, and refused', async () => {
    await start();
    const [alice, bob] = [await box('alice'), await box('bob')];
    const name = await alice.newName();
    await alice.produce('registry', ['hall', name], { persist: true });
    const { answers } = await bob.query(`${ASK} { for (@key, @channel <- @"registry") { answer!(key, [channel]) } }`);
    const [[key, [hall]]] = answers as unknown as [[string, [Handle]]];
    assert.equal(key, 'hall');
    // A token of his own, and it is the channel.
    await bob.produce(hall, ['from bob']);
    assert.deepEqual(await alice.take(name), ['from bob']);
    for (const gone of ['*x', '[*x]', 'bundle+{*x}', '{"k": *x}', '@{x!(1)}'.slice(1)])
      await assert.rejects(
        bob.query(`new answer(\`rho:answer\`), x in { answer!(${gone}) }`),
        coded('value_unsupported'),
      );
  });

  it('a query finds the names that come with it, and those of its holder only', async () => {
    await start();
    const alice = await box();
    const name = await alice.newName();
    await alice.produce(name, ['mine']);
    const { answers } = await alice.query(
      'new answer(`rho:answer`), mine(`app:mine`) in { for (@m <- mine) { answer!(m) } }',
      {
        uris: { 'app:mine': name },
      },
    );
    assert.deepEqual(answers, [['mine']]);
    await assert.rejects(alice.query('Nil', { uris: { 'rho:powerbox': name } }), coded('bad_request'));
    await assert.rejects(alice.query('Nil', { uris: { 'rho:answer': name } }), coded('bad_request'));
  });

  it('ends within its time, its cost, and the size of an answer', async () => {
    await start();
    const alice = await box();
    await assert.rejects(alice.query(FOREVER, { limit_ms: 50 }), coded('fork_expired'));
    await assert.rejects(alice.query(FOREVER, { cost_max: 10_000 }), coded('quota_exceeded'));
    await assert.rejects(alice.estimate(FOREVER, { cost_max: 10_000 }), coded('quota_exceeded'));
    await assert.rejects(alice.query('Nil', { limit_ms: limits.fork_ms_max + 1 }), coded('bad_request'));
    const large = 'x'.repeat(limits.session_fork_answer_bytes_max);
    await assert.rejects(alice.query(`${ASK} { answer!("${large}") }`), coded('value_too_large'));
    assert.deepEqual((await alice.query(`${ASK} { answer!(1) }`)).answers, [[1]]);
  });

  it('one that is cancelled is cut off, and its holder goes on', async () => {
    await start();
    const alice = await box();
    const leaving = Array.from({ length: limits.session_forks_max + 2 }, () => {
      const stop = new AbortController();
      return { stop, asked: alice.query(FOREVER, { signal: stop.signal }) };
    });
    const waiting = alice.query(`${ASK} { answer!("after") }`);
    await alice.produce('hall', [1]);
    const left = leaving.map(({ stop, asked }) => {
      stop.abort();
      return assert.rejects(asked, coded('cancelled')).catch(async () => assert.rejects(asked));
    });
    await Promise.all(left);
    assert.deepEqual((await waiting).answers, [['after']]);
  });

  it('whoever asks pays: what a query costs is the holder’s, also when it comes to nothing', async () => {
    await start({
      config: { ...HOLDERS, holders: { ...HOLDERS.holders, alice: { grants: [], quotas: { cost_max: 30_000 } } } },
    });
    const alice = await box();
    const usage = (): number =>
      space.usage().find(({ holder, deploy }) => holder === 'alice' && deploy === null)?.cost ?? 0;
    const { cost } = await alice.query(`${ASK} { answer!(1 + 1) }`);
    assert.equal(usage(), cost);
    await assert.rejects(alice.query(FOREVER, { cost_max: 5_000 }), coded('quota_exceeded'));
    assert.ok(usage() > cost + 5_000);
    // It is the holder's quota that ends this one: its tasks, one after the other.
    await alice.query(FOREVER, { cost_max: 1_000_000, limit_ms: 60_000 });
    // All is used up: nothing of it runs any more.
    const { answers, failures } = await alice.query(`${ASK} { answer!(1) }`);
    assert.deepEqual(answers, []);
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['quota_exceeded'],
    );
    assert.deepEqual((await (await box('bob')).query(`${ASK} { answer!(1) }`)).answers, [[1]]);
  });

  it('an atomic deploy happens whole or not at all', async () => {
    await start();
    const alice = await box();
    const { deploy } = await alice.deploy('@"a"!(1) | for (@n <- @"a") { @"b"!(n + 1) }', {
      atomic: true,
      name: 'both',
    });
    assert.equal(space.deploys().find(({ id }) => id === deploy)?.name, 'both');
    assert.deepEqual(await alice.take('b'), [2]);
    const before = await stateOf();
    await assert.rejects(alice.deploy('@"c"!(1) | @"d"!(1 / 0)', { atomic: true }), coded('evaluation_error'));
    assert.deepEqual(await stateOf(), before);
  });

  it('an atomic deploy that has looked at what changes meanwhile is refused with a code, and leaves nothing', async () => {
    await start();
    const alice = await box();
    await alice.produce('hall', [0]);
    let isOver = false;
    // It looks first, and then takes many turns, between any of which the space has its own.
    const text = 'contract @"spin"(@n) = { if (n > 0) { @"spin"!(n - 1) } } | for (@x <<- @"hall") { @"spin"!(20000) }';
    const deployed = alice.deploy(text, { atomic: true }).then(
      () => 'applied',
      (error: unknown) => (isRemoteError(error) ? error.code : String(error)),
    );
    void deployed.finally(() => {
      isOver = true;
    });
    while (!isOver) await space.produce('hall', [1]);
    assert.equal(await deployed, 'fork_conflict');
    assert.deepEqual([space.count('spin').waiting, space.count('spin').data, space.deploys().length], [0, 0, 1]);
  });

  it('an atomic deploy sees what was asked before it, and comes before what was asked after', async () => {
    await start();
    const alice = await box();
    const name = await alice.newName();
    const [, , taken] = await Promise.all([
      alice.produce(name, [1]),
      alice.deploy('new x(`app:x`) in { for (@n <- x) { x!(n, "seen") } }', { atomic: true, uris: { 'app:x': name } }),
      alice.take(name),
    ]);
    assert.deepEqual(taken, [1, 'seen']);
  });

  it('a client that speaks version 1 is served as before, and cannot ask what is newer', async () => {
    await start();
    const old = await bench.connect(service);
    assert.equal(old.welcome?.version, 1);
    old.say({ kind: 'query', id: old.id(), text: 'Nil', name: 'q', uris: new Map(), limit_ms: null, cost_max: null });
    assert.equal((await old.closed).reason, 'wire_invalid');
    const atomic = await bench.connect(service);
    atomic.say({ kind: 'deploy', id: atomic.id(), text: 'Nil', name: 'q', uris: new Map(), atomic: true });
    assert.equal((await atomic.closed).reason, 'wire_invalid');
    const fresh = await bench.connect(service, V2);
    assert.equal(fresh.welcome?.version, 2);
    await assert.rejects(bench.connect(service, { versions: [99] }));
  });

  it('a token of somebody else in a query is refused', async () => {
    await start();
    const [alice, bob] = [await bench.connect(service, V2), await bench.connect(service, { ...V2, token: 'bob' })];
    const [name] = await alice.names(1);
    assert.ok(name instanceof Capability);
    const ask = {
      kind: 'query',
      text: 'Nil',
      name: 'q',
      uris: new Map([['app:x', name]]),
      limit_ms: null,
      cost_max: null,
    };
    await assert.rejects(bob.ask(ask as never), (error: { code?: string }) => error.code === 'capability_refused');
  });

  it('a query that waits when the space closes is answered when it opens, in the same session', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'powerbox-modes-'));
    try {
      await start({ data: folder });
      const first = await bench.connect(service, V2);
      await first.ask({ kind: 'produce', channel: 'hall', message: [5], persist: false, lease_ms: null });
      const query = {
        text: `${FOREVER} | ${ASK} { answer!(1) }`,
        name: 'q',
        uris: new Map(),
        limit_ms: 600_000,
        cost_max: 10_000_000,
      };
      first.say({ kind: 'query', id: first.id(), ...query });
      first.say({ kind: 'query', id: first.id(), ...query, text: `${ASK} { for (@n <- @"hall") { answer!(n) } }` });
      const answered = await first.until((message) => message.kind === 'deliver');
      assert.equal(answered.kind, 'deliver');
      const { session, secret } = first.welcome as { session: number; secret: Uint8Array };
      await service.close();
      await space.close();
      space = await bench.space({ data: folder });
      service = await bench.serve(space);
      const again = await bench.connect(service, { ...V2, session: { id: session, secret, handled: 0 } });
      const ended = await again.until((message) => message.kind === 'error');
      assert.equal(ended.kind === 'error' && ended.error.code, 'quota_exceeded');
    } finally {
      await bench.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('random queries, estimates and failing atomic deploys change no row and make no call that changes anything', async () => {
    const { native, calls } = counting();
    await start();
    await space.register(native, { uri: 'app:world' });
    const given = 'new world(`app:world`) in { @"world"!!(*world) }';
    await (await space.run(given)).quiescent();
    const alice = await box();
    await alice.deploy('new box(`rho:powerbox`) in { for (t <- box!?("timer")) { @"clock"!!(*t) } }');
    await space.quiescent();
    /** All but what the session itself has to remember, and what its holder has paid. */
    const rows = async (): Promise<unknown> => {
      const { engine } = internalsOf(space);
      await engine.durable();
      const facts = [...engine.facts('')].filter(([key]) => !key.startsWith('ws/'));
      let audited = 0;
      for await (const _ of space.audit()) audited++;
      return [await stateOf(), facts, audited, calls.filter((name) => name !== 'look' && name !== 'compute')];
    };
    await fc.assert(
      fc.asyncProperty(randomPrograms({ stays: false }), randomPrograms({ stays: true }), async (left, asked) => {
        await alice.deploy(left);
        await space.quiescent();
        const before = await rows();
        const [looked, costs, failed] = await Promise.allSettled([
          alice.query(asked, { cost_max: 5_000 }),
          alice.estimate(asked, { cost_max: 5_000 }),
          alice.deploy(`${left} | @"end"!(1 / 0)`, { atomic: true }),
        ]);
        for (const end of [looked, costs])
          assert.ok(end.status === 'fulfilled' || coded('quota_exceeded')(end.reason), JSON.stringify(end));
        assert.equal(failed.status, 'rejected');
        assert.deepEqual(await rows(), before);
      }),
      { numRuns: 30 },
    );
  });

  it('a recording of all that replays to the same', async () => {
    const trace = new MemoryTrace();
    await start({ trace });
    const alice = await box();
    await alice.produce('hall', [1], { persist: true });
    await alice.query(`${ASK} { for (@n <- @"hall") { answer!(n) } }`);
    await alice.estimate('@"x"!(1)');
    await alice.deploy('for (@n <- @"hall") { @"x"!(n) }', { atomic: true });
    await assert.rejects(alice.deploy('@"d"!(1 / 0)', { atomic: true }));
    await assert.rejects(alice.query(FOREVER, { cost_max: 1_000 }));
    for (const one of boxes.splice(0)) await one.close();
    await bench.close();
    const report = await replayTrace(trace.bytes());
    assert.equal(report.complete, true);
  });
});
