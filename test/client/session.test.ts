/** What a client promises about requests, deliveries and connections, against a service that loses lines on demand. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  any,
  type ConnectionState,
  type ConnectOptions,
  connectIn,
  type CursorStore,
  type Handle,
  isRemoteError,
  part,
  type Remote,
  sameHandle,
  withOptions,
} from '../../src/client/index.ts';
import { limits } from '../../src/limits.ts';
import { Machine, Peer } from './support/peer.ts';

interface Thing {
  open(): Thing;
  path(): Uint8Array;
  pair(): readonly [Thing, string];
  echo<T>(value: T): T;
  tuple(...values: readonly unknown[]): readonly unknown[];
  never(): null;
  nothing(): null;
}

async function connected(options: ConnectOptions = {}, peer = new Peer()) {
  const machine = new Machine(peer);
  const connecting = connectIn(machine, 'ws://localhost:1', options);
  // Whatever becomes of it, a test that awaits it hears it.
  connecting.catch(() => {});
  await machine.settle();
  const box = await connecting;
  return { machine, peer, box, thing: box.powerbox as unknown as Remote<Thing> };
}

function settled<T>(promise: PromiseLike<T>): { value?: T; error?: unknown; done: boolean } {
  const result: { value?: T; error?: unknown; done: boolean } = { done: false };
  promise.then(
    (value) => Object.assign(result, { value, done: true }),
    (error: unknown) => Object.assign(result, { error, done: true }),
  );
  return result;
}

const coded = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

describe('a client', () => {
  it('refuses a time or a count that the wire does not know, by its name', async () => {
    const { machine, box, thing } = await connected();
    const asked: [string, () => PromiseLike<unknown>][] = [
      ['take: limit_ms', () => box.take('c', { limit_ms: 11.7 })],
      ['peek: limit_ms', () => box.peek('c', { limit_ms: -1 })],
      ['consume: limit_ms', () => box.consume([{ channel: 'c' }], { limit_ms: Number.NaN })],
      ['produce: lease_ms', () => box.produce('c', [1], { lease_ms: 0 })],
      ['nothing: limit_ms', () => withOptions(thing.open(), { limit_ms: 0.5 }).nothing()],
      ['query: cost_max', () => box.query('Nil', { cost_max: 1.5 })],
      ['estimate: limit_ms', () => box.estimate('Nil', { limit_ms: 0 })],
      ['newNames: count', () => box.newNames(limits.wire_names_max + 1)],
      ['messages: credit', () => box.messages('c', { credit: 2.5 }).next()],
      ['watch: credit', () => box.watch('c', { credit: limits.wire_credit_max + 1 }).next()],
    ];
    for (const [what, ask] of asked) {
      const answer = settled(ask());
      await machine.settle();
      const { code, message } = answer.error as { code: string; message: string };
      assert.equal(code, 'arguments_invalid', what);
      assert.ok(message.startsWith(`${what} is a whole number from `), message);
    }
    await box.close();
  });

  it('sends a chain of calls as one frame, in which each refers to the one before', async () => {
    const { machine, peer, thing } = await connected();
    const frames = peer.frames.length;
    const answer = settled(thing.open().open().path());
    await machine.settle();
    assert.deepEqual(peer.frames.slice(frames, frames + 1), [3]);
    assert.equal(answer.value?.length, 6);
  });

  it('refers to parts of answers, and passes answers as arguments, before they come', async () => {
    const { machine, peer, thing } = await connected();
    const pair = thing.pair();
    const first = part(pair, 0);
    const frames = peer.frames.length;
    const answers = settled(Promise.all([first.path(), thing.echo(part(pair, 1)), thing.echo(pair)]));
    await machine.settle();
    assert.equal(peer.frames[frames], 4);
    assert.equal(answers.error, undefined);
    assert.deepEqual(answers.value?.[0], new Uint8Array([3, 7, 1]));
    assert.equal(answers.value?.[1], 'second');
  });

  it('keeps what it was answered as long as a request refers to it, over lost lines', async () => {
    const { machine, thing } = await connected();
    const opened = thing.open();
    const first = settled(opened);
    const moment = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
    await moment();
    const path = settled(opened.path());
    await moment();
    // The first request is applied, and its answers arrive; the second one is lost on its way.
    assert.equal(machine.pass(true), true);
    while (machine.pass(false)) await moment();
    assert.equal(first.done, true);
    machine.cut();
    await machine.settle(1_000);
    assert.equal(first.done, true);
    assert.equal(path.error, undefined);
    assert.equal(path.value?.length, 5);
  });

  it('says in whose trace it asks, once for those that follow each other, again after a lost line, and never what is none', async () => {
    const trace = (step: string): string => `00-0af7651916cd43dd8448eb211c80319c-${step.repeat(16)}-01`;
    let traceparent: string | null = trace('a');
    const { machine, peer, thing } = await connected({
      traceparent: () => {
        if (traceparent === 'thrown') throw new Error('no trace now');
        return traceparent;
      },
    });
    const answers = [];
    for (const parent of [trace('a'), trace('a'), null, 'rubbish', 'thrown', trace('b'), `${trace('c')}\n`]) {
      traceparent = parent;
      answers.push(settled(thing.path()));
    }
    traceparent = null;
    // The first frame is lost: what it said is said again.
    await new Promise((resolve) => setImmediate(resolve));
    machine.cut();
    await machine.settle(1_000);
    assert.deepEqual(
      answers.map(({ done, error }) => [done, error]),
      answers.map(() => [true, undefined]),
    );
    assert.deepEqual(peer.parents, [trace('a'), '', trace('b'), '']);
  });

  it('asks without a trace whoever speaks a version without, and where there is no room for it', async () => {
    const traceparent = `00-0af7651916cd43dd8448eb211c80319c-${'a'.repeat(16)}-01`;
    const old = new Peer();
    old.version = 1;
    const first = await connected({ traceparent }, old);
    const answered = settled(first.thing.path());
    await first.machine.settle();
    assert.deepEqual([answered.done, old.parents], [true, []]);

    const narrow = new Peer();
    narrow.limits = { ...narrow.limits, frame_bytes: 1_000 };
    const { machine, thing } = await connected({ traceparent }, narrow);
    const [large, small] = [settled(thing.echo('x'.repeat(920))), settled(thing.echo('y'))];
    await machine.settle();
    assert.deepEqual([large.value, small.value], ['x'.repeat(920), 'y']);
    assert.deepEqual(narrow.parents, [traceparent]);
  });

  it('says errors with code, channel and method', async () => {
    const { machine, thing } = await connected();
    const answer = settled(thing.nothing());
    await machine.settle();
    const { error } = answer;
    assert.ok(isRemoteError(error));
    assert.deepEqual([error.code, error.channel, error.method], ['method_unknown', 'thing', 'nothing']);
  });

  it('tells of an error that nobody has asked about, and of no other', async () => {
    const { machine, thing, box } = await connected();
    const unheard: unknown[] = [];
    box.on('unheard', (error) => unheard.push(error));
    void thing.nothing();
    void settled(thing.nothing());
    void settled((thing.nothing() as unknown as Remote<Thing>).path());
    await machine.settle();
    assert.equal(unheard.length, 1);
    assert.ok(coded('method_unknown')(unheard[0]));
  });

  it('turns a method of any name into a call, but those that JavaScript asks of every object', async () => {
    const { machine, thing } = await connected();
    const handle = settled(thing.open());
    await machine.settle();
    const opened = handle.value as unknown as Record<string, unknown>;
    for (const name of ['then', 'toString', 'constructor', 'toJSON']) assert.equal(opened[name], undefined);
    assert.equal(typeof opened['close'], 'function');
    assert.deepEqual(Object.keys(opened), []);
    assert.throws(() => Object.assign(opened, { kept: 1 }), TypeError);
  });

  it('refuses what is no value before anything is sent', async () => {
    const { machine, peer, thing } = await connected();
    const answer = settled(thing.echo(() => 1));
    await machine.settle();
    assert.ok(coded('value_unsupported')(answer.error));
    assert.equal(peer.log.length, 0);
  });

  it('refuses a request that is larger than a frame, and goes on', async () => {
    const { machine, thing } = await connected();
    const large = settled(thing.echo('x'.repeat(5_000)));
    const small = settled(thing.echo('x'));
    await machine.settle();
    assert.ok(coded('value_too_large')(large.error));
    assert.equal(small.value, 'x');
  });

  it('sends no more requests than the service takes, and a request to take one back all the same', async () => {
    const { machine, peer, box, thing } = await connected();
    const leave = new AbortController();
    const waiting = Array.from({ length: 40 }, () =>
      settled(withOptions(thing as unknown as Handle & Remote<Thing>, { signal: leave.signal }).never()),
    );
    const after = settled(thing.echo('after'));
    await machine.settle();
    assert.equal(peer.log.length, peer.limits.requests);
    assert.equal(after.done, false);
    assert.equal(box.unanswered, 41);
    leave.abort();
    await machine.settle();
    assert.ok(waiting.every(({ error }) => coded('cancelled')(error)));
  });

  it('holds requests back while the socket takes nothing', async () => {
    const { machine, peer, thing } = await connected();
    machine.stuck_bytes = limits.client_buffered_bytes_max + 1;
    const answer = settled(thing.echo(1));
    await machine.settle();
    assert.equal(peer.log.length, 0);
    machine.stuck_bytes = 0;
    await machine.settle();
    assert.equal(answer.value, 1);
  });

  it('takes a receive back without losing a message that was on its way', async () => {
    const { machine, peer, box } = await connected();
    const leave = new AbortController();
    const taken = settled(box.consume([{ channel: 'a' }], { signal: leave.signal }));
    await machine.settle();
    peer.put('a', 1);
    leave.abort();
    await machine.settle();
    assert.deepEqual(taken.value, [[1]]);

    const again = new AbortController();
    const nothing = settled(box.consume([{ channel: 'a' }], { signal: again.signal }));
    await machine.settle();
    again.abort();
    await machine.settle();
    assert.ok(coded('cancelled')(nothing.error));
  });
});

describe('handles', () => {
  it('are released when the last one is disposed of, in one request a turn', async () => {
    const { machine, peer, thing } = await connected();
    const opened = settled(Promise.all([thing.echo(thing.open()), thing.open()]));
    await machine.settle();
    const [first, second] = opened.value as unknown as [Handle, Handle];
    first.dispose();
    second.dispose();
    first.dispose();
    await machine.settle();
    const releases = peer.log.filter(({ kind }) => kind === 'release');
    assert.equal(releases.length, 1);
    assert.equal(peer.session.released.length, 1, 'the other one is held by the answer that it was echoed from');
  });

  it('that came again before the word of their release was through are not released', async () => {
    const { machine, peer, thing } = await connected();
    const opened = settled(thing.open());
    await machine.settle();
    const handle = opened.value as unknown as Handle;
    const moment = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
    const echoed = settled(thing.echo(handle));
    await moment();
    assert.equal(machine.pass(true), true);
    handle.dispose();
    await moment();
    // The answer arrives, and the release is lost on its way.
    while (machine.pass(false)) await moment();
    assert.equal(echoed.done, true);
    machine.cut();
    await machine.settle(1_000);
    assert.deepEqual(peer.session.released, []);
    const used = settled((echoed.value as unknown as Remote<Thing>).path());
    (echoed.value as unknown as Handle).dispose();
    await machine.settle();
    assert.equal(used.error, undefined);
    assert.equal(peer.session.released.length, 1);
  });

  it('that come when what they answer was taken back are released at once', async () => {
    const { machine, peer, thing } = await connected();
    const leave = new AbortController();
    const opened = settled(withOptions(thing as unknown as Handle & Remote<Thing>, { signal: leave.signal }).open());
    await new Promise((resolve) => setImmediate(resolve));
    leave.abort();
    await machine.settle();
    assert.ok(coded('cancelled')(opened.error));
    assert.equal(peer.session.released.length, 1);
  });

  it('that nobody can reach any more are released by the collector', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { machine, peer, thing } = await connected();
    const kept = settled(thing.open());
    // Neither the handle nor the answer stays with anybody.
    for (let n = 0; n < 5; n++) settled(thing.open().path());
    await machine.settle();
    for (let n = 0; n < 50 && peer.session.released.length < 5; n++) {
      collect();
      await machine.settle();
    }
    assert.equal(peer.session.released.length, 5);
    assert.equal(kept.error, undefined);
    const used = settled((kept.value as unknown as Remote<Thing>).path());
    await machine.settle();
    assert.equal(used.error, undefined);
  });

  it('that were disposed of are refused', async () => {
    const { machine, thing } = await connected();
    const opened = settled(thing.open());
    await machine.settle();
    const handle = opened.value as unknown as Remote<Thing>;
    await Promise.all([handle[Symbol.asyncDispose](), machine.settle()]);
    const use = settled(handle.path());
    const send = settled(thing.echo(handle));
    await machine.settle();
    assert.ok(coded('handle_closed')(use.error));
    assert.ok(coded('handle_closed')(send.error));
  });

  it('of another client are refused', async () => {
    const one = await connected();
    const other = await connected();
    const sent = settled(other.thing.echo(one.thing));
    await other.machine.settle();
    assert.ok(coded('arguments_invalid')(sent.error));
  });

  it('are the same when they are of one capability', async () => {
    const { machine, box, thing } = await connected();
    const names = settled(Promise.all([box.newName(), box.newName()]));
    await machine.settle();
    const [left, right] = names.value as unknown as [Handle, Handle];
    const echoed = settled(thing.echo(left));
    await machine.settle();
    assert.equal(sameHandle(left, echoed.value as unknown as Handle), true);
    assert.equal(sameHandle(left, right), false);
  });
});

describe('streams', () => {
  it('never hold more than their credit, and give more as they are read', async () => {
    const { machine, peer, box } = await connected();
    const messages = box.messages('jobs', { credit: 4 });
    await machine.settle();
    for (let n = 0; n < 10; n++) peer.put('jobs', n);
    await machine.settle();
    assert.equal(peer.channels.get('jobs')?.length, 6);
    const read: unknown[] = [];
    for (let n = 0; n < 10; n++) {
      const next = settled(messages.next());
      await machine.settle();
      read.push(...(next.value?.value ?? []));
    }
    assert.deepEqual(read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('put back what was not read when the loop is left', async () => {
    const { machine, peer, box } = await connected();
    const messages = box.messages('jobs', { credit: 8 });
    await machine.settle();
    for (let n = 0; n < 5; n++) peer.put('jobs', n);
    await machine.settle();
    const first = settled(messages.next());
    await machine.settle();
    assert.deepEqual(first.value?.value, [0]);
    const left = settled((messages.return as () => Promise<unknown>)());
    await machine.settle(200);
    assert.equal(left.done, true);
    const rest = (peer.channels.get('jobs') ?? []).map(
      (message) => (message as unknown as { items: number[] }).items[0],
    );
    assert.deepEqual(rest.toSorted(), [1, 2, 3, 4]);
    assert.equal(peer.session.kept.length, 0);
  });

  it('end with an error once, and then are at their end', async () => {
    const { machine, box } = await connected();
    const leave = new AbortController();
    const watch = box.watch('a', { signal: leave.signal });
    const waiting = settled(watch.next());
    await machine.settle();
    leave.abort(new Error('enough'));
    await machine.settle();
    assert.ok(coded('cancelled')(waiting.error));
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  });

  it('whose signal was aborted before ask for nothing', async () => {
    const { machine, peer, box } = await connected();
    const next = settled(box.messages('a', { signal: AbortSignal.abort() }).next());
    const call = settled(box.take('a', { signal: AbortSignal.abort() }));
    await machine.settle();
    assert.ok(coded('cancelled')(next.error));
    assert.ok(coded('cancelled')(call.error));
    assert.equal(peer.log.length, 0);
  });

  it('show what is put on a channel without taking it', async () => {
    const { machine, peer, box } = await connected();
    const watch = box.watch('a');
    const seen = settled(watch.next());
    await machine.settle();
    peer.put('a', 1, 'x');
    await machine.settle();
    assert.deepEqual(seen.value?.value, { message: [1, 'x'], missed: 0 });
    assert.equal(peer.channels.get('a')?.length, 1);
  });
});

describe('a connection', () => {
  it('that breaks is made again, later each time, and the session goes on', async () => {
    const { machine, peer, box, thing } = await connected({ backoff_ms: 100, backoff_ms_max: 1_000 });
    const states: ConnectionState[] = [];
    box.on('state', (state) => states.push(state));
    const answer = settled(thing.never());
    machine.cut('gone');
    machine.peer = null;
    await machine.settle(2_000);
    machine.peer = peer;
    await machine.settle(2_000);
    const delays = states.flatMap((state) => (state.state === 'reconnecting' ? [state.delay_ms] : []));
    assert.deepEqual(delays, [75, 150, 300, 600, 750, 750].slice(0, delays.length));
    const last = states.at(-1);
    assert.ok(last?.state === 'connected' && last.resumed);
    assert.equal(answer.done, false);
    assert.equal(peer.log.filter(({ kind }) => kind === 'call').length, 1);
  });

  it('that says nothing for two heartbeats is dropped', async () => {
    const { machine, peer } = await connected({ heartbeat_ms: 1_000 });
    await machine.settle(10_000);
    assert.equal(machine.dials, 1, 'pongs are signs of life');
    peer.frame = () => {};
    await machine.settle(3_500);
    assert.ok(machine.dials > 1);
  });

  it('is not silent because the program itself stood still, and has not read what came meanwhile', async () => {
    const { machine } = await connected({ heartbeat_ms: 1_000 });
    // A ping goes out, and what is due next comes late, before anything that is on the line.
    assert.ok(machine.tick(1_000));
    machine.now_ms += 5_000;
    assert.ok(machine.tick(0));
    await machine.settle(10_000);
    assert.equal(machine.dials, 1);
  });

  it('that is never welcomed is given up in time', async () => {
    const peer = new Peer();
    peer.welcomes = false;
    const machine = new Machine(peer);
    const connecting = settled(connectIn(machine, 'ws://localhost:1', { dial_ms: 1_000, connect_ms: 3_500 }));
    await machine.settle(10_000);
    assert.ok(coded('net_failed')(connecting.error));
    assert.match((connecting.error as Error).message, /no welcome within 1000 ms/);
    assert.ok(machine.dials > 1);
  });

  it('is not tried again after a refusal that would be the same', async () => {
    const peer = new Peer();
    peer.dismiss = { code: 'auth_failed', message: 'the token does not hold' };
    const machine = new Machine(peer);
    const connecting = settled(connectIn(machine, 'ws://localhost:1', { token: 'x' }));
    await machine.settle(10_000);
    assert.ok(isRemoteError(connecting.error) && connecting.error.code === 'auth_failed');
    assert.equal(machine.dials, 1);
  });

  it('asks for a new token when the old one is refused, once', async () => {
    const peer = new Peer();
    peer.dismiss = { code: 'auth_failed', message: 'the token does not hold' };
    const machine = new Machine(peer);
    let asked = 0;
    const connecting = settled(connectIn(machine, 'ws://localhost:1', { token: async () => `token ${asked++}` }));
    await machine.settle(10_000);
    assert.ok(coded('auth_failed')(connecting.error));
    assert.equal(asked, 2);
    assert.deepEqual(
      peer.hellos.map((hello) => (hello.kind === 'hello' ? hello.token : '')),
      ['token 0', 'token 1'],
    );
  });

  it('never carries a token in clear to another machine', async () => {
    const machine = new Machine(new Peer());
    for (const url of ['ws://example.org', 'http://10.0.0.1:80', 'ftp://localhost', 'ws://a:b@localhost', 'nonsense']) {
      await assert.rejects(connectIn(machine, url, { token: 'secret' }), coded('url_invalid'));
    }
    assert.equal(machine.dials, 0);
  });

  it('of a session that is gone tells what may have been done from what was not', async () => {
    const { machine, peer, box, thing } = await connected();
    const sent = settled(thing.never());
    await machine.settle();
    peer.forgetSessions();
    machine.cut();
    const unsent = settled(thing.echo('unsent'));
    await machine.settle(1_000);
    assert.ok(coded('outcome_unknown')(sent.error));
    assert.equal(unsent.value, 'unsent');
    assert.ok(box.state.state === 'connected' && !box.state.resumed);
  });

  it('that is closed answers everything, and refuses the rest', async () => {
    const { machine, peer, box, thing } = await connected();
    const sent = settled(thing.never());
    await machine.settle();
    const left = settled(box.close());
    await machine.settle();
    assert.equal(left.done, true);
    assert.ok(coded('outcome_unknown')(sent.error));
    const refused = settled(thing.echo(1));
    await machine.settle();
    assert.ok(coded('space_closed')(refused.error));
    assert.equal(machine.connected, false);
    assert.equal(peer.sessions.size, 1, 'the line was closed before the word was passed on');
  });

  it('drops a service that says what cannot be understood', async () => {
    const { machine, peer } = await connected();
    const { dials } = machine;
    peer.say({ kind: 'deliver', number: -1, id: 1, value: null, last: true });
    await machine.settle(1_000);
    assert.equal(machine.dials, dials + 1);
  });
});

class MemoryCursor implements CursorStore {
  text: string | null = null;
  saves = 0;
  load(): string | null {
    return this.text;
  }
  save(text: string): void {
    this.saves++;
    this.text = text;
  }
}

describe('a client with a cursor', () => {
  it('gets what it has not read again over each connection, and reads it once', async () => {
    const { machine, peer, box } = await connected({ cursor: new MemoryCursor() });
    const messages = box.messages('jobs', { credit: 4 });
    await machine.settle();
    for (let n = 0; n < 4; n++) peer.put('jobs', n);
    await machine.settle();
    const read = [settled(messages.next())];
    machine.cut();
    await machine.settle(1_000);
    assert.equal(peer.session.kept.length, 4, 'nothing of it was handled');
    for (let n = 0; n < 4; n++) read.push(settled(messages.next()));
    await machine.settle();
    assert.deepEqual(
      read.map(({ value }) => value?.value),
      [[0], [1], [2], [3], undefined],
    );
  });
});

describe('a client that was killed', () => {
  it('goes on with its session and its standing receives from its cursor', async () => {
    const cursor = new MemoryCursor();
    const peer = new Peer();
    const first = await connected({ cursor }, peer);
    const messages = first.box.messages('jobs', { name: 'jobs', credit: 8 });
    await first.machine.settle();
    for (let n = 0; n < 4; n++) peer.put('jobs', n);
    await first.machine.settle();
    const read = [settled(messages.next()), settled(messages.next()), settled(messages.next())];
    await first.machine.settle();
    assert.deepEqual(
      read.map(({ value }) => value?.value),
      [[0], [1], [2]],
    );
    // Killed: it has begun with 2, and not asked for another one.
    first.machine.cut();

    const second = await connected({ cursor }, peer);
    assert.ok(second.box.state.state === 'connected');
    const again = second.box.messages('jobs', { name: 'jobs', credit: 8 });
    const rest = [settled(again.next()), settled(again.next())];
    await second.machine.settle();
    assert.deepEqual(
      rest.map(({ value }) => value?.value),
      [[2], [3]],
    );
    assert.equal(peer.sessions.size, 1);
    assert.equal(peer.log.filter(({ kind }) => kind === 'consume').length, 1);
    peer.put('jobs', 4);
    const last = settled(again.next());
    await second.machine.settle();
    assert.deepEqual(last.value?.value, [4]);
  });

  it('that ended in good order keeps its standing receives, and one that it left itself is forgotten', async () => {
    const cursor = new MemoryCursor();
    const peer = new Peer();
    const first = await connected({ cursor }, peer);
    const kept = settled(first.box.messages('kept', { name: 'kept' }).next());
    const left = first.box.messages('left', { name: 'left' });
    await first.machine.settle();
    const leaving = settled((left.return as () => Promise<unknown>)());
    await first.machine.settle();
    assert.equal(leaving.done, true);
    const closing = settled(first.box.close({ keepSession: true }));
    await first.machine.settle();
    assert.equal(closing.done, true);
    assert.equal(kept.done, true);
    assert.match(cursor.text ?? '', /"requests":\{"kept":\d+\}/);
  });

  it('writes down a standing receive before it asks for it', async () => {
    const cursor = new MemoryCursor();
    const { machine, peer, box } = await connected({ cursor });
    let release = (): void => {};
    cursor.save = (text) =>
      new Promise<void>((resolve) => {
        release = () => {
          cursor.text = text;
          resolve();
        };
      });
    box.messages('jobs', { name: 'jobs' });
    const after = settled(box.produce('x', [1]));
    await machine.settle();
    assert.equal(peer.log.length, 0);
    release();
    await machine.settle();
    assert.deepEqual(
      peer.log.map(({ kind }) => kind),
      ['consume', 'produce'],
    );
    assert.equal(after.done, true);
    assert.match(cursor.text ?? '', /"jobs":1/);
  });

  it('refuses a cursor that is none', async () => {
    for (const text of [
      'nonsense',
      '{"format":1}',
      '[]',
      '{"format":2,"session":1,"secret":"","handled":0,"requests":{}}',
    ]) {
      const cursor = new MemoryCursor();
      cursor.text = text;
      await assert.rejects(
        connectIn(new Machine(new Peer()), 'ws://localhost', { cursor }),
        coded('arguments_invalid'),
      );
    }
  });

  it('takes back what an earlier run asked for without a name', async () => {
    const cursor = new MemoryCursor();
    const peer = new Peer();
    const first = await connected({ cursor }, peer);
    first.box.messages('jobs');
    await first.machine.settle();
    first.machine.cut();
    await connected({ cursor }, peer).then(async ({ machine }) => {
      peer.put('jobs', 1);
      await machine.settle();
      assert.equal(peer.session.waiting.length, 0);
      assert.equal(peer.session.kept.length, 0);
    });
  });
});

/** What may happen, by chance. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.constant('produce' as const) },
  { weight: 4, arbitrary: fc.constant('take' as const) },
  { weight: 3, arbitrary: fc.constant('chain' as const) },
  { weight: 1, arbitrary: fc.constant('cut' as const) },
  { weight: 3, arbitrary: fc.constant('read' as const) },
  { weight: 8, arbitrary: fc.constant('up' as const) },
  { weight: 8, arbitrary: fc.constant('down' as const) },
  { weight: 2, arbitrary: fc.constant('tick' as const) },
);

describe('over lines that are lost at random', () => {
  it('every request is applied once, in its order, and every answer is given once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 150, size: 'max' }), async (happenings) => {
        // With a cursor what is read counts as handled late, so that it comes again over each new line.
        const cursor = new MemoryCursor();
        const { machine, peer, box, thing } = await connected({ backoff_ms: 10, backoff_ms_max: 10, cursor });
        const stream = box.messages('streamed', { credit: 3 });
        const streamed: unknown[] = [];
        // The loop goes on when it is let.
        const gates: (() => void)[] = [];
        let isOpen = false;
        const reading = (async () => {
          for await (const [value] of stream) {
            streamed.push(value);
            if (!isOpen) await new Promise<void>((resolve) => gates.push(resolve));
          }
        })();
        const outcomes: { kind: string; n: number; result: { value?: unknown; error?: unknown; done: boolean } }[] = [];
        let n = 0;
        for (const what of happenings) {
          n++;
          if (what === 'produce') {
            outcomes.push({ kind: what, n, result: settled(box.produce('box', [n])) });
            outcomes.push({ kind: what, n, result: settled(box.produce('streamed', [n])) });
          } else if (what === 'take') outcomes.push({ kind: what, n, result: settled(box.take('box')) });
          else if (what === 'chain') outcomes.push({ kind: what, n, result: settled(thing.open().echo(n)) });
          else if (what === 'cut') machine.cut();
          else if (what === 'read') gates.shift()?.();
          else if (what === 'tick') machine.tick(20);
          else machine.pass(what === 'up');
          await Promise.resolve();
        }
        // Whatever connection there is by then brings again what was not read.
        machine.cut();
        await machine.settle(1_000);
        isOpen = true;
        for (const gate of gates.splice(0)) gate();
        await machine.settle(1_000);
        for (const { kind, result, n: asked } of outcomes) {
          assert.equal(result.done, true, `${kind} ${asked} was never answered`);
          assert.equal(result.error, undefined);
          if (kind === 'chain') assert.equal(result.value, asked);
        }
        const produced = outcomes.filter(({ kind }) => kind === 'produce').map(({ n: asked }) => asked);
        const ordered = peer.log.flatMap((request) => (request.kind === 'produce' ? [request.message[0]] : []));
        assert.deepEqual(ordered, produced, 'applied once each, in the order of the asking');
        assert.deepEqual(streamed, [...new Set(produced)], 'every delivery was handled once, in order');
        const taken = outcomes.flatMap(({ kind, result }) =>
          kind === 'take' && result.value !== null ? [(result.value as unknown[])[0]] : [],
        );
        assert.equal(new Set(taken).size, taken.length, 'no message was taken twice');
        const left = (peer.channels.get('box') ?? []).length;
        assert.equal(taken.length + left, new Set(produced).size, 'no message was lost');
        assert.ok(peer.session.kept.length <= 1, 'everything was acknowledged, but what the loop has');
        await box.close();
        await reading;
      }),
      { numRuns: 150 },
    );
  });
});

describe('a pattern', () => {
  it('may leave places open', async () => {
    const { machine, peer, box } = await connected();
    void settled(box.take('a', { match: ['order', any] }));
    await machine.settle();
    const [take] = peer.log;
    assert.ok(take?.kind === 'take' && take.slots[0]?.pattern !== null);
  });
});
