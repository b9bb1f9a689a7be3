/** Sockets in programs, in a real space: both roles, over a kill, and the order of the journal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PowerSource } from '../../src/capability/index.ts';
import { openSpace } from '../../src/index.ts';
import type { Space } from '../../src/index.ts';
import { freePort } from './ports.ts';
import { allOf, dial, openHandles, Peer, until } from './sockets.ts';

const CHILD = fileURLToPath(new URL('./listener-child.ts', import.meta.url));
const TCP: PowerSource = { kind: 'tcp', listen: ['127.0.0.1:0'], connect: ['127.0.0.1:*'] };

/** Sends back what comes, on each connection; the example of the specification. */
const ECHO = readFileSync(fileURLToPath(new URL('../../spec/examples/echo-server.rho', import.meta.url)), 'utf8');

const CLIENT = `new box(\`rho:powerbox\`) in {
  for (tcp <- box!?("tcpClient")) { for (connector <- tcp!?("resolve", "0")) {
    for (@address <- @"dial") { for (socket <- connector!?("resolve", address)) {
      for (_ <- socket!?("sendFrame", "hello")) { for (@answer <- socket!?("receiveFrame")) {
        @"answer"!(answer) | for (_ <- socket!?("end")) { for (@end <- socket!?("receive")) { @"end"!([end]) } }
      } }
    } }
  } }
}`;

async function reading(space: Space, channel: string): Promise<unknown> {
  return (await space.consume([{ channel }], { limit_ms: 60_000 }))[0]?.[0];
}

/** What comes back for a text. */
async function exchange(client: Socket, text: string): Promise<string> {
  const answer = once(client, 'data');
  client.write(text);
  return String((await answer)[0]);
}

