/** Programs of several spaces that send each other messages, as they are written and configured. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, promises, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { any, type FailureReport, openSpace, restoreService, type Space } from '../../../src/index.ts';
import type { PeersConfigSource } from '../../../src/capability/index.ts';
import { configurations, type Sources, until } from './support/nodes.ts';

/** Lets the next sync of a file of this process fail once, as a disk does; what is answered takes that back. */
async function failingSync(): Promise<() => void> {
  const probe = await promises.open('/');
  const prototype = Object.getPrototypeOf(probe) as { sync: () => Promise<void> };
  await probe.close();
  const { sync } = prototype;
  let left = 1;
  prototype.sync = async function patched(this: unknown) {
    if (left-- > 0) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
    return sync.call(this);
  };
  return () => {
    prototype.sync = sync;
  };
}

describe('peers: programs', () => {
  let sources: Sources;
  let directory: string;
  let open: Space[];
  let failures: FailureReport[];
  beforeEach(async () => {
    sources = await configurations('a', 'b');
    directory = mkdtempSync(join(tmpdir(), 'powerbox-peers-'));
    open = [];
    failures = [];
  });
  afterEach(async () => {
    for (const space of open) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(node: string, config = sources[node] as PeersConfigSource): Promise<Space> {
    const space = await openSpace({
      data: join(directory, node),
      durability: 'os',
      config: { version: 1, peers: config },
      grants: { stdio: false, powers: [{ kind: 'peers' }] },
      onFailure: (failure) => failures.push(failure),
    });
    open.push(space);
    return space;
  }

  async function stop(space: Space): Promise<void> {
    await space.close();
    open.splice(open.indexOf(space), 1);
  }

  /** A program that has `peers`. */
  const having = (body: string): string => `new box(\`rho:powerbox\`) in { for (peers <- box!?("peers")) { ${body} } }`;
  const LISTEN = having(
    'for (inbox <- peers!?("messages")) { for (@from, @message <= inbox) { @"heard"!(from, message) } }',
  );

  it('a program sends, another one hears, and a process that is closed gently loses nothing', async () => {
    let [a, b] = [await start('a'), await start('b')];
    await b.run(LISTEN);
    await a.run(having('for (@answer <- peers!?("send", "b", {"text": "first"})) { @"answered"!(answer) }'));
    await a.consume([{ channel: 'answered', match: [null] }]);
    assert.deepEqual(await b.take('heard'), ['a', { text: 'first' }]);
    await stop(b);
    await a.run(having('for (@answer <- peers!?("send", "b", "second")) { @"answered"!(answer) }'));
    await until(() => a.deploys()[1]?.pending().sources === 1);
    await stop(a);
    b = await start('b');
    a = await start('a');
    await a.consume([{ channel: 'answered', match: [null] }]);
    assert.deepEqual(await b.take('heard'), ['a', 'second']);
    assert.deepEqual(failures, []);
  });

  it('what a program may not say comes back as an error, and goes to its STDERR', async () => {
    const a = await start('a');
    await a.run(
      having(`
        new name in {
          for (@("error", details) <- peers!?("send", "b", *name)) { @"errors"!(details.get("code")) } |
          for (@("error", details) <- peers!?("send", "nobody", 1)) { @"errors"!(details.get("code")) } |
          for (@("error", details) <- peers!?("send", "b", 1, 20)) { @"errors"!(details.get("code")) } |
          peers!("send", "b", "nobody wants to know")
        }`),
    );
    const codes: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const [message] = await a.consume([{ channel: 'errors', match: [any] }]);
      codes.push(message?.[0]);
    }
    assert.deepEqual(codes.sort(), ['peer_unknown', 'timed_out', 'value_unsupported']);
    await until(() => failures.length >= 4);
    assert.deepEqual(failures.map(({ code, source }) => `${source} ${code}`).sort(), [
      'peers timed_out',
      'peers.send arguments_invalid',
      'peers.send peer_unknown',
      'peers.send value_unsupported',
    ]);
  });

  it('programs see who is a member', async () => {
    const [a] = [await start('a'), await start('b')];
    await a.run(
      having(`
        for (@self <- peers!?("self")) { @"self"!(self) } |
        contract @"ask"(_) = {
          for (@members <- peers!?("members")) { @"member"!(members.get("b").get("member")) }
        }`),
    );
    assert.deepEqual(await a.consume([{ channel: 'self' }]), [['a']]);
    await until(async () => {
      await a.produce('ask', [null]);
      const [message] = await a.consume([{ channel: 'member' }]);
      return message?.[0] === true;
    });
  });

  it('a node that a failing disk took out of service is no member to others; back in service it hears what was kept for it', async () => {
    const files = join(directory, 'files');
    mkdirSync(files);
    const data = join(directory, 'b');
    const startB = async (): Promise<Space> => {
      const space = await openSpace({
        data,
        config: { version: 1, peers: sources['b'] as PeersConfigSource },
        grants: { stdio: false, files, powers: [{ kind: 'peers' }] },
        onFailure: () => {},
      });
      open.push(space);
      return space;
    };
    // In memory, so that the failure below is that of one node only.
    const a = await openSpace({
      config: { version: 1, peers: sources['a'] as PeersConfigSource },
      grants: { stdio: false, powers: [{ kind: 'peers' }] },
    });
    open.push(a);
    let b = await startB();
    await b.run(LISTEN);
    await b.run(
      'new box(`rho:powerbox`) in { for (d <- box!?("fileSystem"); f <- d!?("resolve", "x"); @_ <- @"go") { f!("write", "y") } }',
    );
    await a.run(
      having(`contract @"ask"(_) = {
        for (@members <- peers!?("members")) {
          @"member"!(members.get("b").get("member"), members.get("b").get("in_service"))
        }
      }`),
    );
    const sees = async (isMember: boolean): Promise<void> =>
      until(async () => {
        await a.produce('ask', [null]);
        const [message] = await a.consume([{ channel: 'member' }]);
        return message?.[0] === isMember && message[1] === isMember;
      });
    await sees(true);
    const restore = await failingSync();
    try {
      await b.produce('go', [null]);
      await until(() => b.health().service === 'out');
    } finally {
      restore();
    }
    await sees(false);
    await a.run(having('for (@answer <- peers!?("send", "b", "kept")) { @"answered"!(answer) }'));
    await stop(b);
    // Out of service it is there, and says so.
    b = await startB();
    await until(async () => {
      await a.produce('ask', [null]);
      const [message] = await a.consume([{ channel: 'member' }]);
      return message?.[0] === false;
    });
    assert.equal(a.count('answered').data, 0);
    await stop(b);
    await restoreService({ data });
    b = await startB();
    assert.deepEqual(await a.consume([{ channel: 'answered' }]), [[null]]);
    assert.deepEqual(await b.take('heard'), ['a', 'kept']);
    await sees(true);
  }).timeout(300_000);

  it('a node with another secret is told to the operator of both', async () => {
    await start('b');
    const other = sources['a'] as PeersConfigSource;
    await start('a', {
      ...other,
      nodes: other.nodes.map((node) => ({ ...node, secret: 'another secret of 32 bytes or more' })),
    });
    const told = (form: RegExp): boolean =>
      failures.some(({ code, source, message }) => code === 'peer_refused' && source === 'peers' && form.test(message));
    await until(
      () =>
        told(/the node a was refused: the secrets of the two nodes differ/) &&
        told(/the node b: it does not let this node in: the secrets/),
    );
    assert(!JSON.stringify(failures).includes('another secret'));
  });

  it('a power over peers without peers, or over another node, is refused before anything runs', async () => {
    await assert.rejects(
      openSpace({ grants: { powers: [{ kind: 'peers' }] } }),
      /the power peers needs the other nodes, and none are configured/,
    );
    await assert.rejects(
      openSpace({
        config: { version: 1, peers: sources['a'] as PeersConfigSource },
        grants: { powers: [{ kind: 'peers', nodes: ['c'] }] },
      }),
      /the power peers names the node c, which peers does not/,
    );
  });
});
