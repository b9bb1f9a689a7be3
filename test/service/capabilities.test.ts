/** Tokens in the place of names: held by one holder of one space, for what they were given for, as long as they are. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { internalsOf, type Space } from '../../src/embedding/index.ts';
import { bundle, type List, list, type Name, tuple, type Value } from '../../src/values/index.ts';
import { Capability, type WireError } from '../../src/wire/index.ts';
import { messageIn, type RawClient } from './raw-client.ts';
import { Bench } from './support.ts';

const slot = (channel: Value) => [{ channel, pattern: null, peek: false }];
const none = { persist: false, lease_ms: null } as const;

async function takenFrom(client: RawClient, channel: Value): Promise<Value> {
  const message = messageIn(await client.ask({ kind: 'take', slots: slot(channel), limit_ms: 60_000 }));
  return (message as readonly Value[])[0] as Value;
}

/** What a request with this in the place of a channel is refused with. */
async function refusal(client: RawClient, channel: Value, kind: 'produce' | 'take'): Promise<WireError | null> {
  const id = client.id();
  if (kind === 'take') client.say({ kind, id, slots: slot(channel), limit_ms: 0 });
  else client.say({ kind, id, channel, message: ['x'], ...none });
  const answer = await client.answer(id, kind);
  return 'error' in answer ? answer.error : null;
}

function changed(token: Uint8Array, at: number, by: number): Capability {
  const bytes = new Uint8Array(token);
  bytes[at] = (bytes[at] as number) ^ by;
  return new Capability(bytes);
}

