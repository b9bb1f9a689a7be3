/** Laws of effects: what is journaled, what survives a kill, what a caller is told. */
import assert from 'node:assert/strict';
import { isErrorResult, NewChannel, NewObject, whenLeft } from '../../channels/index.ts';
import { Dispatcher, installNative } from '../../src/dispatch/index.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { type CauseRecord, type Recorder, SpaceEngine } from '../../src/space/index.ts';
import { type Journal, openMemoryStore, type Store } from '../../src/store/index.ts';
import { type Bundle, Kind, List, MapValue, Tuple, type Name, type Value } from '../../src/values/index.ts';
import { freshName, probeNative, rest, Site, World } from './support/world.ts';

function codeOf(value: Value | undefined): string {
  assert.ok(value !== undefined && isErrorResult(value), 'an error answer was expected');
  const map = (value as Tuple).items[1] as MapValue;
  return map.items[map.keys.indexOf('code')] as string;
}

const kinds = (site: Site): string[] =>
  site.disk.causes.map((cause) => cause.kind).filter((kind) => kind !== 'test' && kind !== 'send');

/** A real engine over a store in memory whose appends take their time, and a probe on a channel of account 1. */
async function realSpace(seed: number) {
  const platform = simulatedPlatform(seed);
  const memory = openMemoryStore(platform);
  const { journal } = memory;
  const slow: Journal = {
    get last() {
      return journal.last;
    },
    get first() {
      return journal.first;
    },
    append: async (last, entry) => {
      await new Promise<void>((resolve) => void platform.timers.after(APPEND_MS, resolve));
      await journal.append(last, entry);
    },
    read: (from) => journal.read(from),
    drop: (upTo) => journal.drop(upTo),
    close: () => journal.close(),
  };
  const store: Store = { ...memory, journal: slow };
  const world = new World();
  const engine = await platform.run(SpaceEngine.open({ platform, store, journal_tail_bytes_max: 2 ** 40 }));
  const dispatcher = new Dispatcher({ platform, report: () => {} });
  dispatcher.registerNative(probeNative(world));
  dispatcher.attach(engine, engine.names);
  engine.start(dispatcher);
  const probe = await platform.run(
    engine.post({ kind: 'test', payload: null, account: 1 }, (turn) =>
      installNative(turn, { native: 'probe', handle: 'p', id: '', cap: '' }, undefined),
    ),
  );
  return { platform, store, world, engine, dispatcher, probe };
}

const APPEND_MS = 5;

/** A change that no recovery is declared for, which is under way and never answers, and one that waits behind it. */
async function oneUnderWay(): Promise<{ readonly site: Site; readonly ret: ReturnType<typeof freshName> }> {
  const site = new Site();
  const probe = await site.install();
  const ret = freshName();
  site.world.behaviour = () => new Promise(() => {});
  await site.send(probe, ['once', 1, ret]);
  await site.send(probe, ['once', 2, ret]);
  await rest();
  return { site, ret };
}

