/** The thread that sockets are read and written in, against real peers on loopback. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { NetworkThread } from '../../resolvers/net/network-thread.ts';
import { type Batch, BatchWriter, Op, readBatch } from '../../resolvers/net/thread/batch.ts';
import type { FarServer } from '../../resolvers/net/thread/far-server.ts';
import type { FarSocket } from '../../resolvers/net/thread/far-socket.ts';
import { Peer, until } from './sockets.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

type Message =
  | readonly ['bytes', number, Uint8Array]
  | readonly ['taken', number]
  | readonly ['credit' | 'word', number, number];

const number = fc.nat(0xffffffff);
const message = fc.oneof(
  fc.tuple(fc.constant('bytes' as const), number, fc.uint8Array({ maxLength: 20_000, size: 'max' })),
  fc.tuple(fc.constant('taken' as const), number),
  fc.tuple(fc.constantFrom('credit' as const, 'word' as const), number, number),
);

/** What has come from a socket, and what became of it. */
class Heard {
  readonly chunks: Buffer[] = [];
  readonly events: string[] = [];
  bytes = 0;

  constructor(socket: FarSocket) {
    socket.attach({
      come: (bytes) => {
        this.chunks.push(Buffer.from(bytes));
        this.bytes += bytes.length;
      },
      ended: () => this.events.push('ended'),
      failed: ({ message: code }) => this.events.push(`failed ${code}`),
      closed: () => this.events.push('closed'),
    });
  }
}

describe('batches of messages', () => {
  it('are read as they were written, in one piece of memory or in several', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages: readonly Message[]) => {
        const posted: Batch<number>[] = [];
        const flushes: (() => void)[] = [];
        const writer = new BatchWriter<number>(
          (batch) => posted.push(structuredClone(batch)),
          (flush) => flushes.push(flush),
        );
        for (const [kind, subject, last] of messages) {
          if (kind === 'bytes') writer.bytes(subject, last);
          else if (kind === 'taken') writer.put(Op.Taken, subject, 0);
          else if (kind === 'credit') writer.put(Op.Credit, subject, last);
          else writer.word(subject, last);
        }
        for (const flush of flushes) flush();
        const read: Message[] = [];
        for (const batch of posted)
          readBatch(batch, {
            bytes: (subject, bytes) => read.push(['bytes', subject, new Uint8Array(bytes)]),
            taken: (subject) => read.push(['taken', subject]),
            credit: (subject, count) => read.push(['credit', subject, count]),
            word: (subject, word) => read.push(['word', subject, word]),
          });
        assert.deepEqual(read, messages);
        assert.equal(flushes.length, messages.length === 0 ? 0 : 1);
      }),
    );
  });
});

describe('the thread of the network', () => {
  let peer: Peer;
  let thread: NetworkThread;
  beforeEach(async () => {
    peer = await Peer.open();
    thread = new NetworkThread();
  });
  afterEach(async () => {
    await thread.close();
    await peer.close();
  });

  const where = {
    host: '127.0.0.1',
    family: 4,
    localPort: 0,
    keepAlive_ms: 0,
    window_bytes: 64 * 1024,
    tls: null,
  } as const;

  const dial = (port = peer.port): Promise<{ readonly socket: FarSocket; readonly heard: Heard }> =>
    new Promise((resolve, reject) => {
      const opened = (): void => resolve({ socket, heard: new Heard(socket) });
      const socket = thread.dial({ ...where, port }, { opened, failed: reject });
    });

  const listen = (come: (socket: FarSocket) => void): Promise<{ readonly server: FarServer; readonly port: number }> =>
    new Promise((resolve, reject) => {
      const events = { listening: (port: number) => resolve({ server, port }), failed: reject, come };
      const { host, keepAlive_ms, window_bytes } = where;
      const order = { host, port: 0, ipv6Only: false, keepAlive_ms, window_bytes, connections_max: 10, tls: null };
      const server = thread.listen(order, events);
    });

  it('carries megabytes both ways, byte for byte, to one who takes them slowly too', async () => {
    const { socket, heard } = await dial();
    const other = await peer.next();
    const sent = Buffer.from(Uint32Array.from({ length: 1_000_000 }, (_, index) => index * 2654435761).buffer);
    const got: Buffer[] = [];
    other.on('data', (chunk: Buffer) => got.push(chunk));
    for (let at = 0; at < sent.length; at += 300_000)
      await new Promise<void>((resolve, reject) =>
        socket.write(sent.subarray(at, at + 300_000), (error) => (error === null ? resolve() : reject(error))),
      );
    await until(() => got.reduce((sum, { length }) => sum + length, 0) === sent.length);
    assert.ok(Buffer.concat(got).equals(sent));
    other.write(sent);
    for (let rested = 0; heard.bytes < sent.length; rested++) {
      if (rested % 2 === 0) socket.rest();
      else socket.resume();
      const { bytes } = heard;
      // While it rests, no more comes than was on its way.
      await until(() => heard.bytes > bytes || rested % 2 === 0);
    }
    assert.ok(Buffer.concat(heard.chunks).equals(sent));
    socket.destroy();
  });

  it('holds no more of what nobody takes than its window and one look at the socket', async () => {
    const { socket, heard } = await dial();
    const other = await peer.next();
    socket.rest();
    other.write(Buffer.alloc(16_000_000));
    await until(() => heard.bytes > 0);
    // Nothing is said while it stands still; whoever wrote has the most of it still.
    for (let looks = 0, before = -1; looks < 50; before = heard.bytes) {
      looks = heard.bytes === before ? looks + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.ok(heard.bytes <= 2 * 64 * 1024, `${heard.bytes} bytes came`);
    socket.resume();
    await until(() => heard.bytes === 16_000_000);
    socket.destroy();
  });

  it('ends with everything that is open in it: each hears it once, and the next dial starts another', async () => {
    const first = await dial();
    const came: Heard[] = [];
    const { port } = await listen((socket) => came.push(new Heard(socket)));
    const client: Socket = connect(port, '127.0.0.1');
    client.on('error', () => {});
    await until(() => came.length === 1);
    let written = 0;
    first.socket.write(Buffer.alloc(50_000_000), () => written++);
    const dialling = dial(port);
    const refused = dialling.then(
      () => 'opened',
      () => 'failed',
    );
    await thread.close();
    await refused;
    assert.deepEqual([first.heard.events, came[0]?.events, written], [['closed'], ['closed'], 1]);
    first.socket.write(Buffer.alloc(1), (error) => assert.notEqual(error, null));
    first.socket.destroy();
    const again = await dial();
    await until(() => peer.sockets.length === 2);
    peer.sockets[1]?.write('hello');
    await until(() => again.heard.bytes === 5);
    again.socket.destroy();
    client.destroy();
  });

  it('keeps no process that has nothing open, and one that has', async () => {
    const script = (then: string): string => `
      import { NetworkThread } from './resolvers/net/network-thread.ts';
      const thread = new NetworkThread();
      const where = { host: '127.0.0.1', port: ${peer.port}, family: 4, localPort: 0, keepAlive_ms: 0, window_bytes: 1, tls: null };
      const socket = thread.dial(where, { opened() { ${then} }, failed(error) { throw error; } });`;
    const run = (text: string) =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', text], { cwd: root });
    await run(script('socket.destroy();'));
    const said = run(
      script(
        `socket.attach({ come() { console.log('came'); socket.destroy(); }, ended() {}, failed() {}, closed() {} });`,
      ),
    );
    await until(() => peer.sockets.length === 2);
    peer.sockets[1]?.write('now');
    assert.equal((await said).stdout, 'came\n');
  });
});
