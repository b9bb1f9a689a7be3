/** Laws of capabilities: what was derived can do no more than what it came from, and ends with it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isErrorResult, NewObject, NewSource, type Native, type NativeAnswer } from '../../channels/index.ts';
import { installNative } from '../../src/dispatch/index.ts';
import { limits } from '../../src/limits.ts';
import { Bundle, List, list, type MapValue, type Name, type Tuple, type Value } from '../../src/values/index.ts';
import { freshName, probeNative, rest, Site, World } from './support/world.ts';

const GRANT = 'alice/probe';

function told(value: Value | undefined): unknown {
  if (value === undefined || !isErrorResult(value)) return value;
  const map = (value as Tuple).items[1] as MapValue;
  return map.items[map.keys.indexOf('code')];
}

/** A channel to the probe under a grant. */
function granted(site: Site, grant = GRANT): Promise<Name> {
  return site.engine.post({ kind: 'test', payload: null, account: 0 }, (turn) =>
    installNative(turn, { native: 'probe', handle: null, id: '', cap: grant }, undefined),
  );
}

async function derive(site: Site, from: Name, method: string, ...args: Value[]): Promise<Name> {
  const made = await site.call(from, method, ...args);
  assert(made instanceof Bundle && made.write && !made.read, String(told(made)));
  return made.body as Name;
}

async function revocable(site: Site, from: Name): Promise<{ readonly channel: Name; readonly revoker: Name }> {
  const made = await site.call(from, 'revocable');
  assert(made instanceof List, String(told(made)));
  const [channel, revoker] = made.items as [Bundle, Bundle];
  return { channel: channel.body as Name, revoker: revoker.body as Name };
}

const ask = async (site: Site, channel: Name, method: string, ...args: Value[]): Promise<unknown> =>
  told(await site.call(channel, method, ...(args.length === 0 ? [1] : args)));

function end(site: Site, cap: string): Promise<boolean> {
  return site.engine.post({ kind: 'revoke', payload: cap, account: 0 }, (turn) =>
    site.dispatcher.endCapability(turn, cap, 'revoked'),
  );
}