describe('effects', () => {
  it('a method without effect is answered in the turn and leaves no cause of its own', async () => {
    const site = new Site();
    const probe = await site.install();
    assert.equal(await site.call(probe, 'pure', 5), 5);
    assert.deepEqual(kinds(site), []);
    assert.deepEqual(site.world.log, ['inline pure']);
  });

  it('an observation is journaled once, with its result', async () => {
    const site = new Site();
    const probe = await site.install();
    assert.equal(await site.call(probe, 'look', 6), 6);
    assert.deepEqual(kinds(site), ['result']);
    const payload = site.disk.causes.at(-1)?.payload as Tuple;
    assert.equal(payload.items[0], 'transaction');
    assert.deepEqual((payload.items[2] as Tuple).items, ['ok', 6]);
  });

  it('a change is durable as begun before it runs, and finished with its result', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = (call) => {
      assert.ok(
        site.disk.causes.some((cause) => cause.kind === 'begun'),
        'begun must be on disk',
      );
      assert.equal([...site.disk.state.facts.keys()].filter((key) => key.startsWith('effect/')).length, 1);
      return { ok: call.args[0] ?? null };
    };
    assert.equal(await site.call(probe, 'once', 7), 7);
    assert.deepEqual(kinds(site), ['begun', 'finished']);
    assert.equal([...site.disk.state.facts.keys()].filter((key) => key.startsWith('effect/')).length, 0);
  });

  it('a change begins in the commit of its task, and the next of its object in that of its answer: two syncs each', async () => {
    const { platform, store, world, engine, dispatcher, probe } = await realSpace(7);
    const before = store.journal.last;
    let durable = 0;
    world.behaviour = (call) => {
      durable = store.journal.last;
      return { ok: call.args[0] ?? null };
    };
    const send = (count: number): Promise<void> =>
      platform.run(
        engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
          for (let index = 0; index < count; index++) turn.produce(probe, ['once', index], false);
        }),
      );
    await send(1);
    await platform.run(dispatcher.quiescent(1));
    assert.equal(store.journal.last - before, 2, 'task and begun; finished');
    assert.equal(durable, before + 1, 'called when both were durable');
    await send(5);
    await platform.run(dispatcher.quiescent(1));
    assert.equal(store.journal.last - before, 2 + 6, 'each answer with the beginning of the next');
    assert.equal(world.done.length, 6);
    await platform.run(engine.close());
  });

  it('changes of one method that begin together are on record in one cause, each account with its own', async () => {
    const { platform, store, world, engine, dispatcher, probe } = await realSpace(8);
    const objects = [probe];
    for (const handle of ['q', 'r']) {
      const made = engine.post({ kind: 'test', payload: null, account: 1 }, (turn) =>
        installNative(turn, { native: 'probe', handle, id: '', cap: '' }, undefined),
      );
      objects.push(await platform.run(made));
    }
    const causes: CauseRecord[] = [];
    const begunAtCalls: number[] = [];
    const recorder: Recorder = {
      held: () => {},
      unparked: () => {},
      commit: (commit) => void causes.push(...commit.causes),
      durable: () => {},
      blob: () => {},
    };
    await platform.run(engine.record({ ...recorder, begin: () => {} }));
    const before = store.journal.last;
    world.behaviour = (call) => {
      begunAtCalls.push([...engine.facts('effect/')].length);
      assert.equal(store.journal.last, before + 1, 'called when all that begin are durable');
      return { ok: call.args[0] ?? null };
    };
    const send = (account: number): Promise<void> =>
      engine.post({ kind: 'test', payload: null, account }, (turn) => {
        for (const object of objects) turn.produce(object, ['once', 1], false);
      });
    await platform.run(send(1));
    await platform.run(dispatcher.quiescent(1));
    assert.deepEqual(begunAtCalls, [3, 3, 3]);
    const begun = causes.filter(({ kind }) => kind === 'begun').map(({ payload }) => (payload as Tuple).items);
    assert.deepEqual(
      begun.map(([mode, native, method, tasks]) => [mode, native, method, (tasks as List).items.length]),
      [['transaction', 'probe', 'once', 3]],
    );
    world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    causes.length = 0;
    await platform.run(Promise.all([send(1), send(2)]));
    await platform.run(dispatcher.quiescent(1));
    await platform.run(dispatcher.quiescent(2));
    const told = causes.filter(({ kind }) => kind === 'begun');
    assert.deepEqual([...new Set(told.map(({ account }) => account))].sort(), [1, 2]);
    assert.equal(told.flatMap(({ payload }) => ((payload as Tuple).items[3] as List).items).length, 6);
    assert.equal([...engine.facts('effect/')].length, 0);
    await platform.run(engine.close());
  });

  it('what looks unseen begins before its task is durable, one after the other in one commit; what is seen waits for the disk', async () => {
    const { platform, store, world, engine, dispatcher, probe } = await realSpace(11);
    const before = store.journal.last;
    const seenAt: number[] = [];
    world.behaviour = (call) => {
      seenAt.push(store.journal.last - before);
      return { ok: call.args[0] ?? null };
    };
    const send = (method: string, count: number): Promise<void> =>
      platform.run(
        engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
          for (let index = 0; index < count; index++) turn.produce(probe, [method, index], false);
        }),
      );
    await send('glance', 3);
    await platform.run(dispatcher.quiescent(1));
    assert.equal(seenAt[0], 0, 'called while nothing of it was on disk');
    seenAt.length = 0;
    const middle = store.journal.last - before;
    await send('look', 1);
    await platform.run(dispatcher.quiescent(1));
    assert.deepEqual(seenAt, [middle + 1], 'called when its task was on disk');
    assert.equal(world.done.length, 4);
    await platform.run(engine.close());
  });

  it('an observation cut off by a kill is made again', async () => {
    const first = new Site();
    const probe = await first.install();
    first.world.behaviour = () => new Promise(() => {});
    const ret = freshName();
    await first.send(probe, ['look', 1, ret]);
    await rest();
    first.world.behaviour = () => ({ ok: 'seen' });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(second.engine.waiting(ret), [['seen']]);
  });

  it('a repeatable change cut off by a kill is run again with the same effect id', async () => {
    const first = new Site();
    const probe = await first.install();
    const seen: string[] = [];
    first.world.behaviour = (call) => {
      seen.push(call.effectId.join());
      return new Promise(() => {});
    };
    const ret = freshName();
    await first.send(probe, ['repeated', 1, ret]);
    await rest();
    first.world.behaviour = (call) => {
      seen.push(call.effectId.join());
      return { ok: 'done' };
    };
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(second.engine.waiting(ret), [['done']]);
    assert.equal(seen.length, 2);
    assert.equal(seen[0], seen[1]);
  });

  it('a change that can be asked about is not made twice when it was applied', async () => {
    const first = new Site();
    const probe = await first.install();
    const ret = freshName();
    first.engine.beforeSync = (causes) => {
      // Applied in the world; its `finished` never gets to the disk.
      if (causes.some((cause) => cause.kind === 'finished')) first.engine.kill();
    };
    await first.send(probe, ['asked', 9, ret]);
    await rest();
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(first.world.log, ['call asked 9', 'ask asked 9']);
    assert.deepEqual(second.engine.waiting(ret), [[9]]);
    await rest();
    assert.equal(first.world.forgotten.size, 1);
  });

  it('a change that can be asked about is made when it was not applied', async () => {
    const first = new Site();
    const probe = await first.install();
    const ret = freshName();
    first.world.behaviour = () => new Promise(() => {});
    await first.send(probe, ['asked', 9, ret]);
    await rest();
    first.world.behaviour = () => ({ ok: 'now' });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(first.world.log, ['call asked 9', 'ask asked 9', 'call asked 9']);
    assert.deepEqual(second.engine.waiting(ret), [['now']]);
  });

  it('a change without recovery that was under way is answered interrupted, once, and never run again', async () => {
    const { site: first, ret } = await oneUnderWay();
    first.world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    const [one, two] = second.engine.waiting(ret).map((message) => message[0]);
    assert.equal(codeOf(one), 'interrupted');
    assert.equal(two, 2, 'the call that had not begun runs, after the interrupted one is answered');
    assert.deepEqual(first.world.log, ['call once 1', 'call once 2']);
    const third = second.restart();
    await third.dispatcher.quiescent(1);
    assert.equal(third.engine.waiting(ret).length, 2);
  });

  it('after a restart what had begun at an object goes first, then its calls in order, whatever order they come in', async () => {
    const first = new Site();
    const probe = await first.install('one');
    first.world.behaviour = () => new Promise(() => {});
    await first.send(probe, ['repeated', 1], 1);
    for (const value of [2, 3]) await first.send(probe, ['look', value], 2);
    await rest();
    first.disk.newestFirst = true;
    first.world.log.length = 0;
    first.world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    await second.dispatcher.quiescent(2);
    assert.equal(first.world.log[0], 'call repeated 1');
    assert.deepEqual(first.world.log.slice(1), ['call look 2', 'call look 3']);
  });

  it('a change that an earlier version put on record as begun is recovered all the same', async () => {
    const { site: first, ret } = await oneUnderWay();
    const { facts } = first.disk.state;
    const [[key, lane]] = [...facts].filter(([fact]) => fact.startsWith('effect/')) as [[string, Value]];
    assert.equal(lane, '');
    facts.set(key, new Tuple(['probe', 'p', '', '', 'once', '']));
    first.world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    const [one, two] = second.engine.waiting(ret).map((message) => message[0]);
    assert.equal(codeOf(one), 'interrupted');
    assert.equal(two, 2);
    assert.equal([...first.disk.state.facts.keys()].filter((fact) => fact.startsWith('effect/')).length, 0);
  });

  it('a cause of an earlier version, of one change that begins, does what it did', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = () => new Promise(() => {});
    await site.send(probe, ['once', 1]);
    await rest();
    const [[key]] = [...site.disk.state.facts].filter(([fact]) => fact.startsWith('effect/')) as [[string, Value]];
    const number = Number(key.slice('effect/'.length));
    const payload = new Tuple(['transaction', number, 'probe', 'once']);
    await site.engine.enact({ kind: 'begun', payload, account: 1 });
    assert.deepEqual((site.disk.state.facts.get(key) as Tuple).items.slice(4), ['once', '']);
  });

  it('a change whose begun was never durable simply runs', async () => {
    const first = new Site();
    const probe = await first.install();
    const ret = freshName();
    first.engine.beforeSync = (causes) => {
      if (causes.some((cause) => cause.kind === 'begun')) first.engine.kill();
    };
    await first.send(probe, ['once', 3, ret]);
    await rest();
    assert.deepEqual(first.world.log, []);
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(second.engine.waiting(ret), [[3]]);
    assert.deepEqual(first.world.log, ['call once 3']);
  });

  it('calls of one object run one after the other in the order of their tasks; other objects run meanwhile', async () => {
    const site = new Site();
    const left = await site.install('left');
    const right = await site.install('right');
    const open: (() => void)[] = [];
    site.world.behaviour = (call) => new Promise((resolve) => open.push(() => resolve({ ok: call.args[0] ?? null })));
    for (const value of ['l1', 'l2', 'l3']) await site.send(left, ['look', value]);
    await site.send(right, ['once', 'r1']);
    await rest();
    assert.deepEqual(site.world.log, ['call look l1', 'call once r1']);
    while (open.length > 0) {
      open.shift()?.();
      await rest();
    }
    assert.deepEqual(site.world.log, ['call look l1', 'call once r1', 'call look l2', 'call look l3']);
  });

  it('methods of different lanes of one object run side by side, and in order within each', async () => {
    const site = new Site();
    const probe = await site.install('one');
    const open = new Map<Value | undefined, () => void>();
    site.world.behaviour = (call) =>
      new Promise((resolve) => open.set(call.args[0], () => resolve({ ok: call.args[0] ?? null })));
    for (const [method, value] of Object.entries({ hear: 'h', say: 's' }))
      for (const count of [1, 2]) await site.send(probe, [method, `${value}${count}`]);
    await rest();
    assert.deepEqual(site.world.log, ['call hear h1', 'call say s1']);
    open.get('s1')?.();
    await rest();
    open.get('h1')?.();
    await rest();
    assert.deepEqual(site.world.log, ['call hear h1', 'call say s1', 'call say s2', 'call hear h2']);
    for (const value of ['s2', 'h2']) open.get(value)?.();
    await site.dispatcher.quiescent(1);
  });

  it('a change that had begun holds up its own lane after a kill, and no other', async () => {
    const first = new Site();
    const probe = await first.install('one');
    first.world.behaviour = () => new Promise(() => {});
    await first.send(probe, ['say', 's1']);
    await rest();
    await first.send(probe, ['say', 's2']);
    await first.send(probe, ['look', 'l1']);
    await rest();
    first.world.log.length = 0;
    first.world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    const second = first.restart();
    await second.dispatcher.quiescent(1);
    const log = first.world.log;
    assert.deepEqual([...log].sort(), ['call look l1', 'call say s1', 'call say s2']);
    assert.ok(log.indexOf('call say s1') < log.indexOf('call say s2'));
  });

  it('calls of a method that is in no order run side by side, and those that a kill cut off hold up no other', async () => {
    const first = new Site();
    const probe = await first.install('one');
    first.world.behaviour = () => new Promise(() => {});
    for (const value of ['a', 'b']) await first.send(probe, ['fetch', value]);
    await rest();
    assert.deepEqual(first.world.log, ['call fetch a', 'call fetch b']);
    first.world.log.length = 0;
    const open: (() => void)[] = [];
    first.world.behaviour = (call) => new Promise((resolve) => open.push(() => resolve({ ok: call.args[0] ?? null })));
    const second = first.restart();
    await rest();
    assert.deepEqual([...first.world.log].sort(), ['call fetch a', 'call fetch b']);
    await second.send(probe, ['fetch', 'c']);
    await rest();
    assert.deepEqual(first.world.log[2], 'call fetch c');
    for (const answer of open) answer();
    await second.dispatcher.quiescent(1);
  });

  it('a patient call takes nothing of the allowance of its account', async () => {
    const site = new Site(undefined, undefined, { effectsRunningMax: 1 });
    let heard = (): void => {};
    site.world.behaviour = (call) =>
      call.method === 'hear'
        ? new Promise((resolve) => (heard = () => resolve({ ok: 'heard' })))
        : { ok: call.args[0] ?? null };
    const ret = freshName();
    await site.send(await site.install('one'), ['hear', 1, ret]);
    await rest();
    await site.send(await site.install('two'), ['say', 'said', ret]);
    await rest();
    assert.deepEqual(site.engine.waiting(ret), [['said']]);
    heard();
    await site.dispatcher.quiescent(1);
    assert.deepEqual(site.engine.waiting(ret), [['said'], ['heard']]);
  });

  it('each call of an object with state sees the state its predecessor left, also after a kill', async () => {
    const first = new Site();
    const counter = await first.install(null, 'counter', 0);
    const bump = (call: { state: Value | undefined }): { ok: Value; state: Value } => ({
      ok: (call.state as number) + 1,
      state: (call.state as number) + 1,
    });
    first.world.behaviour = bump as never;
    const ret = freshName();
    for (let count = 0; count < 5; count++) await first.send(counter, ['tally', ret]);
    await first.dispatcher.quiescent(1);
    const second = first.restart();
    await second.send(counter, ['tally', ret]);
    await second.dispatcher.quiescent(1);
    assert.deepEqual(
      second.engine.waiting(ret).map((message) => message[0]),
      [1, 2, 3, 4, 5, 6],
    );
  });

  it('no account has more effects running than its bound, and each gets its turn', async () => {
    const site = new Site(undefined, undefined, { effectsRunningMax: 3 });
    let running = 0;
    let most = 0;
    site.world.behaviour = async (call) => {
      most = Math.max(most, ++running);
      await rest(2);
      running--;
      return { ok: call.args[0] ?? null };
    };
    const ret = freshName();
    const objects = await Promise.all(Array.from({ length: 20 }, (_, index) => site.install(`h${index}`)));
    await Promise.all(objects.map((object, index) => site.send(object, ['look', index, ret])));
    await site.dispatcher.quiescent(1);
    assert.equal(most, 3);
    assert.equal(site.engine.waiting(ret).length, 20);
  });

  it('an answer may hand out an object, which the caller can only send to', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = (call) =>
      call.handle === null ? { ok: new NewObject('probe', 'inner', 41) } : { ok: (call.state as number) + 1 };
    for (const method of ['pure', 'look', 'once']) {
      const object = (await site.call(probe, method, 0)) as Bundle;
      assert.equal(object.kind, Kind.Bundle);
      assert.deepEqual([object.read, object.write], [false, true]);
      assert.equal(await site.call(object.body, 'tally'), 42);
    }
  });

  it('an answer may hand out a channel that holds messages, which the caller can only read', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = () => ({ ok: new NewChannel([['a'], ['b', 1]]) });
    const chunks = (await site.call(probe, 'look', 0)) as Bundle;
    assert.deepEqual([chunks.read, chunks.write], [true, false]);
    assert.deepEqual(site.engine.waiting(chunks.body as Name), [['a'], ['b', 1]]);
  });
});

