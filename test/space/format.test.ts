/**
 * What is on disk is what `spec/storage.md` says: a reader written from that page alone finds in rows and journal
 * what the space holds. It shares nothing with the space but the codec of values.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { limits } from '../../src/limits.ts';
import { compilePattern } from '../../src/match/index.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { readEntry } from '../../src/space/entry.ts';
import { SpaceEngine, type Turn } from '../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk, type Store } from '../../src/store/index.ts';
import {
  bytes,
  Decoder,
  Encoder,
  encodeValue,
  equal,
  FreeVariable,
  List,
  list,
  type Name,
  NameMaker,
  type Tuple,
  type Value,
} from '../../src/values/index.ts';
import { IDLE_READER } from './support/entries.ts';

type Code = { readonly form: number; readonly hash: Uint8Array; readonly term?: Value } | null;

const labelled = ({ label, code }: { label: string; code: Code }): { label: string; code: Code } => ({ label, code });

const MODES = ['transaction', 'query', 'estimate', 'atomic'];

/** The words of the page. */
class Reader {
  readonly #decoder: Decoder;
  /** Hashes of code, in the order in which they are named. */
  readonly #code: Uint8Array[] = [];
  constructor(bytes: Uint8Array, readName: (bytes: Uint8Array) => Name) {
    // Of bytes that stand in a blob the hash is enough here.
    this.#decoder = new Decoder(bytes, readName, 0, limits.value_depth_max, null, (hash) => hash);
  }
  uint = (): number => this.#decoder.uint();
  flag = (): boolean => this.#decoder.boolean();
  text = (): string => this.#decoder.string();
  bytes = (): Uint8Array => this.#decoder.bytes();
  value = (): Value => this.#decoder.value();
  end = (): void => this.#decoder.end();
  list = <T>(one: () => T): T[] => Array.from({ length: this.uint() }, one);
  values = (): Value[] => this.list(this.value);

