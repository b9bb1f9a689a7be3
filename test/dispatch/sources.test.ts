/** Laws of sources: what arrives by itself is journaled, kept, paced by its reader, and ends once. */
import assert from 'node:assert/strict';
import {
  declareChannel,
  isErrorResult,
  Later,
  type Native,
  type NativeResult,
  NewMap,
  NewObject,
  NewSource,
  type Source,
  t,
} from '../../channels/index.ts';
import { ANY_MESSAGE as ANY } from '../../src/dispatch/index.ts';
import type { Cause } from '../../src/space/index.ts';
import { limits } from '../../src/limits.ts';
import { type Bundle, List, type MapValue, type Tuple, type Value } from '../../src/values/index.ts';
import { freshName, probeNative, rest, Site, World } from './support/world.ts';

const feed = declareChannel({
  name: 'feed',
  doc: 'Sources of every kind.',
  methods: {
    open: { doc: 'x', effect: 'observe', forms: [{ args: [{ name: 'unread', type: t.int() }], result: t.channel() }] },
    later: { doc: 'x', effect: 'observe', forms: [{ args: [], result: t.string() }] },
    map: { doc: 'x', effect: 'observe', forms: [{ args: [], result: t.map() }] },
    close: { doc: 'x', effect: 'observe', forms: [{ args: [{ name: 'channel', type: t.channel() }], result: t.nil }] },
  },
});

/** Keeps the native's ends, in the order in which they were opened. */
function feedNative(opened: Source[]): Native {
  return {
    declaration: feed,
    call: async ({ method, args }) => {
      const answers: Record<string, () => NativeResult> = {
        open: () => new NewSource('feed', 'h', { unread_max: args[0] as number, state: 0 }),
        later: () => new Later(new NewSource('feed', 'h')),
        map: () =>
          new NewMap([
            ['source', new NewSource('feed', 'in map')],
            ['object', new NewObject('probe', 'o')],
            ['plain', 7],
          ]),
      };
      return method === 'close'
        ? { ok: null, closes: args[0] as Value }
        : { ok: (answers[method] as () => NativeResult)() };
    },
    open: (source) => void opened.push(source),
  };
}

class Feed {
  readonly opened: Source[];
  readonly site: Site;

  constructor(site?: Site, opened: Source[] = []) {
    this.opened = opened;
    const world = site?.world ?? new World();
    const natives = [probeNative(world), feedNative(opened)];
    this.site = site === undefined ? new Site(undefined, world, {}, natives) : site.restart({}, natives);
  }

  async channel(grant = 'alice/feed'): Promise<Value> {
    const { engine } = this.site;
    return engine.post({ kind: 'test', payload: null, account: 0 }, (turn) => {
      const name = turn.newName();
      turn.install(name, ANY, { label: 'native', term: null, place: 0, environment: ['feed', null, '', grant] });
      return name;
    });
  }

  /** Opens a source: its native's end, and the channel that the program was given. */
  async open(unread: number): Promise<{ readonly source: Source; readonly channel: Bundle }> {
    const channel = await this.site.call(await this.channel(), 'open', unread);
    await rest();
    return { source: this.opened.at(-1) as Source, channel: channel as Bundle };
  }

  read(channel: Bundle): readonly Value[] | undefined {
    return this.site.engine.take(channel.body);
  }

  restart(): Feed {
    return new Feed(this.site);
  }
}

const codeOf = (value: Value | undefined): unknown => {
  assert(value !== undefined && isErrorResult(value));
  const told = (value as Tuple).items[1] as MapValue;
  return told.items[told.keys.indexOf('code')];
};

const facts = ({ site }: Feed): string[] =>
  [...site.engine.facts('source/'), ...site.engine.facts('native/')].map(([key]) => key);

