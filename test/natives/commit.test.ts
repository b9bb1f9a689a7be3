/** A host with a store takes part in the commit: what was answered is finished, what was not is dropped, and nothing else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PREPARED_PREFIX } from '../../src/dispatch/index.ts';
import { internalsOf } from '../../src/embedding/internals.ts';
import {
  declareChannel,
  type HostDefinition,
  listenHost,
  method,
  type Native,
  PowerboxError,
  t,
} from '../../src/embedding/host.ts';
import { freePort } from '../resolvers/ports.ts';
import { ask, codeOf, KEY, openWith, until } from './support/hosts.ts';

/** A store in memory that keeps what it is told, and does as it is told to. */
class Store {
  readonly said: string[] = [];
  readonly prepared = new Map<string, string>();
  readonly finished: string[] = [];
  /** Preparations wait for it. */
  held: Promise<void> = Promise.resolve();
  /** So many times a finish is refused. */
  refusals = 0;

  /** Holds preparations until what it returns is called. */
  hold(): () => void {
    let release: () => void = () => {};
    this.held = new Promise((resolve) => (release = resolve));
    return release;
  }

  host(): HostDefinition {
    const declaration = declareChannel({
      name: 'example',
      doc: 'Keeps.',
      methods: {
        keep: method({
          doc: 'Keeps.',
          effect: 'change',
          recovery: 'ask',
          lane: null,
          forms: [{ args: [{ name: 'what', type: t.string() }], result: t.string() }],
        }),
        look: method({ doc: 'Looks.', effect: 'observe', forms: [{ args: [], result: t.int() }] }),
      },
    });
    const native: Native = {
      declaration,
      call: async () => ({ ok: this.finished.length }),
      ask: async () => 'not_applied',
    };
    const hex = (effect: Uint8Array): string => Buffer.from(effect).toString('hex');
    return {
      natives: [native],
      store: {
        prepare: async ({ args, effectId }) => {
          const what = String(args[0]);
          this.said.push(`prepare ${what}`);
          if (what === 'refused') return { error: { code: 'not_permitted', message: 'it is not wanted' } };
          await this.held;
          this.prepared.set(hex(effectId), what);
          return { ok: what === 'wrong' ? (5 as never) : what };
        },
        finish: async (effectId) => {
          if (this.refusals-- > 0) throw new PowerboxError('storage_failed', 'the disk is busy');
          const what = this.prepared.get(hex(effectId));
          if (what !== undefined) this.finished.push(what);
          this.prepared.delete(hex(effectId));
        },
        drop: async (effectId) => {
          this.said.push(`drop ${this.prepared.get(hex(effectId)) ?? 'nothing'}`);
          this.prepared.delete(hex(effectId));
        },
        prepared: async () => [...this.prepared.keys()].map((key) => new Uint8Array(Buffer.from(key, 'hex'))),
      },
    };
  }
}