describe('sockets in a space', function () {
  this.timeout(300_000);
  let directory: string;
  let handles: number;
  beforeEach(() => {
    handles = openHandles();
    directory = mkdtempSync(join(tmpdir(), 'powerbox-sockets-'));
  });
  afterEach(async () => {
    rmSync(directory, { recursive: true, force: true });
    // A space that is closed leaves no socket open, whatever its programs were waiting for.
    await until(() => openHandles() <= handles);
  });

  it('one program listens, another connects; both end their connection, and the port is closed', async () => {
    const space = await openSpace({ data: directory, grants: { powers: [TCP] } });
    try {
      await space.run(ECHO);
      await space.run(CLIENT);
      const local = String(await reading(space, 'bound'));
      await space.produce('dial', [local]);
      assert.equal(Buffer.from((await reading(space, 'answer')) as Uint8Array).toString(), 'hello');
      assert.deepEqual(await reading(space, 'end'), [null]);
      assert.equal(await reading(space, 'ended'), 'by its peer');
      const clients = await Promise.all(Array.from({ length: 100 }, () => dial(local)));
      const answers = await Promise.all(clients.map((client, index) => exchange(client, `number ${index}`)));
      assert.deepEqual(
        answers,
        clients.map((_, index) => `number ${index}`),
      );
      await space.produce('stop', [null]);
      await reading(space, 'stopped');
      await assert.rejects(async () => {
        // The port is given back once the end of its source is durable.
        for (;;) (await dial(local)).destroy();
      });
      assert.equal(await exchange(clients[0] as Socket, 'still there'), 'still there');
      for (const client of clients) client.destroy();
    } finally {
      await space.close();
    }
  });

  it('sockets that were reached through a channel that was lent close when it is taken back, and no others', async () => {
    const peer = await Peer.open();
    const space = await openSpace({ grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      await space.run(`new box(\`rho:powerbox\`) in {
        for (tcp <- box!?("tcpClient"); listener <- box!?("tcpListener"); @[lent, revoker] <- tcp!?("revocable");
             @[port, closer] <- listener!?("revocable"); @address <- @"dial") {
          for (ours <- tcp!?("resolve", "0"); own <- ours!?("resolve", address); _ <- own!?("send", "own");
               theirs <- @lent!?("resolve", "0"); passed <- theirs!?("resolve", address); _ <- passed!?("send", "lent");
               @bound <- @port!?("bind", "127.0.0.1:0")) {
            @"bound"!(bound.get("local")) |
            for (connection, @_ <- @{bound.get("connections")}) { @"come"!(Nil) } |
            for (_ <- @"take back"; _ <- @revoker!?("revoke"); _ <- @closer!?("revoke"); _ <- own!?("send", "still")) { Nil }
          }
        }
      }`);
      await space.produce('dial', [peer.address]);
      const [own, lent] = [await peer.next(), await peer.next()];
      const local = String(await reading(space, 'bound'));
      const come = await dial(local);
      await reading(space, 'come');
      const ended = Promise.all([lent, come].map(allOf));
      await space.produce('take back', [null]);
      await ended;
      await assert.rejects(dial(local), { code: 'ECONNREFUSED' });
      const heard: string[] = [];
      own.on('data', (chunk) => heard.push(String(chunk)));
      await until(() => heard.join('') === 'ownstill');
      come.destroy();
    } finally {
      await space.close();
      await peer.close();
    }
  });

  it('a program that passes on what comes loses nothing and changes no order, at the pace of the reader', async () => {
    const sent = Buffer.from(
      Array.from({ length: 2 * 1024 * 1024 }, (_, index) => (index * 31 + (index >> 11)) & 0xff),
    );
    const from = await Peer.open((socket) => socket.end(sent));
    const to = await Peer.open();
    const space = await openSpace({ data: directory, grants: { powers: [{ ...TCP, receive_bytes_max: 64 * 1024 }] } });
    try {
      await space.run(`new box(\`rho:powerbox\`), relay in {
        contract relay(from, to) = {
          for (@data <- from!?("receive")) {
            if (data == Nil) { to!("end") }
            else { for (@Nil <- to!?("send", data)) { relay!(*from, *to) } }
          }
        } |
        for (tcp <- box!?("tcpClient")) { for (connector <- tcp!?("resolve", 0)) {
          for (from <- connector!?("resolve", "${from.address}")) {
            for (to <- connector!?("resolve", "${to.address}")) { relay!(*from, *to) }
          }
        } }
      }`);
      const reader = await to.next();
      const chunks: Buffer[] = [];
      reader.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        reader.pause();
        setImmediate(() => reader.resume());
      });
      await once(reader, 'end');
      assert.ok(Buffer.concat(chunks).equals(sent));
    } finally {
      await space.close();
      await from.close();
      await to.close();
    }
  });

  it('after SIGKILL the port is open again, and the sockets of the dead process answer handle_closed', async () => {
    // Nobody else is given it meanwhile.
    const at = `127.0.0.1:${await freePort()}`;
    const power: PowerSource = { ...TCP, listen: [at] };
    const echo = ECHO.replaceAll('127.0.0.1:0', at);
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, directory, JSON.stringify(power), echo], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const [bound] = (await Promise.race([once(child.stdout, 'data'), exit.then(() => ['exited'])])) as [unknown];
    const local = String(bound).trim();
    assert.equal(local, at);
    const client = await dial(local);
    assert.equal(await exchange(client, 'before'), 'before');
    const cut = new Promise((resolve) => client.once('close', resolve));
    client.once('end', () => client.destroy());
    child.kill('SIGKILL');
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    await cut;
    const codes: string[] = [];
    const space = await openSpace({
      data: directory,
      grants: { powers: [power] },
      onFailure: ({ code }) => void codes.push(code),
    });
    try {
      assert.equal(await reading(space, 'ended'), 'handle_closed');
      // The holder hears of it, too.
      await until(() => codes.includes('handle_closed'));
      const again = await dial(local);
      assert.equal(await exchange(again, 'after'), 'after');
      again.destroy();
    } finally {
      await space.close();
    }
  });

  it('a datagram is a message, and its answer leaves once it is durable', async () => {
    const udp: PowerSource = { kind: 'udp', bind: ['127.0.0.1:0'], send: ['127.0.0.1:*'] };
    const space = await openSpace({ data: directory, grants: { powers: [udp] } });
    try {
      await space.run(`new box(\`rho:powerbox\`) in { for (udp <- box!?("udp")) {
        for (server <- udp!?("bind", "0")) { for (@{"local": local ..._} <- server!?("info")) {
          for (messages <- server!?("messages")) {
            for (@data, @sender <= messages) { server!("send", sender, data) } |
            for (client <- udp!?("bind", 0)) {
              for (_ <- client!?("send", local, "hello")) { for (@[data, sender] <- client!?("receive")) {
                @"answer"!([data, sender == local])
              } }
            }
          }
        } }
      } }`);
      const [data, same] = (await reading(space, 'answer')) as [Uint8Array, boolean];
      assert.equal(Buffer.from(data).toString(), 'hello');
      assert.equal(same, true);
    } finally {
      await space.close();
    }
  });
});
