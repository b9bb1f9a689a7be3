/** The remote of a node may be another powerbox: what a contract answers there is a native here. */
import assert from 'node:assert/strict';
import { declareChannel, listenHost, method, t } from '../../src/embedding/host.ts';
import { hostOfChannel, openSpace } from '../../src/index.ts';
import { ask, codeOf, KEY, openWith } from './support/hosts.ts';

const CONTRACT = `
  contract @"orders"(@"add", @what, ret) = { for (@count <- @"count") { @"count"!(count + 1) | ret!((what, count + 1).nth(1)) } } |
  contract @"orders"(@"pair", ret) = { ret!([("a", 1), {"b": (2, 3)}]) } |
  contract @"orders"(@"back", @value, ret) = { ret!([value]) } |
  contract @"orders"(@"refuse", ret) = { ret!(("error", {"code": "not_permitted", "message": "not today"})) } |
  contract @"orders"(@"leak", ret) = { new mine in { ret!(*mine) } } |
  contract @"orders"(@"wait", ret) = { Nil } |
  @"count"!(0)`;

const observe = (name: string, ...args: readonly string[]) =>
  method({
    doc: name,
    effect: 'observe',
    lane: null,
    forms: [{ args: args.map((arg) => ({ name: arg, type: t.any })), result: t.either(t.int(), t.list(), t.name) }],
  });

const declaration = declareChannel({
  name: 'example',
  doc: 'Orders, kept by a contract.',
  methods: {
    add: method({
      doc: 'Adds one.',
      effect: 'change',
      recovery: 'none',
      forms: [{ args: [{ name: 'what', type: t.string() }], result: t.int() }],
    }),
    pair: observe('pair'),
    back: observe('back', 'value'),
    refuse: observe('refuse'),
    leak: observe('leak'),
    wait: observe('wait'),
  },
});

describe('a native that is a contract of another powerbox', () => {
  let remote: Awaited<ReturnType<typeof openSpace>>;
  let space: Awaited<ReturnType<typeof openWith>>;
  let listening: Awaited<ReturnType<typeof listenHost>>;

  before(async () => {
    remote = await openSpace({ onFailure: () => {} });
    await remote.run(CONTRACT);
    listening = await listenHost(hostOfChannel(remote, { declaration, channel: 'orders' }), { key: KEY });
    space = await openWith({ url: listening.url, key: KEY, required: true });
  });

  after(async () => {
    await space.close();
    await listening.close();
    await remote.close();
  });

  it('answers values as they are, and errors with their codes', async () => {
    assert.equal(await ask(space, 'ex!?("add", "tea")'), 1);
    assert.equal(await ask(space, 'ex!?("add", "coffee")'), 2);
    assert.deepEqual(await ask(space, 'ex!?("pair")'), [['a', 1], { b: [2, 3] }]);
    assert.equal(await codeOf(space, 'ex!?("refuse")'), 'not_permitted');
    assert.equal(await codeOf(space, 'brief!?("wait")', 'brief <- ex!?("within", 500)'), 'timed_out');
  });

  it('gives a channel of here back through there, and hands out none of there', async () => {
    await space.run(
      `new ex(\`native:example\`), fresh in { for (@back <- ex!?("back", bundle+{*fresh})) { @"same"!(back == [bundle+{*fresh}]) } }`,
      { holder: 'alice' },
    );
    const [same] = await space.consume([{ channel: 'same' }]);
    assert.deepEqual(same, [true]);
    assert.equal(await codeOf(space, 'ex!?("leak")'), 'value_unsupported');
  });

  it('promises nothing that a message cannot keep', () => {
    const repeated = declareChannel({
      name: 'example',
      doc: 'Orders.',
      methods: {
        add: method({ doc: 'Adds.', effect: 'change', recovery: 'repeat', forms: [{ args: [], result: t.nil }] }),
      },
    });
    assert.throws(() => hostOfChannel(remote, { declaration: repeated, channel: 'orders' }), {
      code: 'declaration_invalid',
    });
  });
});