  message = (): unknown => {
    const form = this.uint();
    if (form === 1) return this.uint();
    return form === 2 ? this.bytes() : ((this.value() as List).items as unknown);
  };
  code = (): Code => {
    const form = this.uint();
    if (form === 0) return null;
    if (form === 3) return { form, hash: this.#code[this.uint()] as Uint8Array };
    const hash = this.bytes();
    this.#code.push(hash);
    if (form === 1) return { form, hash };
    const term = this.value();
    assert.deepEqual(createHash('sha256').update(encodeValue(term)).digest(), Buffer.from(hash));
    return { form, hash, term };
  };
  form = (): { label: string; code: Code; place: number } => ({
    label: this.text(),
    code: this.code(),
    place: this.uint(),
  });
  body = (): { label: string; code: Code; place: number; environment: Value[] } => ({
    ...this.form(),
    environment: this.values(),
  });
  slots = (channel: () => unknown): { persist: boolean; slots: unknown[] } => ({
    persist: this.flag(),
    slots: this.list(() => ({
      channel: channel(),
      peek: this.flag(),
      patterns: this.values(),
      remainder: this.value(),
    })),
  });
  receive = (channel: () => unknown): { persist: boolean; slots: unknown[]; label: string; code: Code } => ({
    ...this.slots(channel),
    ...labelled(this.body()),
  });
  task = (): { number: number; account: number; label: string; code: Code; captures: Value[] } => ({
    number: this.uint(),
    account: this.uint(),
    ...labelled(this.body()),
    captures: this.values(),
  });
  fact = (): [string, Value | undefined] => [this.text(), this.flag() ? this.value() : undefined];

  entry = () => {
    const named: Value[] = [];
    const channel = (): Value => {
      const index = this.uint();
      if (index === named.length) named.push(this.value());
      return named[index] as Value;
    };
    const places = (count: number): { channel: Value; number: number }[] =>
      Array.from({ length: count }, () => ({ channel: channel(), number: this.uint() }));
    /** What is named by its index, or by the next one where it is said. `said`: this is where. */
    const table = <T>(one: () => T): (() => { found: T; said: boolean }) => {
      const all: T[] = [];
      return () => {
        const index = this.uint();
        const said = index === all.length;
        if (said) all.push(one());
        assert.ok(index < all.length);
        return { found: all[index] as T, said };
      };
    };
    const receiveForm = table(() => ({ ...this.slots(this.uint), ...labelled(this.form()) }));
    const form = table(this.form);
    const environment = table(this.values);
    const version = this.uint();
    const lastTurn = this.uint();
    const nextTask = this.uint();
    const nextStamp = this.uint();
    let turn = -1;
    let head = { kind: '', account: -1, mode: '' };
    const causes = this.list(() => {
      const shape = this.uint();
      const advance = Math.floor(shape / 4);
      turn = turn < 0 ? lastTurn - advance : turn + advance;
      if ((shape & 2) !== 0) {
        head = { kind: this.text(), account: this.uint(), mode: MODES[this.uint()] as string };
      }
      const payload = this.value();
      return { turn, ...head, payload, message: (shape & 1) !== 0 ? this.message() : null };
    });
    return {
      version,
      lastTurn,
      nextTask,
      nextStamp,
      causes,
      data: this.list(() => {
        const shape = this.uint();
        const persist = shape & 1;
        const said = Math.floor(shape / 2);
        assert.ok(said < 3);
        const index = said === 0 ? -1 : this.uint();
        const cause = causes[index];
        const place = said === 2 ? (cause?.payload as Value) : channel();
        const number = this.uint();
        const account = said === 2 ? (cause?.account as number) : this.uint();
        const stamp = nextStamp - this.uint();
        return { channel: place, number, persist, account, stamp, message: said === 0 ? this.message() : index, said };
      }),
      dataGone: this.list(() => ({ channel: channel(), number: this.uint() })),
      waiting: this.list(() => {
        const shape = this.uint();
        const at = { installed: shape % 2 === 1, places: places(Math.floor(shape / 2)), account: this.uint() };
        const { found, said } = receiveForm();
        return { ...at, receive: found, said, environment: this.values() };
      }),
      waitingGone: this.list(() => {
        const shape = this.uint();
        return { installed: shape % 2 === 1, places: places(Math.floor(shape / 2)) };
      }),
      tasks: this.list(() => {
        const number = nextTask - this.uint();
        const account = this.uint();
        const { found, said } = form();
        const around = found.code === null ? environment() : { found: this.values(), said: true };
        return { number, account, ...labelled(found), said, around, captures: this.values() };
      }),
      tasksGone: this.list(() => nextTask - this.uint()),
      facts: this.list(this.fact),
      logged: this.list(() => {
        const log = this.text();
        const first = this.uint();
        return this.list(this.value).map((value, index) => ({ log, number: first + index, value }));
      }).flat(),
      dropped: this.list(() => ({ log: this.text(), first: this.uint(), end: this.uint() })),
    };
  };

  rowDatum = () => ({
    number: this.uint(),
    persist: this.uint(),
    account: this.uint(),
    stamp: this.uint(),
    message: this.message(),
  });
  rowWaiting = () => {
    const form = this.uint();
    const number = this.uint();
    if (form === 1) return { number, first: this.value(), firstNumber: this.uint() };
    return { number, account: this.uint(), receive: this.receive(this.value), numbers: this.list(this.uint) };
  };
  leaf = (first: number): number[] => {
    let last = first;
    return this.list(() => (last += this.uint()));
  };
  root = () => {
    const leaves = this.list(() => ({ first: this.uint(), count: this.uint() }));
    const [only] = leaves;
    return {
      leaves,
      numbers: leaves.length === 1 && only !== undefined && only.count <= 64 ? this.leaf(only.first) : null,
    };
  };
  channelRow = () => ({
    version: this.uint(),
    channel: this.value(),
    nextDatum: this.uint(),
    nextWaiting: this.uint(),
    owner: this.flag() ? this.rowWaiting() : null,
    data: this.shelf(this.rowDatum, () => ({ count: this.uint(), root: this.root(), arity: this.uint() })),
    waiters: this.shelf(this.rowWaiting, () => ({
      count: this.uint(),
      root: this.root(),
      filed: Array.from({ length: 6 }, this.uint),
    })),
  });
  shelf = <T, P>(one: () => T, paged: () => P): T[] | P => {
    const form = this.uint();
    return form === 0 ? [] : form === 1 ? this.list(one) : paged();
  };
}

const any = compilePattern([new FreeVariable(0)], null);
const slot = (channel: Value, pattern = any): { channel: Value; pattern: typeof any; peek: boolean } => ({
  channel,
  pattern,
  peek: false,
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** As the page says: `c` or `C`, then the channel key. */
function channelRowKey(channel: Value): Buffer {
  const key = Buffer.concat([Buffer.from('q'), encodeValue(channel)]);
  return key.length <= 200 ? Buffer.concat([Buffer.from('c'), key]) : Buffer.concat([Buffer.from('C'), sha256(key)]);
}

function sixBytes(number: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(number, 0, 6);
  return bytes;
}

function indexKey(channel: Value, position: number, text: string, leaf?: number): string {
  const name = Buffer.from(text, 'utf8');
  const parts = [Buffer.from('i'), channelRowKey(channel), Buffer.from([position + 1, name.length]), name];
  return hex(Buffer.concat(leaf === undefined ? parts : [...parts, sixBytes(leaf)]));
}

describe('space: bytes on disk', () => {
  const long = list(['a long channel', 'x'.repeat(300)]);
  let disk: SimulatedDisk;
  let store: Store;
  let engine: SpaceEngine;
  let names: NameMaker;
  const readName = (bytes: Uint8Array): Name => names.read(bytes);

  async function open(options: object): Promise<void> {
    disk = new SimulatedDisk(simulatedPlatform(9));
    const { platform } = disk;
    store = await platform.run(openSimulatedStore(disk));
    names = new NameMaker(store.keys.nameKey, platform.hashing, () => {});
    engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
    engine.start({ handling: () => 'parked', run: () => {}, deliver: () => {} });
  }

  const turn = (account: number, apply: (turn: Turn) => void): Promise<void> =>
    disk.platform.run(engine.post({ kind: 'test', payload: 'p', account }, apply));

  /** The same things happen in both tests. */
  async function fill(): Promise<void> {
    await disk.platform.run(engine.produce('small', [1, 'one'], false, 7));
    await turn(3, (t) => {
      t.produce(long, [list([1, 2])], true);
      t.consume({
        slots: [slot('j1'), slot('j2')],
        persist: true,
        body: { label: 'join', term: t.term(list(['code'])), place: 5, environment: [8] },
      });
      t.install('own', any, { label: 'owner', term: null, place: 0, environment: [] });
      t.setFact('k', 9);
      t.log('notes', 'first');
      t.log('notes', 'second');
      t.dropLog('notes', 1);
      t.spawn({ label: 'later', term: null, place: 0, environment: [] }, [4]);
    });
    for (let index = 0; index < 100; index++)
      await disk.platform.run(engine.produce('many', [index, `w${index % 2}`], false, 1));
    await disk.platform.run(engine.produce('large', ['y'.repeat(100_000)], false, 1));
  }

  it('the journal: entries, causes, consequences', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    await fill();
    const entries = await disk.platform.run(
      (async () => {
        const found: ReturnType<Reader['entry']>[] = [];
        for await (const { entry } of store.journal.read(1)) {
          const reader = new Reader(entry, readName);
          found.push(reader.entry());
          reader.end();
        }
        return found;
      })(),
    );
    assert.ok(entries.every(({ version }) => version === 5));
    assert.deepEqual(entries[0]?.causes, [
      { turn: 1, kind: 'produce', account: 7, payload: 'small', mode: 'transaction', message: [1, 'one'] },
    ]);
    // Its cause has said the channel, the account and the message.
    assert.deepEqual(entries[0]?.data, [
      { channel: 'small', number: 0, persist: 0, account: 7, stamp: 1, message: 0, said: 2 },
    ]);
    const second = entries[1] as (typeof entries)[number];
    // Its own turn, and the one in which the task that it made was put aside: nobody here runs that label.
    assert.deepEqual([second.lastTurn, second.causes[0]?.kind, second.causes[0]?.account], [3, 'test', 3]);
    assert.equal(second.causes[0]?.turn, 2);
    assert.ok(equal(second.data[0]?.channel as Value, long));
    assert.equal(second.data[0]?.persist, 1);
    assert.deepEqual(
      second.waiting.map(({ installed, places, receive }) => [installed, places, receive.label]),
      [
        [
          false,
          [
            { channel: 'j1', number: 0 },
            { channel: 'j2', number: 0 },
          ],
          'join',
        ],
        [true, [{ channel: 'own', number: 0 }], 'owner'],
      ],
    );
    assert.deepEqual(
      second.tasks.map(({ account, label, captures }) => [account, label, captures]),
      [[3, 'later', [4]]],
    );
    assert.deepEqual(
      second.facts.map(([key, value]) => [key, value === 9 ? value : (value as Tuple).items]),
      [
        ['k', 9],
        ['log/notes', [1, 2]],
      ],
    );
    assert.deepEqual(second.logged, [
      { log: 'notes', number: 0, value: 'first' },
      { log: 'notes', number: 1, value: 'second' },
    ]);
    assert.deepEqual(second.dropped, [{ log: 'notes', first: 0, end: 1 }]);
    const last = entries.at(-1) as (typeof entries)[number];
    const hash = last.causes[0]?.message as Uint8Array;
    assert.equal(hex(hash), hex(sha256(encodeValue(new List(['y'.repeat(100_000)])))));
    assert.equal(last.lastTurn, 104);
  });

  it('entries of versions 1 to 4, in which everything is said each time and no mode, are still read', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    const code = list(['what', 'runs']);
    const hash = bytes(sha256(encodeValue(code)));
    const pattern = [1, new FreeVariable(0), null] as const;
    /** Of each: two causes, a datum of the second and one of its own, a join, a task with code, facts, logs. */
    const entryOf = (version: number): Uint8Array => {
      const encoder = new Encoder();
      const put = (...values: Value[]): void => {
        for (const value of values) encoder.value(value);
      };
      put(version, 9, 30, 40);
      put(2, 2, 'begun', 4, list(['transaction', 7]), false);
      put(0, 'produce', 7, 'small', true, 0, list([1, bytes(new Uint8Array(9))]));
      put(2, 0, 'small', 5, 1, 7, 39, 1, 1, 1, 'other', 0, 0, 3, 38, 0, list(['here']));
      put(1, 0, 4);
      put(1, false, 3, 2, 2, 'j1', 6, 3, 'j2', 8);
      put(true, 2, 0, false, ...pattern, 1, true, ...pattern, 'runs', 2, hash, code, 3, 1, 'env');
      put(1, true, 1, 1, 2);
      put(2, 20, 3, 'runs', 1, hash, 4, 0, 1, 'capture', 29, 3, 'native', 0, 0, 2, 'text', list([1]), 0);
      put(2, 11, 12);
      put(2, 'k', true, 9, 'gone', false);
      if (version > 1) put(2, 'notes', 5, 'fifth', 'notes', 6, 'sixth', 1, 'notes', 0, 4);
      return encoder.finish();
    };
    for (const version of [1, 2, 3, 4]) {
      const heard: unknown[] = [];
      const hear = (...what: unknown[]): void => void heard.push(what);
      const causes = readEntry(entryOf(version), engine.terms, readName, engine.messages, {
        header: hear,
        datum: (channel, number, persist, account, stamp, message) =>
          hear('datum', channel, number, persist, account, stamp, hex(encodeValue(list(message)))),
        datumGone: (...gone) => hear('datum gone', ...gone),
        waiting: (channels, numbers, account, { persist, slots, body }, installed) => {
          const said = slots.map(({ channel, peek, pattern: { arity } }) => [channel, peek, arity]);
          assert.ok(equal(body.term?.term as Value, code));
          hear(
            'waiting',
            channels,
            numbers,
            account,
            persist,
            said,
            body.label,
            body.place,
            body.environment,
            installed,
          );
        },
        waitingGone: (...gone) => hear('waiting gone', ...gone),
        task: ({ number, account, body, captures }) => {
          const { label, place, term } = body;
          hear('task', number, account, label, place, term === null, body.environment.length, captures);
        },
        taskGone: (number) => hear('task gone', number),
        fact: (...fact) => hear('fact', ...fact),
        logged: ({ log, number, bytes: of }) => hear('logged', log, number, Buffer.from(of).toString('latin1')),
        dropped: (drop) => hear('dropped', drop),
      });
      assert.deepEqual(
        causes.map(({ turn, kind, account, mode, message }) => [turn, kind, account, mode, message?.length]),
        [
          [7, 'begun', 4, 'transaction', undefined],
          [9, 'produce', 7, 'transaction', 2],
        ],
      );
      const logs = [
        ['logged', 'notes', 5, '\xa5fifth'],
        ['logged', 'notes', 6, '\xa5sixth'],
        ['dropped', { log: 'notes', first: 0, end: 4 }],
      ];
      assert.deepEqual(heard, [
        [{ lastTurn: 9, nextTask: 30, nextStamp: 40 }],
        ['datum', 'small', 5, true, 7, 39, hex(encodeValue(list([1, bytes(new Uint8Array(9))])))],
        ['datum', 'other', 0, false, 3, 38, hex(encodeValue(list(['here'])))],
        ['datum gone', 'small', 4],
        [
          ...['waiting', ['j1', 'j2'], [6, 8], 3, true],
          ...[
            [
              ['j1', false, 1],
              ['j2', true, 1],
            ],
            'runs',
            3,
            ['env'],
            false,
          ],
        ],
        ['waiting gone', ['other'], [2], true],
        ['task', 20, 3, 'runs', 4, false, 0, ['capture']],
        ['task', 29, 3, 'native', 0, true, 2, []],
        ['task gone', 11],
        ['task gone', 12],
        ['fact', 'k', 9],
        ['fact', 'gone', undefined],
        ...(version > 1 ? logs : []),
      ]);
    }
    const later = entryOf(4);
    later[0] = 6;
    assert.throws(() => readEntry(later, engine.terms, readName, engine.messages, IDLE_READER), {
      code: 'storage_corrupt',
    });
  });

  it('a name that needs no bytes stands in entries as it was drawn, and has them after a kill', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    const drawn: Name[] = [];
    await turn(1, (t) => {
      const name = t.newName();
      drawn.push(name);
      t.produce('names', [list([name, list([name])])], false);
      t.consume({
        slots: [{ channel: name, pattern: any, peek: false }],
        persist: false,
        body: { label: 'waits', term: null, place: 0, environment: [name] },
      });
    });
    const [name] = drawn as [Name];
    assert.equal(name.derived, false);
    const { platform } = disk;
    disk.kill();
    store = await platform.run(openSimulatedStore(disk));
    let text = '';
    await platform.run(
      (async () => {
        for await (const { entry } of store.journal.read(1)) text += hex(entry);
      })(),
    );
    const written = `d709${name.task.toString(16).padStart(12, '0')}${name.counter.toString(16).padStart(4, '0')}`;
    // As channel, as environment, and twice in the message.
    assert.equal(text.split(written).length - 1, 4);
    assert.ok(!text.includes(hex(name.bytes)));
    engine = await platform.run(SpaceEngine.open({ platform, store }));
    engine.start({ handling: () => 'parked', run: () => {}, deliver: () => {} });
    const message = await platform.run(
      engine.request(
        { slots: [slot('names')], persist: false, body: { label: '', term: null, place: 0, environment: [] } },
        null,
        () => {},
      ),
    );
    const found = (message as readonly Value[])[0] as List;
    const [again, nested] = found.items as [Name, List];
    assert.equal(hex(again.bytes), hex(name.bytes));
    assert.equal(nested.items[0], again);
    assert.equal(engine.place(again).waiters?.live, 1);
  });

  it('the kind of causes in a row, the log of entries in a row and the hash of code are said once', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    const code = list(['a program', 'that several run']);
    const apply =
      (name: string) =>
      (t: Turn): void => {
        const body = { label: 'runs', term: t.term(code), place: 1, environment: [] };
        t.consume({ slots: [slot(name)], persist: false, body });
        t.spawn(body, []);
        t.log(name === 'three' ? 'rare' : 'often', name);
      };
    const names = ['one', 'two', 'three', 'four', 'five'];
    const kinds = ['often', 'often', 'rare', 'often', 'often'];
    await disk.platform.run(
      Promise.all(
        names.map((name, index) =>
          engine.post({ kind: kinds[index] as string, payload: null, account: 1 }, apply(name)),
        ),
      ),
    );
    const { platform } = disk;
    disk.kill();
    store = await platform.run(openSimulatedStore(disk));
    const found: Uint8Array[] = [];
    await platform.run(
      (async () => {
        for await (const { entry } of store.journal.read(1)) found.push(entry);
      })(),
    );
    assert.equal(found.length, 1);
    const entry = new Reader(found[0] as Uint8Array, readName).entry();
    assert.deepEqual(
      entry.causes.map(({ kind }) => kind),
      kinds,
    );
    // What the first waits for is said once, and so is what the first task runs; its hash is named by then.
    assert.deepEqual(
      [...entry.waiting, ...entry.tasks].map(({ said }) => said),
      [true, false, false, false, false, true, false, false, false, false],
    );
    const [waiting] = entry.waiting;
    const [first] = entry.tasks;
    assert.deepEqual([waiting?.receive.code?.form, waiting?.receive.code?.term, first?.code?.form], [2, code, 3]);
    const logged = names.map((name, index) => ({
      log: kinds[index],
      number: name === 'three' ? 0 : index,
      value: name,
    }));
    for (const after of logged.slice(3)) after.number--;
    assert.deepEqual(entry.logged, logged);
    engine = await platform.run(SpaceEngine.open({ platform, store }));
    const started: unknown[] = [];
    engine.start({
      handling: (task) => {
        started.push(task.body.term?.term);
        return 'parked';
      },
      run: () => {},
      deliver: () => {},
    });
    await platform.run(engine.produce('four', [1], false, 1));
    assert.equal(started.length, 6);
    for (const term of started) assert.ok(equal(term as Value, code));
  });

