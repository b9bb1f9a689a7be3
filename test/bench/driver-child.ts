/**
 * Callers of one side, in a process of its own: `driver-child.ts KIND ADDRESS`. For each line `CALLERS MILLISECONDS` it
 * lets so many callers ask for so long, each one thing after the other, and prints how many things a second were done.
 *
 *     call URL            calls through a contract of a service       capnweb URL       the same call with Cap'n Web
 *     pairs URL           a produce, and then a take of what is there  redis PORT        LPUSH, then RPOP, by its npm client
 *     pairs-at-once URL   both sent at once                       redis-raw PORT    both at once, in the bytes of the protocol
 */
import { createInterface } from 'node:readline';
import { createClient } from 'redis';
import { WebSocket } from 'ws';
import { type Box, connect, type SocketMaker } from '../../src/client/index.ts';
import { ECHO } from '../service/support.ts';
import { rawPairs } from './redis.ts';

const TEXT = 'a value of some length, as calls have them';
const CHANNELS = 10_000;

type Round = (callers: number, round_ms: number) => Promise<number>;

/** So many callers, each one call after the other; calls a second. */
const callers =
  (call: () => Promise<unknown>): Round =>
  async (count, round_ms) => {
    const started_ms = performance.now();
    let done = 0;
    const one = async (): Promise<void> => {
      while (performance.now() - started_ms < round_ms) {
        await call();
        done++;
      }
    };
    await Promise.all(Array.from({ length: count }, one));
    return (done / (performance.now() - started_ms)) * 1000;
  };

async function openPairs(url: string): Promise<{ readonly box: Box; readonly next: () => string }> {
  const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
  let number = 0;
  return { box, next: () => `channel ${number++ % CHANNELS}` };
}

const DRIVERS: Readonly<Record<string, (address: string) => Promise<Round>>> = {
  call: async (url) => {
    const box = await connect(url, { token: 'alice', webSocket: WebSocket as unknown as SocketMaker });
    const echo = await box.newName();
    await box.deploy(ECHO, { name: 'echo', uris: { 'app:echo': echo } });
    return callers(() => Promise.resolve(box.call(echo, null, [TEXT])));
  },
  capnweb: async (url) => {
    // It looks for a WebSocket of the platform, which Node 20 has not.
    Object.assign(globalThis, { WebSocket });
    const { newWebSocketRpcSession } = await import('capnweb');
    const stub = newWebSocketRpcSession<{ echo(value: string): string }>(url);
    return callers(async () => stub.echo(TEXT));
  },
  pairs: async (url) => {
    const { box, next } = await openPairs(url);
    return callers(async () => {
      const channel = next();
      await box.produce(channel, [TEXT]);
      await box.take(channel);
    });
  },
  'pairs-at-once': async (url) => {
    const { box, next } = await openPairs(url);
    return callers(async () => {
      const channel = next();
      await Promise.all([box.produce(channel, [TEXT]), box.take(channel)]);
    });
  },
  redis: async (port) => {
    const client = createClient({ socket: { host: '127.0.0.1', port: Number(port) } });
    await client.connect();
    let number = 0;
    return callers(async () => {
      const key = `c${number++ % CHANNELS}`;
      await client.lPush(key, TEXT);
      await client.rPop(key);
    });
  },
  'redis-raw': async (port) => (count, round_ms) => rawPairs(Number(port), round_ms, count, TEXT),
};

const [kind = '', address = ''] = process.argv.slice(2);
const drive = DRIVERS[kind];
if (drive === undefined) throw new Error(`no driver "${kind}"; there are ${Object.keys(DRIVERS).join(', ')}`);
const round = await drive(address);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [count, round_ms] = line.split(' ').map(Number) as [number, number];
  process.stdout.write(`${await round(count, round_ms)}\n`);
}
process.exit(0);
