/**
 * What a server that was granted may try at the node that asks it: to fill its memory, hold it for ever, or lead it in
 * circles. Each row is an attempt, the code that the program hears, and the proof that the node has let go: the
 * connection is closed by it, no more was taken in than the bound lets, and no timer is left.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { powerHandle } from '../../src/capability/index.ts';
import { httpPower } from '../../src/capability/powers/http.ts';
import { map } from '../../src/values/index.ts';
import { HttpResolver } from '../../resolvers/http/resolver.ts';
import { Lookup } from '../../resolvers/net/lookup.ts';
import { Host } from '../resolvers/host.ts';
import { GRANT, listen, onLoopback } from '../resolvers/http-support.ts';
import type { Listening, OriginSource } from '../resolvers/http-support.ts';
import { countedPlatform, until } from '../resolvers/sockets.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
/** What a body may be here, decompressed. */
const BODY_BYTES_MAX = 256 * 1024;
/** Beyond the bound lie the buffers of two sockets and of the system between them. */
const TAKEN_BYTES_MAX = 32 * 1024 * 1024;
/** A stall is found within it; slow enough for a busy machine. */
const STALL_MS = 300;
const DRIP_MS = 10;

/** What the server says to whoever has sent a head. Returns when it has said all, or the connection has ended. */
type Say = (out: Out) => Promise<void>;

/** The server's end of one connection: counts what was taken from it. */
class Out {
  readonly #socket: Socket;
  taken_bytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isOpen(): boolean {
    return this.#socket.writable;
  }

  async write(text: string | Uint8Array): Promise<void> {
    if (!this.isOpen) return;
    if (!this.#socket.write(text)) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#socket.off('drain', done).off('close', done);
          resolve();
        };
        this.#socket.on('drain', done).on('close', done);
      });
    }
    if (this.isOpen) this.taken_bytes += text.length;
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, DRIP_MS));
  }
}

/** Says `text` again and again, as fast as it is taken. */
function endless(head: string, text: string | Uint8Array): Say {
  return async (out) => {
    await out.write(head);
    while (out.isOpen) await out.write(text);
  };
}

/** Says `text` again and again, a little at a time. */
function drip(head: string, text: string): Say {
  return async (out) => {
    await out.write(head);
    while (out.isOpen) {
      await out.write(text);
      await out.pause();
    }
  };
}

function once(...parts: readonly (string | Uint8Array)[]): Say {
  return async (out) => {
    for (const part of parts) await out.write(part);
  };
}

/** Answers that are whole, whatever is in them: their connections may be used again. */
const WHOLE = new Set<Say>();

function whole(say: Say): Say {
  WHOLE.add(say);
  return say;
}

function coded(coding: string, body: Uint8Array): Say {
  return whole(once(`${OK}content-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n`, body));
}

const ZEROS = Buffer.alloc(8 * 1024 * 1024);
const LONG = 'x'.repeat(64 * 1024);
const STALLS: OriginSource = { headers_ms_max: STALL_MS, idle_ms_max: STALL_MS };
/** Something always comes, so only the time of the whole ends it. */
const SLOW: OriginSource = { idle_ms_max: 20_000, whole_ms_max: 2 * STALL_MS };