  it('the environment of what needs no code is said once in an entry, and each time in the next one', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    const drawn: Name[] = [];
    const plain = { label: 'later', term: null, place: 0, environment: ['object', list(['handle', 7, true]), null] };
    const long = bytes(new Uint8Array(limits.entry_bytes_min_outside).fill(3));
    await turn(1, (t) => {
      drawn.push(t.newName());
      const named = { ...plain, environment: [drawn[0] as Name, long] };
      for (const body of [plain, named, plain, named, { ...plain, place: 1 }]) t.spawn(body, [1]);
    });
    await turn(1, (t) => t.spawn(plain, [2]));
    const environments: unknown[] = [];
    await disk.platform.run(
      (async () => {
        for await (const { entry } of store.journal.read(1)) {
          const { tasks } = new Reader(entry, readName).entry();
          environments.push(tasks.map(({ around, said }) => [around.said, around.found.length, said]));
        }
      })(),
    );
    assert.deepEqual(environments, [
      [
        [true, 3, true],
        [true, 2, false],
        [false, 3, false],
        [false, 2, false],
        [false, 3, true],
      ],
      [[true, 3, true]],
    ]);
    const { platform } = disk;
    disk.kill();
    store = await platform.run(openSimulatedStore(disk));
    engine = await platform.run(SpaceEngine.open({ platform, store }));
    const found: string[] = [];
    engine.start({
      handling: ({ body }) => {
        found.push(hex(encodeValue(list([...body.environment]))));
        return 'parked';
      },
      run: () => {},
      deliver: () => {},
    });
    await platform.run(engine.durable());
    const ofPlain = hex(encodeValue(list(plain.environment)));
    const ofNamed = hex(encodeValue(list([drawn[0] as Name, long])));
    await platform.run(engine.post({ kind: 'test', payload: null, account: 1 }, () => {}));
    assert.deepEqual(found, [ofPlain, ofNamed, ofPlain, ofNamed, ofPlain, ofPlain]);
  });

  it('what refers to nothing, or is no text, is refused in an entry; so is what its version does not have', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    /** An entry: version, its last turn and next numbers, then lists. */
    const entryOf = (
      version: number,
      parts: { causes?: Value[]; data?: Value[]; waiting?: Value[]; tasks?: Value[]; logs?: Value[] },
    ): Uint8Array => {
      const encoder = new Encoder();
      const put = (values: readonly Value[] = [0]): void => {
        for (const value of values) encoder.value(value);
      };
      put([version, 9, 9, 9]);
      put(parts.causes);
      put(parts.data);
      put([0]);
      put(parts.waiting);
      put([0]);
      put(parts.tasks);
      put([0, 0]);
      put(parts.logs);
      put([0]);
      return encoder.finish();
    };
    const read = (entry: Uint8Array): unknown => readEntry(entry, engine.terms, readName, engine.messages, IDLE_READER);
    const cause = (kind: Value, mode = 0): Value[] => [2, kind, 0, mode, 'place'];
    const produced: Value[] = [3, 'produce', 0, 0, 'place', 0, list([1])];
    const same = [4, null];
    const task = (...code: Value[]): Value[] => [1, 0, 0, 'label', ...code, 0, 0, 0, 0];
    const waiting = (at: Value): Value[] => [2, 0, 'channel', 1, 0, 0, false, 1, at, false, 0, null, 'label', 0, 0, 0];
    read(entryOf(5, {}));
    read(
      entryOf(5, {
        causes: [3, ...cause('kind'), ...same, ...produced],
        data: [1, 4, 2, 0, 1],
        waiting: [2, ...waiting(0), 2, 0, 2, 0, 0, 0],
        tasks: [2, ...task(0), 2, 0, 0, 0, 0],
        logs: [1, 'log', 0, 2, 'first', 'second'],
      }),
    );
    read(entryOf(5, { causes: [1, ...produced], data: [1, 2, 0, 0, 'channel', 0, 0, 1] }));
    for (const bad of [
      entryOf(5, { causes: [1, ...same] }),
      entryOf(5, { causes: [1, ...cause('kind', 4)] }),
      entryOf(5, { causes: [1, ...cause('kind')], data: [1, 4, 0, 0, 1] }),
      entryOf(5, { causes: [1, ...produced], data: [1, 4, 1, 0, 1] }),
      entryOf(5, { causes: [1, ...produced], data: [1, 6, 0, 0, 1] }),
      entryOf(5, { data: [1, 0, 1, 'channel', 0, 0, 1, 0, list([])] }),
      entryOf(5, { waiting: [1, ...waiting(1)] }),
      entryOf(5, { waiting: [1, 2, 0, 'channel', 1, 0, 1] }),
      entryOf(5, { tasks: [1, 1, 0, 1] }),
      entryOf(5, { tasks: [1, 1, 0, 0, 'label', 0, 0, 1] }),
      entryOf(5, { tasks: [1, ...task(3, 0)] }),
      entryOf(5, { tasks: [1, ...task(4)] }),
    ])
      assert.throws(() => read(bad), { code: 'storage_corrupt' });
    for (const bad of [
      entryOf(5, { causes: [1, ...cause(7)] }),
      entryOf(5, { logs: [1, null, 0, 1, 'first'] }),
      entryOf(5, { logs: [1, list(['log']), 0, 1, 'first'] }),
    ])
      assert.throws(() => read(bad), { code: 'value_not_canonical' });
    const older = (kind: Value): Value[] => [0, kind, 0, null, false];
    read(entryOf(4, { causes: [1, ...older('kind')] }));
    assert.throws(() => read(entryOf(4, { causes: [2, ...older('kind'), ...older(null)] })));
    const logged = ['log', 0, 'first'];
    read(entryOf(4, { logs: [1, ...logged] }));
    assert.throws(() => read(entryOf(4, { logs: [2, ...logged, null, 'second'] })));
    const olderTask = (...code: Value[]): Value[] => [1, 1, 0, 'label', ...code, 0, 0, 0];
    read(entryOf(4, { tasks: olderTask(0) }));
    assert.throws(() => read(entryOf(4, { tasks: olderTask(3, 0) })));
  });

  it('long bytes are named by their hash wherever an entry has them, and are one blob', async () => {
    await open({ journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 });
    const content = new Uint8Array(limits.entry_bytes_min_outside).fill(7);
    const short = bytes(content.slice(1));
    const long = bytes(content);
    const payload = list([1, long, short]);
    await disk.platform.run(
      engine.post({ kind: 'test', payload, account: 1 }, (t) => {
        t.produce('lies', [bytes(content.slice())], false);
        t.setFact('k', long);
        t.spawn({ label: 'later', term: null, place: 0, environment: [long] }, [long]);
      }),
    );
    const found: ReturnType<Reader['entry']>[] = [];
    await disk.platform.run(
      (async () => {
        for await (const { entry } of store.journal.read(1)) {
          assert.ok(entry.length < 2 * limits.entry_bytes_min_outside, 'only the short ones stand in the entry');
          found.push(new Reader(entry, readName).entry());
        }
      })(),
    );
    const hash = bytes(sha256(content));
    const entry = found[0] as (typeof found)[number];
    assert.ok(equal(entry.causes[0]?.payload as Value, list([1, hash, short])));
    assert.ok(equal(list(entry.data[0]?.message as Value[]), list([hash])));
    assert.ok(equal(entry.facts[0]?.[1] as Value, hash));
    assert.ok(equal(list(entry.tasks[0]?.captures as Value[]), list([hash])));
    assert.deepEqual(store.blobs.getSync(sha256(content)), content);
  });

  it('the rows: every key is one of the page, and says what is there', async () => {
    await open({ journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 });
    await fill();
    for (let round = 0; round < 5; round++) {
      await turn(0, () => {});
      await disk.platform.run(new Promise<void>((resolve) => void disk.platform.timers.after(50, resolve)));
    }
    const rows = new Map<string, Uint8Array>();
    await disk.platform.run(
      (async () => {
        for await (const { key, value } of store.rows.scan(new Uint8Array())) rows.set(hex(key), value);
      })(),
    );
    const read = <T>(key: Uint8Array | string, what: (reader: Reader) => T): T => {
      const found = rows.get(typeof key === 'string' ? key : hex(key));
      assert.ok(found !== undefined, `no row ${key}`);
      rows.delete(typeof key === 'string' ? key : hex(key));
      const reader = new Reader(found, readName);
      const result = what(reader);
      reader.end();
      return result;
    };
    const row = (channel: Value): ReturnType<Reader['channelRow']> =>
      read(channelRowKey(channel), (reader) => reader.channelRow());
    const meta = read(Buffer.from('m'), (reader) => [
      reader.uint(),
      reader.uint(),
      reader.uint(),
      reader.uint(),
      reader.uint(),
    ]);
    assert.equal(meta[0], 1);
    assert.ok((meta[1] as number) > 100 && (meta[1] as number) <= store.journal.last);
    assert.deepEqual(row('small').data, [{ number: 0, persist: 0, account: 7, stamp: 1, message: [1, 'one'] }]);
    assert.ok(equal(row(long).channel, long));
    assert.deepEqual((row('own').owner as { receive: { label: string } }).receive.label, 'owner');
    assert.deepEqual((row('j1').waiters as { numbers: number[] }[])[0]?.numbers, [0, 0]);
    assert.deepEqual(row('j2').waiters, [{ number: 0, first: 'j1', firstNumber: 0 }]);
    assert.equal(((row('large').data as { message: Uint8Array }[])[0] as { message: Uint8Array }).message.length, 32);
    assert.equal(
      hex(
        read(Buffer.concat([Buffer.from('h'), sha256(encodeValue(list(['code'])))]), (reader) =>
          encodeValue(reader.value()),
        ),
      ),
      hex(encodeValue(list(['code']))),
    );
    assert.equal(
      read(Buffer.from('fk'), (reader) => reader.value()),
      9,
    );
    const piece = Buffer.concat([Buffer.from('l'), Buffer.from([5]), Buffer.from('notes'), sixBytes(0)]);
    assert.deepEqual(
      read(piece, (reader) => [reader.uint(), reader.values()]),
      [0, ['first', 'second']],
    );
    assert.deepEqual((read(Buffer.from('flog/notes'), (reader) => reader.value()) as Tuple).items, [1, 2]);
    const many = row('many').data as { count: number; root: ReturnType<Reader['root']>; arity: number };
    assert.deepEqual([many.count, many.arity, many.root.leaves], [100, 4, [{ first: 0, count: 100 }]]);
    assert.deepEqual(
      read(indexKey('many', 254, 'nil:null', 0), (reader) => reader.leaf(0)),
      Array.from({ length: 100 }, (_, index) => index),
    );
    for (let index = 0; index < 100; index++) {
      const datum = read(Buffer.concat([Buffer.from('d'), channelRowKey('many'), sixBytes(index)]), (reader) =>
        reader.rowDatum(),
      );
      assert.deepEqual(datum.message, [index, `w${index % 2}`]);
      assert.deepEqual(
        read(indexKey('many', 1, `number:${index}`), (reader) => reader.root().numbers),
        [index],
      );
    }
    for (const odd of [0, 1])
      assert.deepEqual(
        read(indexKey('many', 2, `string:w${odd}`), (reader) => reader.root().numbers),
        Array.from({ length: 50 }, (_, index) => 2 * index + odd),
      );
    const [task] = [...rows.keys()].filter((key) => key.startsWith('74')) as [string];
    assert.equal(read(task, (reader) => reader.task()).label, 'later');
    assert.deepEqual([...rows.keys()], [], 'rows that the page does not know');
  });
});
