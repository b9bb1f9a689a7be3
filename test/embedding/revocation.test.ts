/** Laws of taking powers back in whole spaces: at once, with everything that came of them, and over restarts. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GrantReport, isPowerboxError, type OpenOptions, openSpace, type Space } from '../../src/index.ts';

const WRITER = `new box(\`rho:powerbox\`) in {
  for (d <- box!?("fileSystem"); f <- d!?("resolve", "log"); less <- f!?("restrict", ["append"])) {
    contract @"write"(how, @text) = {
      new ret, err in {
        match *how { "less" => { less!("append", text, *ret, *err) } _ => { f!("append", text, *ret, *err) } } |
        for (_ <- ret) { @"told"!("ok") } | for (@("error", x) <- err) { @"told"!(x.get("code")) }
      }
    } | @"ready"!(1)
  }
}`;

describe('embedding: powers that are taken back', () => {
  let directory: string;
  let root: string;
  const opened: Space[] = [];
  const servers: Server[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-revoked-'));
    root = join(directory, 'files');
    mkdirSync(root);
  });
  afterEach(async () => {
    for (const space of opened.splice(0)) await space.close();
    for (const server of servers.splice(0)) server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const options: () => OpenOptions = () => ({
    data: join(directory, 'space'),
    grants: { files: root, powers: [{ kind: 'timer' }] },
  });

  async function open(more: OpenOptions = {}): Promise<Space> {
    const space = await openSpace({ onFailure: () => {}, ...options(), ...more });
    opened.push(space);
    return space;
  }

  async function write(space: Space, how: 'less' | 'whole'): Promise<unknown> {
    await space.produce('write', [how, 'x']);
    const [[told]] = (await space.consume([{ channel: 'told' }], { limit_ms: 60_000 })) as [[unknown]];
    return told;
  }

  const log = (): string => readFileSync(join(root, 'log'), 'utf8');
  const filesOf = (space: Space): GrantReport => space.grants().find(({ kind }) => kind === 'files') as GrantReport;

  it('every channel that came of it is answered revoked, over restarts and whatever is configured, until it is granted again', async () => {
    const first = await open();
    await first.run(WRITER);
    await first.consume([{ channel: 'ready' }]);
    assert.deepEqual([await write(first, 'whole'), await write(first, 'less')], ['ok', 'ok']);
    assert.equal(await first.revoke('files'), true);
    assert.equal(await first.revoke('files'), false);
    assert.deepEqual([await write(first, 'whole'), await write(first, 'less')], ['revoked', 'revoked']);
    await first.close();
    const second = await open();
    assert.deepEqual([await write(second, 'whole'), await write(second, 'less')], ['revoked', 'revoked']);
    assert.equal(filesOf(second).revoked, true);
    await second.run(
      'new box(`rho:powerbox`) in { for (d <- box!?("fileSystem"); @x <- d!?("resolve", "log")) { @"new"!(x) } }',
    );
    await second.quiescent();
    assert.match(JSON.stringify(await second.take('new')), /revoked/);
    assert.equal(log(), 'xx');
    assert.equal(await second.regrant('files'), true);
    assert.equal(await second.regrant('files'), false);
    assert.deepEqual([await write(second, 'whole'), await write(second, 'less')], ['ok', 'ok']);
    await second.close();
    const third = await open();
    assert.equal(await write(third, 'less'), 'ok');
    assert.equal(log(), 'xxxxx');
  });

  it('a space that is only looked at can be told, and the next opening keeps to it', async () => {
    const first = await open();
    await first.run(WRITER);
    await first.quiescent();
    await first.close();
    const held = await open({ unfinished: 'hold' });
    await held.revoke('files');
    await held.close();
    const second = await open();
    assert.equal(await write(second, 'whole'), 'revoked');
    await second.close();
    const again = await open({ unfinished: 'hold' });
    await again.regrant('files');
    await again.close();
    assert.equal(await write(await open(), 'whole'), 'ok');
  });

  it('what waits for something to happen hears of it: timers end, and do not come back', async () => {
    const space = await open();
    await space.run(`new box(\`rho:powerbox\`) in {
      for (t <- box!?("timer")) {
        for (ticks <- t!?("every", 3600000)) { @"set"!(1) | for (@x <- ticks) { @"ticks"!(x) } } |
        for (@x <- t!?("after", 3600000)) { @"after"!(x) }
      }
    }`);
    await space.consume([{ channel: 'set' }]);
    while (space.deploys()[0]?.pending().sources !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await space.revoke('timer');
    const [ticks, after] = await space.consume([{ channel: 'ticks' }, { channel: 'after' }], { limit_ms: 60_000 });
    assert.match(JSON.stringify([ticks, after]), /revoked.*revoked/);
    assert.equal(space.deploys()[0]?.pending().sources, 0);
    await space.close();
    assert.equal((await open()).deploys()[0]?.pending().sources, 0);
  });

  it('sockets close, and a call that waits on one is answered revoked', async () => {
    const closed: Promise<void>[] = [];
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {});
      socket.write('!');
      closed.push(new Promise((resolve) => socket.on('close', () => resolve())));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const space = await open({ grants: { powers: [{ kind: 'tcp', connect: [`127.0.0.1:${port}`] }] } });
    await space.run(`new box(\`rho:powerbox\`) in {
      for (c <- box!?("tcpClient"); r <- c!?("resolve", 0); s <- r!?("resolve", "127.0.0.1:${port}"); _ <- s!?("receive", 1)) {
        @"connected"!(1) | for (@x <- s!?("receive", 1)) { @"told"!(x) }
      }
    }`);
    await space.consume([{ channel: 'connected' }], { limit_ms: 60_000 });
    await space.revoke('tcp');
    assert.match(JSON.stringify(await space.consume([{ channel: 'told' }], { limit_ms: 60_000 })), /revoked/);
    await Promise.all(closed);
  });

  it('the tree tells what was derived, by whom, and who used it', async () => {
    const space = await open();
    await space.run(`new box(\`rho:powerbox\`) in {
      for (d <- box!?("fileSystem"); few <- d!?("count", 5); less <- few!?("readOnly")) { @"gift"!(*less) }
    }`);
    await space.quiescent();
    // It pays for what its own message sets off, so it is the one who calls.
    await space.run(
      'new go in { go!(1) | for (less <- @"gift" & _ <- go) { for (@x <- less!?("resolve", "a")) { Nil } } }',
    );
    await space.quiescent();
    const [first, second] = space.deploys();
    const { holder, derived } = filesOf(space);
    assert.equal(derived.length, 1);
    const [few] = derived;
    const [less] = few?.derived ?? [];
    assert.deepEqual(
      [few?.rule, few?.calls_left, few?.by, few?.users, few?.ended],
      ['count 4', 4, { deploy: first?.id, holder }, [{ deploy: second?.id, holder }], null],
    );
    assert.deepEqual(
      [less?.rule, less?.users.map(({ deploy }) => deploy), less?.derived],
      ['readOnly', [second?.id], []],
    );
  });

  it('what nobody has, or several have, is refused with what there is', async () => {
    const space = await open({
      config: {
        version: 1,
        powers: { timer: { kind: 'timer' } },
        holders: { a: { grants: ['timer'] }, b: { grants: ['timer'] } },
      },
      grants: {},
    });
    const refused = (promise: Promise<unknown>, pattern: RegExp): Promise<void> =>
      assert.rejects(
        promise,
        (error) =>
          isPowerboxError(error) && error.code === 'config_invalid' && pattern.test(`${error.message} ${error.hint}`),
      );
    await refused(space.revoke('nothing'), /nobody has a power "nothing"/);
    await refused(space.revoke('timer'), /several holders .*a, b/);
    await refused(space.regrant('files', { holder: 'a' }), /"a" has no power "files" .*a\/timer/);
    assert.equal(await space.revoke('timer', { holder: 'a' }), true);
    assert.deepEqual(
      space
        .grants()
        .filter(({ power }) => power === 'timer')
        .map(({ grant, revoked }) => [grant, revoked]),
      [
        ['a/timer', true],
        ['b/timer', false],
      ],
    );
  });
});
