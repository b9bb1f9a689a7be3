/**
 * The service over WebSockets, each side in a process of its own: a call through a contract beside the same call of
 * Cap'n Web, durable pairs of produce and take beside Redis with `appendfsync always`, and what idle clients weigh.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { WebSocket } from 'ws';
import { type Box, connect, type SocketMaker } from '../../src/client/index.ts';
import { RawClient } from '../service/raw-client.ts';
import { ECHO } from '../service/support.ts';
import { startRedis } from './redis.ts';
import { atMost, type BenchLine, inDirectory, interleave, line, median, missing } from './support.ts';

const ROUND_MS = 1500;
const ROUNDS = 3;
const IDLE_CLIENTS = 10_000;
const IDLE_MIB = 600;
const TEXT = 'a value of some length, as calls have them';

export async function bench(): Promise<BenchLine[]> {
  return [
    ...(await inDirectory((directory) => calls('sync', join(directory, 'space'), 0.8))),
    ...(await inDirectory((directory) => calls('memory', join(directory, 'space'), 1))),
    ...(await inDirectory((directory) => oneAfterTheOther(directory))),
    ...(await inDirectory((directory) => pairs(directory))),
    ...(await inDirectory((directory) => idle(join(directory, 'space')))),
  ];
}

/** So many callers, each one call after the other; calls a second. */
async function callers(count: number, call: () => Promise<unknown>): Promise<number> {
  const started_ms = performance.now();
  let done = 0;
  const one = async (): Promise<void> => {
    while (performance.now() - started_ms < ROUND_MS) {
      await call();
      done++;
    }
  };
  await Promise.all(Array.from({ length: count }, one));
  return (done / (performance.now() - started_ms)) * 1000;
}

async function calls(durability: 'sync' | 'memory', directory: string, least: number): Promise<BenchLine[]> {
  return withChild([durability, directory], async (url) =>
    withChild(['capnweb'], async (theirs) => {
      const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
      const call = await echoOf(box);
      const other = await capnweb(theirs);
      const lines: BenchLine[] = [];
      for (const count of [64, 256]) {
        const found = await interleave(
          ROUNDS,
          () => callers(count, call),
          () => callers(count, other.call),
        );
        lines.push(
          line(
            `a call through a contract, ${durability}, ${count} in flight`,
            'calls/s',
            found.ours,
            "Cap'n Web, not durable",
            found.theirs,
            least,
          ),
        );
      }
      other.close();
      await box.close();
      return lines;
    }),
  );
}

async function echoOf(box: Box): Promise<() => Promise<unknown>> {
  const echo = await box.newName();
  await box.deploy(ECHO, { name: 'echo', uris: { 'app:echo': echo } });
  return () => Promise.resolve(box.call(echo, null, [TEXT]));
}

async function capnweb(url: string): Promise<{ call: () => Promise<unknown>; close: () => void }> {
  Object.assign(globalThis, { WebSocket });
  const { newWebSocketRpcSession } = await import('capnweb');
  const stub = newWebSocketRpcSession<{ echo(value: string): string }>(url);
  await stub.echo(TEXT);
  return {
    call: async () => stub.echo(TEXT),
    close: () => (stub as unknown as { [Symbol.dispose]: () => void })[Symbol.dispose](),
  };
}

/** Beside what two syncs of this disk take, and 0.3 ms. */
async function oneAfterTheOther(directory: string): Promise<BenchLine[]> {
  return withChild(['sync', join(directory, 'space')], async (url) => {
    const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
    const call = await echoOf(box);
    const found = await interleave(
      ROUNDS,
      () => medianOf(300, call),
      async () => 2 * syncTime(directory) + 0.3,
    );
    await box.close();
    return [
      atMost(
        'a call through a contract, one after the other',
        'ms',
        found.ours,
        'two syncs and 0.3 ms',
        found.theirs,
        1,
      ),
    ];
  });
}

async function medianOf(count: number, call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const started_ms = performance.now();
    await call();
    times.push(performance.now() - started_ms);
  }
  return median(times);
}

function syncTime(directory: string): number {
  const file = openSync(join(directory, 'sync'), 'w');
  const bytes = new Uint8Array(256);
  const times: number[] = [];
  for (let index = 0; index < 300; index++) {
    const started_ms = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    times.push(performance.now() - started_ms);
  }
  closeSync(file);
  return median(times);
}

async function pairs(directory: string): Promise<BenchLine[]> {
  const count = 256;
  const npmName = `durable pairs of produce and take, ${count} in flight, beside the npm client of Redis`;
  const rawName = `durable pairs of produce and take, ${count} in flight, beside a raw pipelined client of Redis`;
  const redis = await startRedis(join(directory, 'redis'));
  if (redis === null)
    return [
      missing(npmName, 'pairs/s', 'Redis always, npm client', 1),
      missing(rawName, 'pairs/s', 'Redis always, pipelined', 0.25),
    ];
  try {
    return await withChild(['sync', join(directory, 'space')], async (url) => {
      const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
      let number = 0;
      const ours = async (): Promise<void> => {
        const channel = `channel ${number++ % 10_000}`;
        await box.produce(channel, [TEXT]);
        await box.take(channel);
      };
      const client = createClient({ socket: { host: '127.0.0.1', port: redis.port } });
      await client.connect();
      const npm = async (): Promise<void> => {
        const key = `c${number++ % 10_000}`;
        await client.lPush(key, TEXT);
        await client.rPop(key);
      };
      const first = await interleave(
        ROUNDS,
        () => callers(count, ours),
        () => callers(count, npm),
      );
      client.destroy();
      const second = await interleave(
        ROUNDS,
        () => callers(count, ours),
        () => redis.pairs(ROUND_MS, count, TEXT),
      );
      await box.close();
      return [
        line(npmName, 'pairs/s', first.ours, 'Redis always, npm client', first.theirs, 1),
        line(rawName, 'pairs/s', second.ours, 'Redis always, pipelined', second.theirs, 0.25),
      ];
    });
  } finally {
    await redis.stop();
  }
}

/** All of what the process of the server has in memory, with so many clients that say nothing. */
async function idle(directory: string): Promise<BenchLine[]> {
  return withChild(['sync', directory], async (url, pid) => {
    const clients: RawClient[] = [];
    for (let made = 0; made < IDLE_CLIENTS; made += 100)
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(url)))));
    const mib = residentMib(pid);
    for (const client of clients) client.socket.terminate();
    await Promise.all(clients.map(({ closed }) => closed));
    return [
      atMost(
        `memory of the service with ${IDLE_CLIENTS.toLocaleString('en')} idle clients`,
        'MiB',
        mib,
        'at most',
        IDLE_MIB,
        1,
      ),
    ];
  });
}

function residentMib(pid: number): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** A server in a process of its own, for as long as `body` takes. */
async function withChild<T>(words: readonly string[], body: (url: string, pid: number) => Promise<T>): Promise<T> {
  const source = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(`./service-child.${source ? 'ts' : 'js'}`, import.meta.url));
  const child = spawn(process.execPath, [...(source ? ['--import', 'tsx'] : []), path, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    return await body(chunk.toString().trim(), child.pid as number);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}
