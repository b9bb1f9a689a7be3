/** What outlives the process, through the journal and through rows: large messages, code, pairs, accounts, owners. */
import assert from 'node:assert/strict';
import { limits } from '../../src/limits.ts';
import { compilePattern } from '../../src/match/index.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { type Body, SpaceEngine, SpaceHost, type Task, type TermReference, type Turn } from '../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk, type Store } from '../../src/store/index.ts';
import { bytes, type Bytes, equal, FreeVariable, list, type Value } from '../../src/values/index.ts';

const any = compilePattern([new FreeVariable(0)], null);
const slot = (channel: Value): { channel: Value; pattern: typeof any; peek: boolean } => ({
  channel,
  pattern: any,
  peek: false,
});

/** Cut at every commit, and nothing kept in memory that is not needed. */
const ROWS = { cache_bytes: 1, journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 };
const JOURNAL = { journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 };

class Machine {
  readonly disk = new SimulatedDisk(simulatedPlatform(3));
  readonly ran: Task[] = [];
  engine!: SpaceEngine;
  host!: SpaceHost;
  store!: Store;
  parked = false;

  constructor(readonly options: object) {}

  async open(): Promise<this> {
    const { platform } = this.disk;
    this.store = await platform.run(openSimulatedStore(this.disk));
    this.engine = await platform.run(SpaceEngine.open({ platform, store: this.store, ...this.options }));
    this.engine.start({
      handling: () => (this.parked ? 'parked' : 'inline'),
      run: (task) => {
        this.ran.push(task);
      },
      deliver: () => {},
    });
    this.host = new SpaceHost(this.engine, platform);
    return this;
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.disk.platform.run(work);
  }

  turn(account: number, apply: (turn: Turn) => void): Promise<void> {
    return this.run(this.engine.post({ kind: 'test', payload: null, account }, apply));
  }

  /** Commits and virtual time, so that rows are written and the journal before them is dropped. */
  async settle(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      await this.turn(0, () => {});
      await this.run(new Promise((resolve) => void this.disk.platform.timers.after(20, () => resolve(null))));
    }
  }

  async reopen(how: 'close' | 'kill'): Promise<void> {
    if (how === 'close') await this.run(this.engine.close());
    else this.disk.kill();
    await this.open();
  }

  async rowBytes(): Promise<number> {
    return this.run(
      (async () => {
        let bytes = 0;
        for await (const { value } of this.store.rows.scan(new Uint8Array())) bytes += value.length;
        return bytes;
      })(),
    );
  }
}

const body = (label: string, term: TermReference | null = null, environment: readonly Value[] = []): Body => ({
  label,
  term,
  place: 0,
  environment,
});