describe('a source', () => {
  it('gives the program a channel that it can only read, and its native the other end once that is durable', async () => {
    const { source, channel } = await new Feed().open(4);
    assert.deepEqual([channel.read, channel.write], [true, false]);
    assert.deepEqual([source.resumed, source.handle, source.state], [false, 'h', 0]);
  });

  it('puts each arrival on the channel as one cause with its payload, and keeps the state of the last', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    assert.equal(await source.push(['a', 1], { state: 1 }), true);
    assert.equal(await source.push(['b', 2], { state: 2 }), true);
    assert.deepEqual(
      [feed.read(channel), feed.read(channel)],
      [
        ['a', 1],
        ['b', 2],
      ],
    );
    assert.equal(source.state, 2);
    const arrivals = feed.site.disk.causes.filter(({ kind }) => kind === 'arrival');
    assert.equal(arrivals.length, 2);
    const [{ account, payload }] = arrivals as [Cause];
    assert.deepEqual([account, (payload as Tuple).items[1]], [1, source.id]);
  });

  it('makes its native wait while the reader is behind, and no longer', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(2);
    assert.equal(await source.push([1]), true);
    let room = false;
    const second = source.push([2]).then((more) => {
      room = more;
    });
    await rest();
    assert.equal(room, false);
    assert.deepEqual(feed.read(channel), [1]);
    await second;
    assert.equal(room, true);
  });

  it('that fails while its reader is behind ends at once: what had arrived is read, and then the error', async () => {
    for (const restarted of [false, true]) {
      const first = new Feed();
      const { channel } = await first.open(1);
      const before = first.opened.at(-1)?.push([1]);
      await rest();
      // After a restart the next message waits before it arrives.
      const feed = restarted ? first.restart() : first;
      await rest();
      const source = feed.opened.at(-1) as Source;
      const second = source.push([2]);
      await rest();
      assert.equal(await source.fail({ code: 'net_failed', message: 'it is over' }), true);
      assert.equal(await second, false);
      if (!restarted) assert.equal(await before, false);
      assert.deepEqual(feed.read(channel), [1]);
      assert.equal(codeOf(feed.read(channel)?.[0]), 'net_failed');
      assert.equal(feed.read(channel), undefined);
    }
  });

  it('tells STDERR what was turned away, and goes on', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    source.report?.({ code: 'quota_exceeded', message: 'no room\nfor one' });
    assert.deepEqual(
      feed.site.records.map(({ code, message, source: from }) => [code, message, from]),
      [['quota_exceeded', 'no room for one', 'feed']],
    );
    await source.push([1]);
    assert.deepEqual(feed.read(channel), [1]);
  });

  it('keeps the order of pushes that nobody waited for', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(100);
    await Promise.all([1, 2, 3].map((number) => source.push([number])));
    assert.deepEqual(
      [1, 2, 3].map(() => feed.read(channel)?.[0]),
      [1, 2, 3],
    );
  });

  it('that has no room in its program’s quota waits for it: nothing is lost, and STDERR is told once', async () => {
    const feed = new Feed();
    const { site } = feed;
    const { source, channel } = await feed.open(8);
    site.engine.full = true;
    let taken = false;
    const pushing = source.push([1], { state: 5 }).then((more) => {
      taken = more;
    });
    for (let look = 0; look < 60; look++) {
      await rest(3);
      site.time.advance(50);
    }
    assert.deepEqual([taken, feed.read(channel), source.state], [false, undefined, 0]);
    assert.deepEqual(
      site.records.map(({ code }) => code),
      ['quota_exceeded'],
    );
    site.engine.full = false;
    for (let look = 0; look < 3; look++) {
      await rest(3);
      site.time.advance(50);
    }
    await pushing;
    assert.deepEqual([taken, feed.read(channel), source.state, site.time.waiting], [true, [1], 5, 0]);
  });

  it('that waits for room ends like any other, and leaves no timer', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(8);
    feed.site.engine.full = true;
    const pushing = source.push([1]);
    await rest();
    await feed.site.send(await feed.channel(), ['close', channel]);
    await rest();
    assert.deepEqual([await pushing, feed.site.time.waiting], [false, 0]);
  });

  it('may send new objects, each with a name of its own', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    await source.push([new NewObject('probe', 'x', 1), new NewObject('probe', 'y', 2)]);
    const [first, second] = feed.read(channel) as [Bundle, Bundle];
    assert.equal(await feed.site.call(first.body, 'pure', 5), 5);
    assert.notDeepEqual(first.body, second.body);
    assert.equal(new Set(facts(feed)).size, facts(feed).length);
  });

  it('ends with its last message, and takes nothing after it', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    assert.equal(await source.push(['end'], { last: true }), true);
    assert.equal(source.signal.aborted, true);
    assert.equal(await source.push(['more']), false);
    assert.deepEqual([feed.read(channel), feed.read(channel)], [['end'], undefined]);
    assert.deepEqual(facts(feed), []);
  });

  it('ends when the program closes it through its native; a second time there is nothing to close', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    const native = await feed.channel();
    assert.equal(await feed.site.call(native, 'close', channel), null);
    await rest();
    assert.deepEqual([source.signal.aborted, facts(feed)], [true, []]);
    assert.equal(await source.push([1]), false);
    assert.equal(codeOf(await feed.site.call(native, 'close', channel)), 'handle_closed');
  });

  it('is not closed under the grant of somebody else', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    const other = await feed.channel('bob/feed');
    assert.equal(codeOf(await feed.site.call(other, 'close', channel)), 'handle_closed');
    assert.equal(source.signal.aborted, false);
  });

  it('that fails tells its reader why, and STDERR', async () => {
    const feed = new Feed();
    const { source, channel } = await feed.open(4);
    assert.equal(await source.fail({ code: 'native_failed', message: 'the line is cut' }), true);
    assert.equal(codeOf(feed.read(channel)?.[0]), 'native_failed');
    assert.deepEqual(
      feed.site.records.map(({ source: from, message }) => [from, message]),
      [['feed', 'the line is cut']],
    );
    assert.equal(await source.fail({ code: 'native_failed', message: 'again' }), false);
  });

  it('whose native sends what is no message ends with native_failed, and harms nobody', async () => {
    for (const garbage of [
      [undefined],
      [{}],
      [() => {}],
      'text',
      [Number.NaN],
      new Array(limits.message_values_max + 1).fill(1),
    ]) {
      const feed = new Feed();
      const { source, channel } = await feed.open(4);
      await source.push(garbage as unknown as Value[]);
      assert.equal(codeOf(feed.read(channel)?.[0]), 'native_failed');
    }
  });

  it('is found again after a kill, with the state that its last durable arrival left', async () => {
    const first = new Feed();
    const { source, channel } = await first.open(4);
    await source.push(['kept'], { state: 9 });
    const second = first.restart();
    const [again] = second.opened;
    assert.deepEqual([second.opened.length, again?.id, again?.resumed, again?.state], [1, source.id, true, 9]);
    assert.equal(await (again as Source).push(['new']), true);
    assert.deepEqual([second.read(channel), second.read(channel)], [['kept'], ['new']]);
  });

  it('those found again are opened oldest first', async () => {
    const first = new Feed();
    for (let count = 0; count < 12; count++) await first.open(4);
    const ids = first.opened.map(({ id }) => id);
    assert.deepEqual(
      first.restart().opened.map(({ id }) => id),
      ids,
    );
  });

  it('waits for its native when that is not there, and is opened when it is registered', async () => {
    const first = new Feed();
    const { source } = await first.open(4);
    const second = first.site.restart();
    const opened: Source[] = [];
    second.dispatcher.registerNative(feedNative(opened));
    assert.deepEqual(
      opened.map(({ id }) => id),
      [source.id],
    );
  });

  it('may be the reply of a call: what it sends goes where the reply would have gone', async () => {
    const feed = new Feed();
    const ret = freshName();
    await feed.site.send(await feed.channel(), ['later', ret]);
    await feed.site.dispatcher.settled(1);
    await rest();
    assert.deepEqual(feed.site.engine.waiting(ret), []);
    await feed.opened[0]?.push(['now'], { last: true });
    assert.deepEqual(feed.site.engine.waiting(ret), [['now']]);
  });

  for (const [how, code] of [
    ['within', 'timed_out'],
    ['revocable', 'cancelled'],
  ] as const) {
    it(`that is the reply of a call ends with the call: ${code}`, async () => {
      const feed = new Feed();
      const { site } = feed;
      const made = (await site.call(await feed.channel(), how, ...(how === 'within' ? [50] : []))) as Bundle | List;
      const [channel, revoker] = (made instanceof List ? made.items : [made]) as [Bundle, Bundle];
      const ret = freshName();
      await site.send(channel.body, ['later', ret]);
      await site.dispatcher.settled(1);
      await rest();
      if (how === 'within') site.time.advance(50);
      else await site.call(revoker.body, 'cancel');
      await rest();
      assert.equal(codeOf(site.engine.waiting(ret)[0]?.[0]), code);
      assert.deepEqual([feed.opened[0]?.signal.aborted, facts(feed), site.time.waiting], [true, [], 0]);
    });
  }

  it('cannot be the reply of a call that asks for none', async () => {
    const feed = new Feed();
    await feed.site.send(await feed.channel(), ['later']);
    await feed.site.dispatcher.settled(1);
    assert.deepEqual([feed.opened.length, feed.site.records[0]?.code], [0, 'arguments_invalid']);
  });

  it('may stand in a map beside objects and values', async () => {
    const feed = new Feed();
    const map = (await feed.site.call(await feed.channel(), 'map')) as MapValue;
    await rest();
    assert.deepEqual(map.keys, ['object', 'plain', 'source']);
    assert.equal(map.items[1], 7);
    assert.equal(await feed.site.call((map.items[0] as Bundle).body, 'pure', 3), 3);
    await feed.opened[0]?.push(['in']);
    assert.deepEqual(feed.read(map.items[2] as Bundle), ['in']);
  });

  it('is one of a bounded number for each program', async () => {
    const feed = new Feed();
    const native = await feed.channel();
    for (let count = 0; count < limits.sources_max; count++) await feed.site.call(native, 'open', 1);
    assert.equal(codeOf(await feed.site.call(native, 'open', 1)), 'quota_exceeded');
    await feed.opened[0]?.push([1], { last: true });
    assert.ok(!isErrorResult((await feed.site.call(native, 'open', 1)) ?? null));
  });

  it('hinders no quiescence, and is listed while it may speak', async () => {
    const feed = new Feed();
    const { source } = await feed.open(4);
    assert.equal((await feed.site.dispatcher.settled(1)).quiescent, true);
    assert.deepEqual(
      feed.site.dispatcher.report(1).map(({ kind }) => kind),
      ['source'],
    );
    await source.push([1], { last: true });
    assert.deepEqual(feed.site.dispatcher.report(1), []);
  });

  it('of a native that cannot open it ends with an error', async () => {
    const world = new World();
    const broken: Native = {
      ...feedNative([]),
      open: () => {
        throw new Error('no');
      },
    };
    const site = new Site(undefined, world, {}, [probeNative(world), broken]);
    const feed = new Feed();
    Object.assign(feed, { site });
    const channel = (await site.call(await feed.channel(), 'open', 1)) as Bundle;
    await rest();
    assert.equal(codeOf(feed.read(channel)?.[0]), 'native_failed');
  });

  it('goes quiet when the space closes, and stays for the next opening', async () => {
    const feed = new Feed();
    const { source } = await feed.open(4);
    await feed.site.dispatcher.stop();
    assert.equal(source.signal.aborted, true);
    assert.equal(await source.push([1]), false);
    assert.equal(feed.restart().opened.length, 1);
  });
});