describe('a host with a store', () => {
  let store: Store;
  let listening: Awaited<ReturnType<typeof listenHost>>;
  let space: Awaited<ReturnType<typeof openWith>>;

  beforeEach(async () => {
    store = new Store();
    listening = await listenHost(store.host(), { key: KEY, port: await freePort() });
    space = await openWith({ url: listening.url, key: KEY, required: true });
  });

  afterEach(async () => {
    await space.close();
    await listening.close();
  });

  const unconfirmed = (): number => [...internalsOf(space).engine.facts(PREPARED_PREFIX)].length;

  it('finishes what was answered, and is confirmed', async () => {
    assert.equal(await ask(space, 'ex!?("keep", "one")'), 'one');
    await until(() => store.finished.length === 1 && unconfirmed() === 0, 'it is finished and confirmed');
    assert.deepEqual([...store.prepared], []);
  });

  it('is told to finish until it does, whatever it answers meanwhile', async () => {
    store.refusals = 3;
    assert.equal(await ask(space, 'ex!?("keep", "one")'), 'one');
    assert.equal(await ask(space, 'ex!?("look")'), 0);
    await until(() => store.finished.length === 1 && unconfirmed() === 0, 'it is finished and confirmed');
  });

  it('drops what it prepared too late', async () => {
    const release = store.hold();
    const brief = await openWith({ url: listening.url, key: KEY, required: true, call_ms_max: 400 });
    try {
      assert.equal(await codeOf(brief, 'ex!?("keep", "late")'), 'timed_out');
      await until(() => store.said.length > 0, 'it is being prepared');
      assert.deepEqual(store.said, ['prepare late']);
      release();
      await until(() => store.said.includes('drop late'), 'it is dropped');
      assert.deepEqual([store.finished, [...store.prepared], unconfirmed()], [[], [], 0]);
    } finally {
      await brief.close();
    }
  });

  it('drops what was cut off by the caller', async () => {
    const release = store.hold();
    await space.run(
      `new ex(\`native:example\`) in {
         for (@[brief, revoker] <- ex!?("revocable")) {
           for (@answer <- @brief!?("keep", "brief")) { @"brief"!(answer) } |
           for (_ <- @"enough") { @revoker!("cancel") }
         }
       }`,
      { holder: 'alice' },
    );
    // By a limit of time it would be cut off before it is begun, on a machine that stands still.
    await until(() => store.said.includes('prepare brief'), 'it is being prepared');
    await space.produce('enough', [null]);
    const [[answer]] = (await space.consume([{ channel: 'brief' }])) as unknown as [[[string, { code: string }]]];
    assert.equal(answer[1].code, 'cancelled');
    release();
    await until(() => store.said.includes('drop brief'), 'it is dropped');
  });

  it('has nothing to drop where it refuses, and drops what cannot be taken', async () => {
    assert.equal(await codeOf(space, 'ex!?("keep", "refused")'), 'not_permitted');
    assert.equal(await codeOf(space, 'ex!?("keep", "wrong")'), 'native_failed');
    await until(() => store.said.includes('drop wrong'), 'it is dropped');
    assert.deepEqual(store.finished, []);
  });

  it('goes on after its connection is gone: what was answered is finished then, what was not is made again', async () => {
    store.refusals = 1_000_000;
    assert.equal(await ask(space, 'ex!?("keep", "answered")'), 'answered');
    const release = store.hold();
    const cut = codeOf(space, 'ex!?("keep", "cut")');
    await until(() => store.said.includes('prepare cut'), 'it is being prepared');
    const { port } = new URL(listening.url);
    await listening.close();
    store.refusals = 0;
    release();
    listening = await listenHost(store.host(), { key: KEY, port: Number(port) });
    assert.ok(['cut', 'timed_out'].includes(String(await cut)));
    const kept = (await cut) === 'cut' ? ['answered', 'cut'] : ['answered'];
    await until(() => store.finished.length === kept.length && unconfirmed() === 0, 'both are over');
    assert.deepEqual(store.finished.toSorted(), kept);
    await until(() => store.prepared.size === 0, 'nothing is left prepared');
  });
});

describe('a host with a store, and a space that is opened again', () => {
  it('is told to finish what an earlier process left unconfirmed', async () => {
    const data = mkdtempSync(join(tmpdir(), 'powerbox-commit-'));
    const store = new Store();
    store.refusals = 1_000_000;
    const listening = await listenHost(store.host(), { key: KEY });
    try {
      const native = { url: listening.url, key: KEY, required: true };
      const first = await openWith(native, { data });
      assert.equal(await ask(first, 'ex!?("keep", "one")'), 'one');
      await first.close();
      assert.deepEqual([store.finished, store.prepared.size], [[], 1]);
      store.refusals = 0;
      const second = await openWith(native, { data });
      assert.deepEqual([store.finished, store.prepared.size], [['one'], 0]);
      const { engine } = internalsOf(second);
      await until(() => [...engine.facts(PREPARED_PREFIX)].length === 0, 'it is confirmed');
      await second.close();
    } finally {
      await listening.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
});