for (const [through, options] of [
  ['rows', ROWS],
  ['the journal', JOURNAL],
] as const)
  describe(`space: what is kept, through ${through}`, () => {
    const open = (): Promise<Machine> => new Machine(options).open();

    it('a message larger than is kept in line comes back the same, and is stored once, outside the rows', async () => {
      const machine = await open();
      const large = ['x'.repeat(limits.inline_bytes_max + 1), list([1, 'tail'])];
      await machine.run(machine.host.produce('a', large));
      await machine.run(machine.host.produce('a', large));
      await machine.run(machine.host.produce('b', ['small']));
      for (let index = 0; index < 40; index++)
        await machine.run(machine.host.produce('many', index === 20 ? large : [index, null]));
      await machine.settle();
      for (const how of ['close', 'kill'] as const) {
        await machine.reopen(how);
        assert.ok((await machine.rowBytes()) < limits.inline_bytes_max, 'the rows hold it');
        const two = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);
        const read = await machine.run(machine.host.read({ slots: [{ channel: 'a', pattern: two }], timeout_ms: 0 }));
        assert.ok(read.every((value, index) => equal(value, large[index] as Value)));
        assert.deepEqual([machine.host.count('a').data, machine.host.count('many').data], [2, 40]);
        await machine.settle();
      }
      for (let index = 0; index < 20; index++) {
        const two = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);
        await machine.run(machine.host.take({ slots: [{ channel: 'many', pattern: two }], timeout_ms: 0 }));
      }
      await machine.reopen('kill');
      const two = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);
      const taken = await machine.run(machine.host.take({ slots: [{ channel: 'many', pattern: two }], timeout_ms: 0 }));
      assert.ok(taken.every((value, index) => equal(value, large[index] as Value)));
    });

    it('long bytes come back from wherever they were: a message, a fact, what a task carries', async () => {
      const space = await open();
      space.parked = true;
      const content = new Uint8Array(limits.entry_bytes_min_outside + 5).map((_, index) => index);
      const long = (): Bytes => bytes(content.slice());
      await space.turn(1, (turn) => {
        turn.produce('lies', [1, long()], false);
        turn.setFact('k', list([long()]));
        turn.spawn(body('carries', null, [long()]), [long()]);
      });
      await space.settle();
      await space.reopen('kill');
      const [first, second] = await space.run(
        space.host.take({ slots: [{ channel: 'lies', pattern: compilePattern([1, new FreeVariable(0)], null) }] }),
      );
      assert.ok(second === undefined && equal(first as Value, long()));
      assert.ok(equal(space.engine.fact('k') as Value, list([long()])));
      space.parked = false;
      space.engine.unpark('carries');
      await space.settle();
      const task = space.ran.find(({ body: { label } }) => label === 'carries') as Task;
      assert.ok(equal(list([...task.body.environment, ...task.captures]), list([long(), long()])));
    });

    it('code is kept once, by its hash, for whatever names it', async () => {
      const machine = await open();
      const code = (): Value => list(['some code', 'y'.repeat(5000)]);
      for (let index = 0; index < 30; index++)
        await machine.turn(1, (turn) =>
          turn.consume({ slots: [slot(`c${index}`)], persist: false, body: body('k', turn.term(code()), [index]) }),
        );
      await machine.settle();
      await machine.reopen('kill');
      await machine.settle();
      await machine.reopen('close');
      assert.ok((await machine.rowBytes()) < 5000 + 30 * 200, 'more than once in the rows');
      for (const index of [3, 29]) await machine.run(machine.host.produce(`c${index}`, [7]));
      await machine.settle();
      assert.deepEqual(
        machine.ran.map((task) => task.body.environment),
        [[3], [29]],
      );
      for (const { body: ran } of machine.ran) assert.ok(equal((ran.term as TermReference).term, code()));
    });

    it('a task that nobody runs yet outlives the process, with its account, data and code', async () => {
      const machine = await open();
      machine.parked = true;
      await machine.turn(4, (turn) =>
        turn.consume({ slots: [slot('a')], persist: false, body: body('later', turn.term(list(['code']))) }),
      );
      await machine.run(machine.engine.produce('a', [42], false, 9));
      await machine.settle();
      await machine.reopen('kill');
      await machine.settle();
      assert.deepEqual(machine.engine.pending(9), { ready: 0, outside: 0, parked: 1 });
      machine.parked = false;
      machine.engine.unpark('later');
      await machine.settle();
      assert.deepEqual(
        machine.ran.map(({ account, captures, body: { label } }) => ({ account, captures, label })),
        [{ account: 9, captures: [42], label: 'later' }],
      );
      await machine.reopen('close');
      await machine.settle();
      assert.equal(machine.ran.length, 1, 'once');
    });

    it('a persistent pair goes on meeting after a reopening', async () => {
      const machine = await open();
      await machine.turn(1, (turn) => turn.consume({ slots: [slot('a')], persist: true, body: body('again') }));
      await machine.turn(2, (turn) => turn.produce('a', [5], true));
      await machine.settle();
      for (const how of ['close', 'kill'] as const) {
        await machine.reopen(how);
        const before = machine.ran.length;
        await machine.settle();
        assert.ok(machine.ran.length > before + 3, 'no repetition');
      }
      assert.ok(machine.ran.every(({ account, captures }) => account === 2 && captures[0] === 5));
    });

    it('who pays is kept with every datum, continuation and join', async () => {
      const machine = await open();
      await machine.run(machine.engine.produce('a', [1], false, 11));
      await machine.turn(12, (turn) =>
        turn.consume({ slots: [slot('b'), slot('c')], persist: false, body: body('join') }),
      );
      for (let index = 0; index < 40; index++)
        await machine.run(machine.engine.produce('many', [index], false, 100 + index));
      await machine.settle();
      await machine.reopen('kill');
      const contents = await machine.run(machine.engine.inspect({ channels_max: 100, items_max: 100 }));
      const on = (channel: Value): (typeof contents.channels)[number] =>
        contents.channels.find((found) => found.channel === channel) as never;
      assert.deepEqual(
        on('a').data.map(({ account }) => account),
        [11],
      );
      assert.deepEqual([on('b').waiting[0]?.account, on('c').waiting[0]?.account], [12, 12]);
      assert.deepEqual(
        on('many').data.map(({ account }) => account),
        Array.from({ length: 40 }, (_, index) => 100 + index),
      );
    });

    it('an owner keeps its channel, and installing it again changes nothing', async () => {
      const machine = await open();
      const install = (): Promise<void> =>
        machine.turn(1, (turn) => turn.install('native', any, body('mine', null, [1])));
      await install();
      await machine.settle();
      await machine.reopen('kill');
      await install();
      await machine.settle();
      await machine.run(machine.host.produce('native', [3]));
      await machine.settle();
      assert.deepEqual(
        machine.ran.map(({ captures }) => captures),
        [[3]],
      );
      await assert.rejects(machine.run(machine.host.take({ slots: [slot('native')], timeout_ms: 0 })), {
        code: 'channel_owned',
      });
      assert.deepEqual(machine.host.count('native'), { data: 0, waiting: 1 });
    });

    it('facts are there or gone as the last turn left them, whether or not a row was written in between', async () => {
      const machine = await new Machine(options).open();
      const facts = (): readonly (readonly [string, Value])[] => [...machine.engine.facts('f/')];
      const set = (key: string, value: Value | undefined): Promise<void> =>
        machine.turn(1, (turn) => turn.setFact(`f/${key}`, value));
      await set('kept', 1);
      await set('brief', 1);
      await set('brief', undefined);
      await set('again', 1);
      await machine.settle();
      await set('again', undefined);
      await set('late', 1);
      await set('late', undefined);
      await machine.reopen('kill');
      assert.deepEqual(facts(), [['f/kept', 1]]);
      await set('again', 2);
      await machine.settle();
      await set('kept', undefined);
      await set('kept', 3);
      await set('again', undefined);
      await machine.settle();
      await machine.reopen('kill');
      assert.deepEqual(facts(), [['f/kept', 3]]);
      await set('kept', undefined);
      await machine.settle();
      await machine.reopen('close');
      assert.deepEqual(facts(), []);
    });

    it('an owner that takes the place of another within one turn is the owner after a kill', async () => {
      const machine = await new Machine(options).open();
      const owner = (label: string, turn: Turn): void =>
        turn.install('native', any, { label, term: null, place: 0, environment: [] });
      await machine.turn(1, (turn) => owner('first', turn));
      await machine.settle();
      await machine.turn(1, (turn) => owner('second', turn));
      await machine.reopen('kill');
      await machine.run(machine.host.produce('native', [1]));
      await machine.settle();
      assert.deepEqual(
        machine.ran.map(({ body }) => body.label),
        ['second'],
      );
      await machine.turn(1, (turn) => turn.uninstall('native'));
      await machine.reopen('kill');
      assert.deepEqual(machine.host.count('native'), { data: 0, waiting: 0 });
    });
  });

