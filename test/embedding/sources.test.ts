/** Sources in a real space: read by programs, paced by them, kept over a restart of a real directory. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declareChannel, Later, method, NewSource, type Source, t } from '../../channels/index.ts';
import { type Native, openSpace, type Space } from '../../src/index.ts';

const declaration = declareChannel({
  name: 'feed',
  doc: 'Gives sources to a test.',
  methods: {
    open: method({ doc: 'Opens one.', effect: 'observe', forms: [{ args: [], result: t.channel() }] }),
    ask: method({ doc: 'Answers later.', effect: 'observe', forms: [{ args: [], result: t.int() }] }),
  },
});

class Feed {
  readonly opened: Source[] = [];
  readonly #waiting: ((source: Source) => void)[] = [];

  readonly native: Native = {
    declaration,
    call: async ({ method }) => {
      const source = new NewSource('feed', null, { unread_max: 8, state: 0 });
      return { ok: method === 'open' ? source : new Later(source) };
    },
    open: (source) => {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.opened.push(source);
      else waiter(source);
    },
  };

  next(): Promise<Source> {
    const source = this.opened.shift();
    return source === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(source);
  }
}

describe('embedding: sources', () => {
  let directory: string;
  let space: Space;
  let feed: Feed;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-sources-'));
    feed = new Feed();
    space = await open();
  });
  afterEach(async () => {
    await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(): Promise<Space> {
    const opened = await openSpace({ data: directory, onFailure: () => {} });
    await opened.register(feed.native, { uri: 'rho:feed' });
    return opened;
  }

  it('a program that reads on and on gets everything, once and in order', async () => {
    const deploy = await space.run(`new feed(\`rho:feed\`), ch, loop in {
      feed!("open", *ch) |
      for (source <- ch) {
        contract loop(@sum) = {
          for (@n <- source) { match n { Nil => { @"sum"!(sum) } _ => { loop!(sum * 3 % 1000003 + n) } } }
        } | loop!(0)
      }
    }`);
    const source = await feed.next();
    assert.equal(deploy.pending().sources, 1);
    let expected = 0;
    for (let n = 1; n <= 1000; n++) {
      expected = ((expected * 3) % 1000003) + n;
      assert.equal(await source.push([n]), true);
    }
    await source.push([null], { last: true });
    await space.quiescent();
    assert.deepEqual(await space.take('sum'), [expected]);
    assert.equal(deploy.pending().sources, 0);
  });

  it('a program that does not read stops the sender at the bound, and is served on when it reads', async () => {
    await space.run('new feed(`rho:feed`), ch in { feed!("open", *ch) | for (source <- ch) { @"kept"!(*source) } }');
    const source = await feed.next();
    let sent = 0;
    const sending = (async () => {
      while (sent < 50 && (await source.push([sent]))) sent++;
    })();
    await space.quiescent();
    while (sent < 7) await new Promise((resolve) => setImmediate(resolve));
    // The eighth is durable, and waits for room.
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(sent, 7);
    await space.run(`new loop in { for (source <<- @"kept") {
      contract loop() = { for (@n <- source) { @"got"!(n) | loop!() } } | loop!() } }`);
    await sending;
    await space.quiescent();
    assert.deepEqual([sent, space.count('got').data], [50, 50]);
  });

  it('a restart finds it, its state and what was not read yet', async () => {
    await space.run('new feed(`rho:feed`), ch in { feed!("open", *ch) | for (source <- ch) { @"kept"!(*source) } }');
    const first = await feed.next();
    await first.push(['before'], { state: 41 });
    await space.close();
    space = await open();
    const second = await feed.next();
    assert.deepEqual([second.id, second.resumed, second.state], [first.id, true, 41]);
    await second.push(['after'], { state: 42 });
    await space.run('for (source <<- @"kept") { for (@a <- source) { for (@b <- source) { @"both"!([a, b]) } } }');
    await space.quiescent();
    assert.deepEqual(await space.take('both'), [['before', 'after']]);
  });

  it('a call in an expression whose reply comes later takes its time, over a restart too', async () => {
    await space.run('new feed(`rho:feed`) in { @"answer"!(*feed.ask() + 1) }');
    await feed.next();
    await space.quiescent();
    assert.equal(space.count('answer').data, 0);
    await space.close();
    space = await open();
    await (await feed.next()).push([6], { last: true });
    await space.quiescent();
    assert.deepEqual(await space.take('answer'), [7]);
  });

  it('is listed at quiescence with the channel that it may still send to', async () => {
    await space.run('new feed(`rho:feed`), ch in { feed!("open", *ch) | for (source <- ch) { @"kept"!(*source) } }');
    await feed.next();
    const { quiescent, pending } = await space.quiescent();
    assert.equal(quiescent, true);
    assert.deepEqual(
      pending.map(({ kind }) => kind),
      ['source'],
    );
  });
});