describe('errors of calls', () => {
  it('a wrong call is answered in the turn, at *err when there is one, else at *ret, and reported', async () => {
    const site = new Site();
    const probe = await site.install();
    assert.equal(codeOf(await site.call(probe, 'nonsense')), 'method_unknown');
    const [ret, err] = [freshName(), freshName()];
    await site.send(probe, ['look', 1, 2, ret, err]);
    await site.dispatcher.quiescent(1);
    assert.equal(codeOf(site.engine.waiting(err)[0]?.[0]), 'arguments_invalid');
    assert.deepEqual(site.engine.waiting(ret), []);
    assert.deepEqual(
      site.records.map((record) => record.code),
      ['method_unknown', 'arguments_invalid'],
    );
    assert.deepEqual(
      site.records.map((record) => record.mode),
      ['transaction', 'transaction'],
    );
    assert.equal(site.dispatcher.failures(1).count, 0);
  });

  it('an error that nobody waits for counts as a failure of the account and is reported once', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = () => ({ error: { code: 'file_not_found', message: 'no such file' } });
    for (const method of ['pure', 'look', 'once']) await site.send(probe, [method, 1]);
    await site.dispatcher.quiescent(1);
    assert.deepEqual(
      site.records.map((record) => record.source),
      ['probe.pure', 'probe.look', 'probe.once'],
    );
    const { count, last } = site.dispatcher.failures(1);
    assert.deepEqual([count, last.at(-1)?.code], [3, 'file_not_found']);
    assert.equal(site.restart().dispatcher.failures(1).count, 3);
  });

  it('a native that throws, in any way, harms its own caller only', async () => {
    const site = new Site();
    const probe = await site.install('bad');
    const good = await site.install('good');
    site.world.behaviour = (call) => {
      if (call.handle === 'good') return { ok: 'fine' };
      if (call.args[0] === 0) throw new Error('plain');
      if (call.args[0] === 1) throw 'text';
      if (call.args[0] === 2)
        throw {
          toString: () => {
            throw new Error('twice');
          },
        };
      return Promise.reject(undefined);
    };
    for (const method of ['pure', 'look', 'once', 'asked']) {
      for (const value of [0, 1, 2])
        assert.equal(codeOf(await site.call(probe, method, value)), 'native_failed', `${method} ${value}`);
    }
    assert.equal(codeOf(await site.call(probe, 'look', 3)), 'native_failed');
    assert.equal(await site.call(good, 'look', 0), 'fine');
  });

  it('a native that never answers is timed out; its late answer changes nothing and is counted', async () => {
    const site = new Site();
    const probe = await site.install();
    const open: (() => void)[] = [];
    let aborted = false;
    site.world.behaviour = (call) => {
      call.signal?.addEventListener('abort', () => (aborted = true));
      return new Promise((resolve) => open.push(() => resolve({ ok: 'late' })));
    };
    const [ret, next] = [freshName(), freshName()];
    await site.send(probe, ['once', 1, ret]);
    await site.send(probe, ['look', 2, next]);
    await rest();
    site.time.advance(30_000);
    await rest();
    assert.equal(codeOf(site.engine.waiting(ret)[0]?.[0]), 'timed_out');
    assert.ok(aborted);
    assert.equal(site.world.log.length, 2, 'the next call of the object runs');
    for (const answer of open) answer();
    await site.dispatcher.quiescent(1);
    assert.equal(site.engine.waiting(ret).length, 1);
    assert.deepEqual(site.engine.waiting(next), [['late']]);
    assert.equal(site.dispatcher.counts.late, 1);
    assert.equal(site.time.waiting, 0, 'no timer is left behind');
  });

  it('who asks is told once when nobody waits for an answer any more: when the time is over, or at once when it was', async () => {
    const site = new Site();
    const probe = await site.install();
    const told: string[] = [];
    let late = (): void => {};
    site.world.behaviour = (call) => {
      whenLeft(call, () => told.push('left'));
      whenLeft(call, () => {
        throw new Error('its own trouble');
      });
      const forget = whenLeft(call, () => told.push('forgotten'));
      forget();
      late = () => void whenLeft(call, () => told.push('late'));
      return new Promise(() => {});
    };
    const ret = freshName();
    await site.send(probe, ['look', 1, ret]);
    await rest();
    assert.deepEqual(told, []);
    site.time.advance(30_000);
    await rest();
    assert.equal(codeOf(site.engine.waiting(ret)[0]?.[0]), 'timed_out');
    assert.deepEqual(told, ['left']);
    late();
    assert.deepEqual(told, ['left', 'late']);
    assert.equal(site.dispatcher.counts.thrown, 1);
  });

  it('a call without that hook is asked by its signal', () => {
    const told: string[] = [];
    const abort = new AbortController();
    const { signal } = abort;
    whenLeft({ signal }, () => told.push('left'));
    whenLeft({ signal }, () => told.push('forgotten'))();
    whenLeft({}, () => told.push('never'));
    abort.abort();
    whenLeft({ signal }, () => told.push('at once'));
    assert.deepEqual(told, ['left', 'at once']);
  });

  it('a patient method answers when it answers, however late', async () => {
    const site = new Site();
    const probe = await site.install();
    let answer = (): void => {};
    site.world.behaviour = () => new Promise((resolve) => (answer = () => resolve({ ok: 'a line' })));
    const ret = freshName();
    await site.send(probe, ['person', 1, ret]);
    await rest();
    site.time.advance(1e9);
    await rest();
    assert.deepEqual(site.engine.waiting(ret), []);
    answer();
    await site.dispatcher.quiescent(1);
    assert.deepEqual(site.engine.waiting(ret), [['a line']]);
  });

  it('a clean stop waits for no patient call: it is cut off, and answered interrupted by the next process', async () => {
    const site = new Site();
    const probe = await site.install();
    site.world.behaviour = ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('the call was cut off'))));
    const ret = freshName();
    await site.send(probe, ['person', 1, ret]);
    await rest();
    await site.dispatcher.stop();
    assert.equal(site.time.waiting, 0);
    await rest();
    assert.deepEqual(site.engine.waiting(ret), []);
    const second = site.restart();
    await second.dispatcher.quiescent(1);
    assert.equal(codeOf(second.engine.waiting(ret)[0]?.[0]), 'interrupted');
  });

  it('an answer that no value can be made of is native_failed', async () => {
    const site = new Site();
    const probe = await site.install();
    const deep = (): Value => {
      let value: Value = null;
      for (let depth = 0; depth < 5000; depth++) value = new Tuple([value]);
      return value;
    };
    const cyclic: unknown[] = [];
    cyclic.push(new Tuple(cyclic as Value[]));
    const hostile = {
      get ok(): never {
        throw new Error('a getter');
      },
    };
    const answers: unknown[] = [
      undefined,
      null,
      5,
      {},
      hostile,
      { ok: undefined },
      { ok: 1.5 },
      { ok: -0 },
      { ok: Number.NaN },
      { ok: 2n ** 63n },
      { ok: 5n },
      { ok: '\ud800' },
      { ok: () => 1 },
      { ok: { kind: 8, items: [] } },
      { ok: new Tuple([1]) },
      { ok: new List([deep()]) },
      { ok: new List(cyclic as Value[]) },
      { ok: 'x'.repeat(20_000_000) },
      { ok: new MapValue(['b', 'a'], [1, 2]) },
      { ok: new MapValue(['a'], []) },
      { ok: 1, state: Symbol('s') },
      { error: null },
      { error: { code: 'nope', message: 'x' } },
      { error: { code: 'file_failed' } },
      { ok: new NewChannel([5 as never]) },
      { ok: new NewObject('probe', undefined as never) },
    ];
    for (const answer of answers) {
      site.world.behaviour = () => answer as never;
      for (const method of ['pure', 'look', 'once'])
        assert.equal(codeOf(await site.call(probe, method, 0)), 'native_failed');
    }
    assert.equal(site.dispatcher.counts.garbage, answers.length * 3);
  });
});

describe('answers and quotas', () => {
  it('an answer for which there is no room is told as an error, for nobody waits in vain', async () => {
    const site = new Site();
    const probe = await site.install();
    const ret = freshName();
    site.engine.full = true;
    await site.send(probe, ['repeated', 'large', ret]);
    await site.dispatcher.settled(1);
    assert.equal(codeOf(site.engine.waiting(ret)[0]?.[0]), 'quota_exceeded');
    assert.deepEqual(site.world.done, ['repeated large']);
  });
});