describe('space: rows behind the journal', () => {
  it('are brought up to date after some time, also when nothing more comes', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const disk = new SimulatedDisk(simulatedPlatform(seed), { latency_ms_max: 40 });
      const { platform } = disk;
      const store = await platform.run(openSimulatedStore(disk));
      const engine = await platform.run(SpaceEngine.open({ platform, store, journal_tail_age_ms_max: 50 }));
      engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
      for (let index = 0; index < 4; index++) await platform.run(engine.produce('a', [index], false, 1));
      await platform.run(new Promise<void>((resolve) => void platform.timers.after(3000, resolve)));
      assert.equal(store.journal.first, store.journal.last + 1, `seed ${seed}: the journal is still needed`);
    }
  });

  it('are many after a crash: whoever comes first does not wait for them, and they come as soon as nobody waits', async () => {
    const CHANNELS = 40;
    for (let seed = 1; seed <= 20; seed++) {
      const disk = new SimulatedDisk(simulatedPlatform(seed), { latency_ms_max: 40 });
      const { platform } = disk;
      const open = async (options: object): Promise<{ store: Store; engine: SpaceEngine; host: SpaceHost }> => {
        const store = await platform.run(openSimulatedStore(disk));
        const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
        engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
        return { store, engine, host: new SpaceHost(engine, platform) };
      };
      const filled = await open(JOURNAL);
      for (let index = 0; index < CHANNELS; index++) await platform.run(filled.host.produce(`c${index}`, [index]));
      disk.kill();
      const { store, engine, host } = await open({ journal_tail_bytes_max: 1, journal_tail_age_ms_max: 2 ** 30 });
      const reads = store.rows.reads;
      assert.deepEqual(await platform.run(host.take({ slots: [slot('c7')], timeout_ms: 0 })), [7]);
      assert.equal(store.rows.reads - reads, 1, `seed ${seed}: the row of its own channel`);
      await platform.run(new Promise<void>((resolve) => void platform.timers.after(3000, resolve)));
      assert.equal(store.journal.first, store.journal.last + 1, `seed ${seed}: the journal is still needed`);
      await platform.run(engine.close());
    }
  });

  it('come with the next commit where somebody always waits', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(5), { latency_ms_max: 40 });
    const { platform } = disk;
    const store = await platform.run(openSimulatedStore(disk));
    const options = { journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 };
    const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
    engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
    let left = 200;
    // Another is there before the one before it is durable.
    const next = (): void => {
      if (left-- > 0)
        engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => turn.produce('a', [left], false)).then(next);
    };
    for (let caller = 0; caller < 4; caller++) next();
    await platform.run(new Promise<void>((resolve) => void platform.timers.after(1000, resolve)));
    assert.ok(left > 0, 'somebody waits');
    assert.ok(store.journal.first > 1, 'nothing was brought up to date');
    disk.kill();
  });
});