const ATTEMPTS: readonly (readonly [attempt: string, code: string, say: Say, rest?: OriginSource])[] = [
  // Heads.
  ['a header without end', 'value_too_large', endless(`${OK}a: `, LONG)],
  ['a name of a header without end', 'value_too_large', endless(OK, LONG)],
  ['headers without end', 'value_too_large', endless(OK, 'a: b\r\n'.repeat(1_000))],
  ['more headers than are read', 'value_too_large', once(`${OK}${'a: b\r\n'.repeat(300)}\r\n`)],
  ['a reason without end', 'value_too_large', endless('HTTP/1.1 200 ', LONG)],
  ['interim answers without end', 'value_too_large', endless('', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000))],
  ['interim answers that drip', 'timed_out', drip('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), STALLS],
  ['a head that drips (slow loris)', 'timed_out', drip(OK, 'a: b\r\n'), STALLS],
  ['a head of which nothing comes', 'timed_out', once(), STALLS],
  // Bodies.
  ['a body without end and without a length', 'value_too_large', endless(`${OK}\r\n`, LONG)],
  [
    'a body in chunks without end',
    'value_too_large',
    endless(`${OK}transfer-encoding: chunked\r\n\r\n`, `${LONG.length.toString(16)}\r\n${LONG}\r\n`),
  ],
  ['a length beyond all measure', 'value_too_large', endless(`${OK}content-length: 1000000000000\r\n\r\n`, LONG)],
  ['a length that no number holds', 'net_failed', once(`${OK}content-length: ${'9'.repeat(40)}\r\n\r\n`)],
  [
    'a chunk beyond all measure',
    'value_too_large',
    endless(`${OK}transfer-encoding: chunked\r\n\r\nffffffffff\r\n`, LONG),
  ],
  [
    'a chunk whose size no number holds',
    'net_failed',
    once(`${OK}transfer-encoding: chunked\r\n\r\n${'f'.repeat(40)}\r\n`),
  ],
  ['a body that stalls', 'timed_out', once(`${OK}content-length: 10\r\n\r\nabc`), STALLS],
  ['a body that drips (slow loris)', 'timed_out', drip(`${OK}content-length: 100000\r\n\r\n`, 'x'), SLOW],
  ['chunks that drip (slow loris)', 'timed_out', drip(`${OK}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'), SLOW],
  // Compressed ones.
  ['a zip bomb (gzip)', 'value_too_large', coded('gzip', gzipSync(ZEROS))],
  ['a zip bomb (deflate)', 'value_too_large', coded('deflate', deflateSync(ZEROS))],
  ['a zip bomb (br)', 'value_too_large', coded('br', brotliCompressSync(ZEROS))],
  ['a zip bomb within a zip bomb', 'net_failed', coded('gzip, gzip', gzipSync(gzipSync(ZEROS)))],
  ['a bomb in a coding that nobody asked for', 'net_failed', coded('zstd', Buffer.from('28b52ffd', 'hex'))],
  // Circles.
  [
    'a redirect to itself, for ever',
    'net_failed',
    whole(once('HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n')),
  ],
  [
    'a redirect whose body has no end',
    'net_failed',
    endless('HTTP/1.1 302 Found\r\nlocation: /\r\nconnection: close\r\n\r\n', LONG),
  ],
];

describe('escapes: servers', function () {
  this.timeout(300_000);
  const open: { close(): Promise<void> | void }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  /** A server that speaks so. It is rid of the node when each connection on which it was asked has ended. */
  async function speaking(say: Say): Promise<Listening & { readonly said: Out[]; isRid(): boolean }> {
    const said: Out[] = [];
    const asked = new Set<Socket>();
    const server = await listen(
      createServer((socket) => {
        const out = new Out(socket);
        said.push(out);
        let head = '';
        socket.on('close', () => asked.delete(socket));
        socket.on('data', (data) => {
          head += data.toString('latin1');
          if (!head.includes('\r\n\r\n')) return;
          head = '';
          asked.add(socket);
          void say(out);
        });
      }),
    );
    open.push(server);
    return { ...server, said, isRid: () => asked.size === 0 };
  }

  for (const [attempt, code, say, rest] of ATTEMPTS) {
    for (const form of ['value', 'bytes']) {
      it(`${attempt}, asked for as ${form}: ${code}`, async () => {
        const server = await speaking(say);
        const { platform, timers } = countedPlatform();
        const resolver = new HttpResolver({ platform, lookup: new Lookup(platform) });
        open.push(resolver);
        const origin = onLoopback(server.origin, { response_bytes_max: BODY_BYTES_MAX, ...rest });
        resolver.grant(GRANT, httpPower.parse({ kind: 'http', origins: [origin] }));
        const client = new Host(resolver.natives).object('httpClient', powerHandle(GRANT));
        const there = await client.resolve('resolve', `${server.origin}/`);
        const answer = await there.answer('get', map([['as', form]]));
        assert.equal('error' in answer ? answer.error.code : 'answered', code, JSON.stringify(answer));
        if (!WHOLE.has(say)) await until(() => server.isRid());
        await resolver.close();
        await until(() => server.isRid());
        const taken_bytes = server.said.reduce((sum, out) => sum + out.taken_bytes, 0);
        assert(taken_bytes <= TAKEN_BYTES_MAX, `${taken_bytes} bytes were taken`);
        assert.equal(timers(), 0, 'a timer is left');
      });
    }
  }
});