describe('capabilities', () => {
  it('restrict: the methods that were named and no other, whatever is derived further', async () => {
    const site = new Site();
    const some = await derive(site, await granted(site), 'restrict', list(['pure', 'look']));
    assert.deepEqual([await ask(site, some, 'pure'), await ask(site, some, 'look')], [1, 1]);
    assert.equal(await ask(site, some, 'once'), 'not_permitted');
    const fewer = await derive(site, some, 'restrict', list(['look', 'once']));
    assert.deepEqual(
      [await ask(site, fewer, 'look'), await ask(site, fewer, 'pure'), await ask(site, fewer, 'once')],
      [1, 'not_permitted', 'not_permitted'],
    );
    assert.deepEqual(site.world.done, ['look 1', 'look 1']);
  });

  it('restrict to a method that there is not is refused, naming those that there are', async () => {
    const site = new Site();
    assert.equal(await ask(site, await granted(site), 'restrict', list(['fly'])), 'arguments_invalid');
    assert.match(site.records.at(-1)?.message ?? '', /no method "fly"; it has pure, look/);
  });

  it('readOnly: nothing that changes, also of what comes out of it', async () => {
    const site = new Site();
    site.world.behaviour = ({ method, args }) => ({
      ok: method === 'look' ? new NewObject('probe', 'inner') : (args[0] ?? null),
    });
    const reading = await derive(site, await granted(site), 'readOnly');
    assert.equal(await ask(site, reading, 'once'), 'not_permitted');
    const inner = (await site.call(reading, 'look', 1)) as Bundle;
    assert.deepEqual(
      [await ask(site, inner.body as Name, 'pure'), await ask(site, inner.body as Name, 'repeated')],
      [1, 'not_permitted'],
    );
  });

  it('count: so many calls, those of what comes out of it included; a refused one is not counted', async () => {
    const site = new Site();
    const three = await derive(site, await granted(site), 'count', 3);
    assert.equal(await ask(site, three, 'fly'), 'method_unknown');
    assert.deepEqual([await ask(site, three, 'pure'), await ask(site, three, 'once')], [1, 1]);
    const narrower = await derive(site, three, 'readOnly');
    assert.equal(await ask(site, narrower, 'look'), 1);
    assert.deepEqual([await ask(site, narrower, 'look'), await ask(site, three, 'pure')], ['expired', 'expired']);
    assert.deepEqual(site.world.done, ['once 1', 'look 1']);
  });

  it('count: calls that are sent all at once get no more', async () => {
    const site = new Site();
    const two = await derive(site, await granted(site), 'count', 2);
    const ret = freshName();
    for (let number = 0; number < 5; number++) await site.send(two, ['look', number, ret]);
    await site.dispatcher.settled(1);
    const answers = site.engine.waiting(ret).map(([value]) => told(value as Value));
    assert.deepEqual(answers.filter((answer) => answer === 'expired').length, 3);
    assert.equal(site.world.done.length, 2);
  });

  it('count: a kill neither gives a call back nor takes one', async () => {
    const first = new Site();
    const two = await derive(first, await granted(first), 'count', 2);
    assert.equal(await ask(first, two, 'repeated'), 1);
    first.world.behaviour = () => new Promise(() => {});
    await first.send(two, ['repeated', 2]);
    await rest();
    first.world.behaviour = ({ args }) => ({ ok: args[0] ?? null });
    const second = first.restart();
    await second.dispatcher.settled(1);
    assert.deepEqual(second.world.done, ['repeated 1', 'repeated 2']);
    assert.equal(await ask(second, two, 'repeated'), 'expired');
  });

  it('within: the caller’s limit, also where the method has none', async () => {
    const site = new Site();
    const quick = await derive(site, await derive(site, await granted(site), 'within', 500), 'within', 50);
    site.world.behaviour = () => new Promise(() => {});
    for (const method of ['look', 'person']) {
      const ret = freshName();
      await site.send(quick, [method, 1, ret]);
      await rest();
      site.time.advance(49);
      await rest();
      assert.deepEqual(site.engine.waiting(ret), []);
      site.time.advance(1);
      await rest();
      assert.equal(told(site.engine.waiting(ret)[0]?.[0]), 'timed_out');
    }
  });

  it('expire: until its time, also over a restart; its end is a cause', async () => {
    const first = new Site();
    const channel = await granted(first);
    const short = await derive(first, channel, 'expire', 1000);
    const inner = await derive(first, short, 'readOnly');
    first.time.advance(999);
    await rest();
    assert.equal(await ask(first, inner, 'pure'), 1);
    const second = first.restart();
    // The clock of this other process stands at 0.
    second.time.advance(999);
    await rest();
    assert.equal(await ask(second, short, 'pure'), 1);
    second.time.advance(1);
    await rest();
    assert.deepEqual([await ask(second, short, 'pure'), await ask(second, inner, 'pure')], ['expired', 'expired']);
    assert.equal(await ask(second, channel, 'pure'), 1);
    assert.equal(second.disk.causes.filter(({ kind }) => kind === 'expired').length, 1);
    assert.equal(second.time.waiting, 0);
  });

  it('revocable: revoke ends the channel and all that came out of it, and nothing else', async () => {
    const site = new Site();
    const channel = await granted(site);
    const { channel: lent, revoker } = await revocable(site, channel);
    const inner = await derive(site, lent, 'readOnly');
    const beside = await revocable(site, channel);
    assert.equal(await ask(site, inner, 'pure'), 1);
    assert.equal(await site.call(revoker, 'revoke'), null);
    assert.deepEqual([await ask(site, lent, 'pure'), await ask(site, inner, 'look')], ['revoked', 'revoked']);
    assert.deepEqual([await ask(site, channel, 'pure'), await ask(site, beside.channel, 'pure')], [1, 1]);
    assert.equal(await ask(site.restart(), lent, 'pure'), 'revoked');
  });

  for (const [verb, code] of [
    ['revoke', 'revoked'],
    ['cancel', 'cancelled'],
  ] as const) {
    it(`revocable: ${verb} cuts off calls under way and those that wait for their turn, answered ${code}`, async () => {
      const site = new Site();
      const { channel: lent, revoker } = await revocable(site, await granted(site));
      const signals: AbortSignal[] = [];
      site.world.behaviour = ({ signal }) => {
        signals.push(signal as AbortSignal);
        return new Promise(() => {});
      };
      const ret = freshName();
      for (const method of ['look', 'once', 'person']) await site.send(lent, [method, 1, ret]);
      await rest();
      const under = signals.length;
      assert.ok(under > 0);
      await site.send(revoker, [verb]);
      await rest();
      site.world.behaviour = ({ args }) => ({ ok: args[0] ?? null });
      await site.dispatcher.settled(1);
      assert.deepEqual(
        site.engine.waiting(ret).map(([value]) => told(value as Value)),
        [code, code, code],
      );
      assert.ok(signals.every((signal) => signal.aborted));
      assert.equal(site.world.log.filter((line) => line.startsWith('call')).length, under);
      assert.equal(await ask(site, lent, 'pure'), verb === 'cancel' ? 1 : 'revoked');
    });
  }

  it('an answer that comes after the turn of the revocation, and before it is durable, is not told; what it did stays', async () => {
    for (const method of ['look', 'tally']) {
      const site = new Site();
      const name = await site.engine.post({ kind: 'test', payload: null, account: 0 }, (turn) =>
        installNative(turn, { native: 'probe', handle: null, id: 'o', cap: GRANT }, 1),
      );
      let answer: (value: NativeAnswer) => void = () => {};
      site.world.behaviour = () => new Promise((resolve) => (answer = resolve));
      const ret = freshName();
      await site.send(name, method === 'look' ? [method, 1, ret] : [method, ret]);
      await rest();
      const revoking = end(site, GRANT);
      answer({ ok: 7, state: 2 });
      await revoking;
      await rest();
      assert.deepEqual(
        site.engine.waiting(ret).map(([value]) => told(value as Value)),
        ['revoked'],
      );
      assert.equal(site.engine.fact('native/o'), 2);
    }
  });

  it('a grant that is revoked ends everything that came from it; granted again, what was derived holds again', async () => {
    const first = new Site();
    const channel = await granted(first);
    const other = await granted(first, 'bob/probe');
    const inner = await derive(first, channel, 'readOnly');
    assert.equal(await end(first, GRANT), true);
    assert.equal(await end(first, GRANT), false);
    const second = first.restart();
    assert.deepEqual(
      [await ask(second, channel, 'pure'), await ask(second, inner, 'pure'), await ask(second, other, 'pure')],
      ['revoked', 'revoked', 1],
    );
    await second.engine.post({ kind: 'regrant', payload: GRANT, account: 0 }, (turn) =>
      second.dispatcher.capabilities.regrant(turn, GRANT),
    );
    assert.deepEqual([await ask(second, channel, 'pure'), await ask(second, inner, 'pure')], [1, 1]);
  });

  it('a source ends with the capability that it came by, and its reader is told', async () => {
    const world = new World();
    const opened: AbortSignal[] = [];
    const probe: Native = { ...probeNative(world), open: ({ signal }) => void opened.push(signal) };
    const site = new Site(undefined, world, {}, [probe]);
    world.behaviour = () => ({ ok: new NewSource('probe', null) });
    const { channel: lent, revoker } = await revocable(site, await granted(site));
    const messages = (await site.call(lent, 'look', 1)) as Bundle;
    await rest();
    await site.call(revoker, 'revoke');
    await rest();
    assert.deepEqual([opened[0]?.aborted, told(site.engine.waiting(messages.body)[0]?.[0])], [true, 'revoked']);
  });

  it('a change that had begun before a kill, by a capability that is revoked since, is not made again', async () => {
    const first = new Site();
    const { channel: lent, revoker } = await revocable(first, await granted(first));
    first.world.behaviour = () => new Promise(() => {});
    const ret = freshName();
    await first.send(lent, ['repeated', 1, ret]);
    await rest();
    // The process ends in the commit that revokes.
    const cap = first.dispatcher.capabilities.derived()[0]?.id as string;
    first.engine.beforeSync = () => {};
    const revoking = end(first, cap);
    first.dispatcher.stop();
    await revoking;
    const second = first.restart();
    await second.dispatcher.settled(1);
    assert.equal(told(second.engine.waiting(ret)[0]?.[0]), 'revoked');
    assert.equal([...second.engine.facts('effect/')].length, 0);
    assert.notEqual(revoker, lent);
  });

  it('a refused call reaches no native and waits for no other of its object; its answer is a cause, which says when', async () => {
    const site = new Site();
    const channel = await granted(site);
    const reading = await derive(site, channel, 'readOnly');
    const restricted = await derive(site, channel, 'restrict', list(['look']));
    site.world.behaviour = () => new Promise(() => {});
    await site.send(channel, ['once', 1]);
    await rest();
    const before = site.disk.causes.length;
    const ret = freshName();
    for (const [to, method] of [
      [reading, 'once'],
      [restricted, 'pure'],
      [restricted, 'hear'],
    ] as const)
      await site.send(to, [method, 2, ret]);
    await rest();
    assert.deepEqual(
      site.engine.waiting(ret).map(([value]) => told(value as Value)),
      ['not_permitted', 'not_permitted', 'not_permitted'],
    );
    assert.deepEqual(site.world.log, ['call once 1']);
    assert.deepEqual(
      site.disk.causes.slice(before).flatMap(({ kind }) => (kind === 'send' ? [] : [kind])),
      ['finished', 'result', 'result'],
    );
    assert.equal(site.records.filter(({ code }) => code === 'not_permitted').length, 3);
  });

  it('cancel holds over a kill: what came before it is answered cancelled and not made again, what came after it is made', async () => {
    for (const counted of [false, true]) {
      const first = new Site();
      const { channel, revoker } = await revocable(first, await granted(first));
      const lent = counted ? await derive(first, channel, 'count', 10) : channel;
      first.world.behaviour = () => new Promise(() => {});
      const ret = freshName();
      // The first is under way, the next two wait for it; those of other lanes are under way, too.
      for (const method of ['repeated', 'asked', 'once', 'hear', 'fetch']) await first.send(lent, [method, 1, ret]);
      await rest();
      const made = first.world.log.length;
      // Its turn is durable, and the process is gone before any call has been answered.
      await first.send(revoker, ['cancel']);
      await first.send(lent, ['say', 2, ret]);
      first.world.behaviour = ({ args }) => ({ ok: args[0] ?? null });
      const second = first.restart();
      await second.dispatcher.settled(1);
      assert.deepEqual(
        second.engine
          .waiting(ret)
          .map(([value]) => told(value as Value))
          .sort(),
        [2, 'cancelled', 'cancelled', 'cancelled', 'cancelled', 'cancelled'],
      );
      assert.deepEqual(
        second.world.log.slice(made).filter((line) => !line.endsWith(' 2')),
        [],
      );
      assert.equal([...second.engine.facts('effect/')].length, 0);
      assert.equal(await ask(second.restart(), lent, 'repeated'), 1);
    }
  });

  it('natives hear of what has ended once that is durable: revoked, expired or a grant, with all below it', async () => {
    const world = new World();
    const heard: [string, boolean, boolean, boolean][] = [];
    let caps: readonly string[] = [];
    const probe: Native = {
      ...probeNative(world),
      ended: (isBelow, { code }) => {
        const [lent = '', inner = ''] = caps;
        heard.push([code, isBelow(lent), isBelow(inner), isBelow(GRANT)]);
        throw new Error('a native that fails here harms nobody');
      },
    };
    const site = new Site(undefined, world, {}, [probe]);
    const channel = await granted(site);
    const { channel: lent, revoker } = await revocable(site, channel);
    const inner = await derive(site, lent, 'readOnly');
    await derive(site, channel, 'expire', 50);
    caps = site.dispatcher.capabilities.derived().map(({ id }) => id);
    assert.equal(await ask(site, inner, 'pure'), 1);
    await site.call(revoker, 'cancel');
    assert.deepEqual(heard, []);
    await site.call(revoker, 'revoke');
    await site.call(revoker, 'revoke');
    site.time.advance(60);
    await rest();
    await end(site, GRANT);
    assert.deepEqual(heard, [
      ['revoked', true, true, false],
      ['expired', false, false, false],
      ['revoked', true, true, true],
    ]);
  });

  it('who made one and who used it is kept', async () => {
    const first = new Site();
    const lent = await derive(first, await granted(first), 'readOnly');
    for (const account of [1, 7, 9, 7]) {
      await first.send(lent, ['pure', 1, freshName()], account);
      await first.dispatcher.settled(account);
    }
    const [capability] = first.restart().dispatcher.capabilities.derived();
    assert.deepEqual(
      [capability?.parent, capability?.rule, capability?.by, capability?.users],
      [GRANT, { kind: 'readOnly' }, 1, [7, 9]],
    );
  });

  it('are derived to a bounded depth, and a bounded number for each deploy; those that have ended make room', async () => {
    const site = new Site();
    const channel = await granted(site);
    let deepest = channel;
    for (let depth = 0; depth < limits.capability_depth_max; depth++) deepest = await derive(site, deepest, 'readOnly');
    assert.equal(told(await site.call(deepest, 'readOnly')), 'quota_exceeded');
    const { capabilities } = site.dispatcher;
    await site.engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
      let left = limits.capabilities_max - limits.capability_depth_max;
      while (left-- > 0) capabilities.derive(turn, `x${left}`, GRANT, { kind: 'readOnly' }, 1);
    });
    assert.equal(told(await site.call(channel, 'readOnly')), 'quota_exceeded');
    await end(site, '~x5');
    await derive(site, channel, 'readOnly');
    assert.equal(told(await site.call(channel, 'readOnly')), 'quota_exceeded');
  });

  it('no declaration takes the name of a method that every object has', async () => {
    const { declareChannel, t } = await import('../../channels/index.ts');
    const forms = [{ args: [], result: t.nil }];
    assert.throws(
      () => declareChannel({ name: 'mine', doc: 'x', methods: { revocable: { doc: 'x', effect: 'none', forms } } }),
      { code: 'declaration_invalid' },
    );
  });

  /** Random trees of what was handed on, beside a model that knows only: what below what, and what was taken away. */
  it('under any handing on, calling, revoking and restarting, allow what the model allows', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            step: fc.constantFrom('restrict', 'readOnly', 'count', 'revocable', 'call', 'call', 'revoke', 'restart'),
            at: fc.nat(),
            method: fc.constantFrom('pure', 'look', 'repeated'),
            number: fc.integer({ min: 1, max: 3 }),
          }),
          { minLength: 5, maxLength: 30 },
        ),
        async (steps) => {
          let site = new Site();
          const nodes: Model[] = [new Model(null, 'all', await granted(site))];
          for (const { step, at, method, number } of steps) {
            const node = nodes[at % nodes.length] as Model;
            if (step === 'restart') site = site.restart();
            else if (step === 'call') assert.equal(await ask(site, node.channel, method), node.call(method));
            else if (step === 'revoke') {
              if (node.revoker === null) continue;
              assert.equal(await site.call(node.revoker, 'revoke'), null);
              node.revoked = true;
            } else if (!node.alive()) {
              assert.equal(told(await site.call(node.channel, 'readOnly')), 'revoked');
            } else if (step === 'revocable') {
              const { channel, revoker } = await revocable(site, node.channel);
              nodes.push(new Model(node, 'all', channel, revoker));
            } else if (step === 'count') {
              nodes.push(new Model(node, number, await derive(site, node.channel, 'count', number)));
            } else if (step === 'readOnly') {
              nodes.push(new Model(node, ['pure', 'look'], await derive(site, node.channel, 'readOnly')));
            } else nodes.push(new Model(node, [method], await derive(site, node.channel, 'restrict', list([method]))));
          }
        },
      ),
      { numRuns: 150 },
    ));
});

class Model {
  revoked = false;
  #left: number;

  constructor(
    readonly parent: Model | null,
    readonly rule: 'all' | number | readonly string[],
    readonly channel: Name,
    readonly revoker: Name | null = null,
  ) {
    this.#left = typeof rule === 'number' ? rule : Number.POSITIVE_INFINITY;
  }

  alive(): boolean {
    return !this.revoked && (this.parent?.alive() ?? true);
  }

  get path(): readonly Model[] {
    return this.parent === null ? [this] : [this, ...this.parent.path];
  }

  call(method: string): unknown {
    // The nearest word against it counts.
    for (const node of this.path) {
      if (node.revoked) return 'revoked';
      if (Array.isArray(node.rule) && !node.rule.includes(method)) return 'not_permitted';
      if (node.#left === 0) return 'expired';
    }
    for (const node of this.path) node.#left--;
    return 1;
  }
}