describe('space: messages that a crash has left in the journal', () => {
  it('are read when somebody touches their channel, each as it was; opening reads none', async () => {
    const disk = new SimulatedDisk(simulatedPlatform(11));
    const { platform } = disk;
    const large = 'x'.repeat(limits.inline_bytes_max + 1);
    const long = bytes(new Uint8Array(limits.entry_bytes_min_outside + 5).fill(7));
    let blobReads = 0;
    const open = async (options: object): Promise<{ engine: SpaceEngine; host: SpaceHost }> => {
      const store = await platform.run(openSimulatedStore(disk));
      const getSync = store.blobs.getSync.bind(store.blobs);
      store.blobs.getSync = (hash) => {
        blobReads++;
        return getSync(hash);
      };
      const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
      engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
      return { engine, host: new SpaceHost(engine, platform) };
    };
    const { host, engine } = await open(JOURNAL);
    // Said by a cause, by a turn, and by both at once: what lies there is in its order.
    await platform.run(host.produce('small', ['first']));
    await platform.run(host.produce('large', [large]));
    await platform.run(
      engine.post({ kind: 'test', payload: null, account: 3 }, (turn) => {
        turn.produce('small', ['second'], false);
        turn.produce('large', [list([large, 2])], true);
        turn.produce('long', [long], false);
        turn.produce('gone', [large], false);
      }),
    );
    await platform.run(host.produce('long', [long]));
    await platform.run(host.take({ slots: [slot('gone')], timeout_ms: 0 }));
    disk.kill();
    blobReads = 0;
    // What a recording must have before all else is read by its replay as well.
    await open({ ...JOURNAL, replays: true });
    assert.ok(blobReads >= 4, `a replay has read ${blobReads}`);
    disk.kill();
    blobReads = 0;
    const again = await open(JOURNAL);
    assert.equal(blobReads, 0, 'opening');
    const take = (channel: string): Promise<readonly Value[]> =>
      platform.run(again.host.take({ slots: [slot(channel)], timeout_ms: 0 }));
    assert.deepEqual([await take('small'), await take('small')], [['first'], ['second']]);
    assert.equal(blobReads, 0, 'of other channels');
    const data: { readonly message: readonly Value[]; readonly persist: boolean; readonly account: number }[] = [];
    const cursor = again.engine.place('large').data?.walk();
    for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null) data.push(datum);
    assert.deepEqual(
      data.map(({ persist, account }) => [persist, account]),
      [
        [false, 0],
        [true, 3],
      ],
    );
    assert.equal(data[0]?.message[0], large);
    assert.ok(equal(data[1]?.message[0] as Value, list([large, 2])));
    assert.equal(blobReads, 2);
    for (let count = 0; count < 2; count++) assert.ok(equal((await take('long'))[0] as Value, long));
    await assert.rejects(take('gone'), { code: 'timed_out' });
    await platform.run(again.engine.close());
  });
});