describe('a capability on the wire', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  async function two(): Promise<{ space: Space; alice: RawClient; bob: RawClient }> {
    const { space, service, client } = await bench.start();
    return { space, alice: client, bob: await bench.connect(service, { token: 'bob' }) };
  }

  it('is the same token for the same name, and another for every holder', async () => {
    const { alice, bob } = await two();
    const [name] = (await alice.names(1)) as [Capability];
    await alice.ask({ kind: 'produce', channel: 'to bob', message: [name], ...none });
    const his = (await takenFrom(bob, 'to bob')) as Capability;
    await bob.ask({ kind: 'produce', channel: 'to alice', message: [his], ...none });
    const again = (await takenFrom(alice, 'to alice')) as Capability;
    assert.deepEqual(again.token, name.token);
    assert.notDeepEqual(his.token, name.token);
    await bob.ask({ kind: 'produce', channel: his, message: ['from bob'], ...none });
    assert.equal(await takenFrom(alice, name), 'from bob');
  });

  it('copied to another holder is refused, in every place', async () => {
    const { alice, bob } = await two();
    const [name] = (await alice.names(1)) as [Capability];
    assert.equal((await refusal(bob, name, 'take'))?.code, 'capability_refused');
    assert.equal((await refusal(bob, name, 'produce'))?.code, 'capability_refused');
    const id = bob.id();
    bob.say({ kind: 'produce', id, channel: 'public', message: [list([tuple([name])])], ...none });
    const answer = await bob.answer(id);
    assert.ok('error' in answer && answer.error.code === 'capability_refused');
    assert.equal(await bob.ask({ kind: 'take', slots: slot('public'), limit_ms: 0 }), null);
  });

  it('with any bit changed is refused', async () => {
    const { alice } = await two();
    const [name] = (await alice.names(1)) as [Capability];
    for (let at = 0; at < name.token.length; at++)
      for (const by of [1, 0x80]) {
        const error = await refusal(alice, changed(name.token, at, by), 'take');
        assert.equal(error?.code, 'capability_refused', `byte ${at}`);
      }
    for (const length of [0, 1, 32, 48, 50]) {
      const error = await refusal(alice, new Capability(new Uint8Array(length)), 'take');
      assert.equal(error?.code, 'capability_refused', `${length} bytes`);
    }
    assert.equal(await refusal(alice, name, 'take'), null);
  });

  it('cannot be guessed from what is known of names', async () => {
    const { space, alice } = await two();
    const name = (await space.newName()) as Name;
    const raw = new Uint8Array(49);
    raw[0] = 3;
    raw.set(name.bytes, 17);
    assert.equal((await refusal(alice, new Capability(raw), 'produce'))?.code, 'capability_refused');
    const hashed = new Uint8Array(49);
    hashed[0] = 3;
    hashed.set(createHash('sha256').update(name.bytes).digest(), 1);
    assert.equal((await refusal(alice, new Capability(hashed), 'produce'))?.code, 'capability_refused');
  });

  it('of less can not be made into one of more, neither by bits nor by bundles', async () => {
    const { space, alice } = await two();
    const name = await space.newName();
    for (const [read, write] of [
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      await space.produce('given', [bundle(name, read, write)]);
      const given = (await takenFrom(alice, 'given')) as Capability;
      assert.deepEqual([given.readable, given.writable], [read, write]);
      assert.equal((await refusal(alice, given, 'take')) === null, read);
      assert.equal((await refusal(alice, given, 'produce')) === null, write);
      for (let rights = 0; rights < 256; rights++) {
        const forged = new Uint8Array(given.token);
        if (forged[0] === rights) continue;
        forged[0] = rights;
        assert.ok((await refusal(alice, new Capability(forged), 'produce')) !== null, `${rights}`);
      }
      assert.equal((await refusal(alice, bundle(given, true, true), 'take')) === null, read);
      assert.equal((await refusal(alice, bundle(given, true, true), 'produce')) === null, write);
      const wider = await alice.ask({ kind: 'attenuate', capability: given, read: true, write: true });
      assert.deepEqual((wider as Capability).token, given.token);
    }
  });

  it('that may only be written to stays so for whoever gets it from its holder', async () => {
    const { space, alice, bob } = await two();
    const name = await space.newName();
    await space.produce('given', [bundle(name, false, true)]);
    const given = await takenFrom(alice, 'given');
    await alice.ask({ kind: 'produce', channel: 'to bob', message: [list([given])], ...none });
    const his = ((await takenFrom(bob, 'to bob')) as List).items[0] as Capability;
    assert.equal(his.readable, false);
    assert.equal((await refusal(bob, his, 'take'))?.code, 'capability_refused');
    assert.equal(await refusal(bob, his, 'produce'), null);
    assert.deepEqual(await space.take(name), ['x']);
  });

  it('may be made less by its holder, and then goes on as that', async () => {
    const { alice, bob } = await two();
    const [name] = (await alice.names(1)) as [Capability];
    const less = await alice.ask({ kind: 'attenuate', capability: name, read: false, write: true });
    await alice.ask({ kind: 'produce', channel: 'to bob', message: [less], ...none });
    const his = await takenFrom(bob, 'to bob');
    assert.equal((await refusal(bob, his, 'take'))?.code, 'capability_refused');
    assert.equal(await refusal(bob, his, 'produce'), null);
    assert.equal(await takenFrom(alice, name), 'x');
  });

  it('hides what a bundle hides, also around what is no name', async () => {
    const { space, alice } = await two();
    const name = await space.newName();
    await space.produce('given', [bundle(tuple(['secret', name]), false, true)]);
    const given = await takenFrom(alice, 'given');
    assert.ok(given instanceof Capability && given.writable && !given.readable);
    assert.equal(await refusal(alice, given, 'produce'), null);
    assert.deepEqual(await space.take(tuple(['secret', name])), ['x']);
  });

  it('is refused after it was released; what comes anew is a token that holds', async () => {
    const { space, alice } = await two();
    const name = await space.newName();
    await space.produce('given', [name]);
    const given = (await takenFrom(alice, 'given')) as Capability;
    await alice.ask({ kind: 'release', capabilities: [given], handled: alice.newest });
    assert.equal((await refusal(alice, given, 'produce'))?.code, 'capability_refused');
    await space.produce('given', [name]);
    const again = (await takenFrom(alice, 'given')) as Capability;
    assert.equal(await refusal(alice, again, 'produce'), null);
  });

  it('that came again meanwhile is not released by who did not know', async () => {
    const { space, alice } = await two();
    const name = await space.newName();
    await space.produce('given', [name]);
    const given = (await takenFrom(alice, 'given')) as Capability;
    const handled = alice.newest;
    await space.produce('given', [name]);
    await takenFrom(alice, 'given');
    await alice.ask({ kind: 'release', capabilities: [given], handled });
    assert.equal(await refusal(alice, given, 'produce'), null);
  });

  it('does not count in the frame after its release', async () => {
    const { alice } = await two();
    const [name] = (await alice.names(1)) as [Capability];
    const released = alice.id();
    const sent = alice.id();
    alice.say(
      { kind: 'release', id: released, capabilities: [name], handled: alice.newest },
      { kind: 'produce', id: sent, channel: name, message: ['late'], ...none },
    );
    const answer = await alice.answer(sent);
    assert.ok('error' in answer && answer.error.code === 'capability_refused');
  });

  it('of one space is refused by another', async () => {
    const spaces = { one: await bench.space(), two: await bench.space() } as const;
    const service = await bench.serve(spaces.one, {
      spaces: { get: (name) => (name === 'one' || name === 'two' ? spaces[name] : undefined) },
    });
    const first = await bench.connect(service, { space: 'one' });
    const second = await bench.connect(service, { space: 'two' });
    const [name] = (await first.names(1)) as [Capability];
    assert.equal((await refusal(second, name, 'produce'))?.code, 'capability_refused');
    assert.equal((await refusal(second, first.powerbox, 'produce'))?.code, 'capability_refused');
  });

  it('is nothing after a new epoch of its holder, and the sessions have ended', async () => {
    const { space, service, client } = await bench.start();
    const other = await bench.connect(service, { token: 'bob' });
    const [name] = (await client.names(1)) as [Capability];
    await internalsOf(space).sessions.renew('alice');
    await client.closed;
    const again = await bench.connect(service);
    assert.equal((await refusal(again, name, 'produce'))?.code, 'capability_refused');
    assert.equal((await refusal(again, client.powerbox, 'produce'))?.code, 'capability_refused');
    assert.notDeepEqual(again.powerbox.token, client.powerbox.token);
    await other.ask({ kind: 'names', count: 1 });
  });

  it('to a power that was taken back answers so from then on', async () => {
    const { space, alice } = await two();
    const timer = (await alice.ask({
      kind: 'call',
      target: alice.powerbox,
      method: 'timer',
      args: [],
      limit_ms: 60_000,
    })) as Capability;
    const now = () => alice.ask({ kind: 'call', target: timer, method: 'now', args: [], limit_ms: 60_000 });
    assert.equal(typeof (await now()), 'number');
    await space.revoke('clock', { holder: 'alice' });
    await assert.rejects(now(), { code: 'revoked' });
  });

  it('is the only authority: raw names and open terms are not taken', async () => {
    const { space, alice } = await two();
    const name = (await space.newName()) as Name;
    const frame = Buffer.concat([
      Buffer.from([0x91, 0x95]),
      Buffer.from([0xa7]),
      Buffer.from('produce'),
      Buffer.from([1]),
      Buffer.from([0xc7, 32, 3]),
      name.bytes,
      Buffer.from([0x90, 0x80]),
    ]);
    alice.socket.send(frame);
    await alice.closed;
    const bye = alice.came.at(-1);
    assert.ok(bye?.kind === 'bye' && bye.error.code === 'wire_invalid');
    assert.ok(!JSON.stringify(bye).includes(Buffer.from(name.bytes).toString('hex')));
  });

  it('is needed where clients may not use public names', async () => {
    const { client } = await bench.start({ publicNames: false });
    assert.equal((await refusal(client, 'orders', 'produce'))?.code, 'not_permitted');
    assert.equal((await refusal(client, 'orders', 'take'))?.code, 'not_permitted');
    assert.equal((await refusal(client, bundle('orders', true, true), 'produce'))?.code, 'not_permitted');
    const [name] = (await client.names(1)) as [Capability];
    assert.equal(await refusal(client, name, 'produce'), null);
  });
});
