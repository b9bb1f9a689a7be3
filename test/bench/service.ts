/**
 * The service over WebSockets, each server and each client in a process of its own: a call through a contract beside the
 * same call of Cap'n Web, durable pairs of produce and take beside Redis with `appendfsync always`, and what idle clients
 * weigh.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { connect, type SocketMaker } from '../../src/client/index.ts';
import { RawClient } from '../service/raw-client.ts';
import { ECHO } from '../service/support.ts';
import { type Child, withChild } from './child.ts';
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

/** A round of a driver: so many callers at once; what they have done, a second. */
async function round(driver: Child, count: number): Promise<number> {
  return Number(await driver.ask(`${count} ${ROUND_MS}`));
}

async function calls(durability: 'sync' | 'memory', directory: string, least: number): Promise<BenchLine[]> {
  return withChild('service-child', [durability, directory], (service) =>
    withChild('driver-child', ['call', service.ready], (ours) =>
      withChild('service-child', ['capnweb'], (other) =>
        withChild('driver-child', ['capnweb', other.ready], async (theirs) => {
          const lines: BenchLine[] = [];
          for (const count of [64, 256]) {
            const found = await interleave(
              ROUNDS,
              () => round(ours, count),
              () => round(theirs, count),
            );
            const name = `a call through a contract, ${durability}, ${count} in flight`;
            lines.push(line(name, 'calls/s', found.ours, "Cap'n Web, not durable", found.theirs, least));
          }
          return lines;
        }),
      ),
    ),
  );
}

/** A call takes a third less once what runs it is compiled, which a round of these sees to; the first is not counted. */
const ONE_ROUND_CALLS = 1000;

/** Beside what two syncs of this disk take, and 0.3 ms. */
async function oneAfterTheOther(directory: string): Promise<BenchLine[]> {
  return withChild('service-child', ['sync', join(directory, 'space')], async ({ ready: url }) => {
    const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
    const echo = await box.newName();
    await box.deploy(ECHO, { name: 'echo', uris: { 'app:echo': echo } });
    const call = (): Promise<unknown> => Promise.resolve(box.call(echo, null, [TEXT]));
    const found = await interleave(
      ROUNDS,
      () => medianOf(ONE_ROUND_CALLS, call),
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
  const { port } = redis;
  try {
    return await withChild('service-child', ['sync', join(directory, 'space')], (service) =>
      // Each in the way of its peer: one awaited after the other, or both sent at once.
      withChild('driver-child', ['pairs', service.ready], (ours) =>
        withChild('driver-child', ['pairs-at-once', service.ready], async (oursAtOnce) => {
          const beside = (mine: Child, kind: string) =>
            withChild('driver-child', [kind, `${port}`], (theirs) =>
              interleave(
                ROUNDS,
                () => round(mine, count),
                () => round(theirs, count),
              ),
            );
          const first = await beside(ours, 'redis');
          const second = await beside(oursAtOnce, 'redis-raw');
          return [
            line(npmName, 'pairs/s', first.ours, 'Redis always, npm client', first.theirs, 1),
            line(rawName, 'pairs/s', second.ours, 'Redis always, pipelined', second.theirs, 0.25),
          ];
        }),
      ),
    );
  } finally {
    await redis.stop();
  }
}

/** All of what the process of the server has in memory, with so many clients that say nothing. */
async function idle(directory: string): Promise<BenchLine[]> {
  return withChild('service-child', ['sync', directory], async ({ ready: url, pid }) => {
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
