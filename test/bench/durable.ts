/**
 * Durable operations in process, acknowledged after fsync, beside raw sync batches of classic-level and beside
 * Redis with `appendfsync always`. An operation is a produce of a 200-byte value to one of 10,000 channels;
 * half of them are taken again by key through a pattern.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { createClient } from 'redis';
import { startRedis } from './redis.ts';
import { type BenchLine, byKey, inDirectory, interleave, line, missing, openSpace, PAYLOAD } from './support.ts';

const CHANNELS = 10_000;
const CALLERS = 1024;
const BATCH = 1000;
const ROUND_MS = 1500;
const ROUNDS = 3;
const UNIT = 'operations/s';
const NAMES = Array.from({ length: CHANNELS }, (_, index) => `channel ${index}`);
const VALUE = new Uint8Array(200).fill(7);

type Raw = ClassicLevel<Uint8Array, Uint8Array>;

/** Callers that each await one operation after the other for `ROUND_MS`; operations a second. */
async function callers(count: number, operation: (turn: number) => Promise<number>): Promise<number> {
  const started_ms = performance.now();
  let done = 0;
  const one = async (): Promise<void> => {
    for (let turn = 0; performance.now() - started_ms < ROUND_MS; turn++) {
      // Not `done += await …`: that would read the sum before it waits.
      const operations = await operation(turn);
      done += operations;
    }
  };
  await Promise.all(Array.from({ length: count }, one));
  return (done / (performance.now() - started_ms)) * 1000;
}

/** Of both sides alike: evenly over all of them, whoever asks and in whatever order. */
function channelOf(number: number): number {
  return (Math.imul(number, 2654435761) >>> 0) % CHANNELS;
}

function rawKey(number: number): Uint8Array {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(channelOf(number), 0);
  key.writeUInt32BE(number, 8);
  return key;
}

/** Each round on a directory of its own, so that both sides begin with nothing. */
function ours(count: number): Promise<number> {
  return inDirectory(async (directory) => {
    const { engine, host } = await openSpace(join(directory, 'space'));
    let key = 0;
    const speed = await callers(count, async (turn) => {
      const own = key++;
      const channel = NAMES[channelOf(own)] as string;
      await host.produce(channel, [own, PAYLOAD]);
      if (turn % 2 === 1) return 1;
      await host.take({ slots: [{ channel, pattern: byKey(own) }], timeout_ms: 0 });
      return 2;
    });
    await engine.close();
    return speed;
  });
}

function rawLevel(operation: (raw: Raw) => Promise<number>): Promise<number> {
  return inDirectory(async (directory) => {
    const raw: Raw = new ClassicLevel(join(directory, 'raw'), { keyEncoding: 'view', valueEncoding: 'view' });
    await raw.open();
    const speed = await callers(1, () => operation(raw));
    await raw.close();
    return speed;
  });
}

export async function bench(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  let number = 0;
  const batch = async (raw: Raw): Promise<number> => {
    const operations = Array.from({ length: BATCH }, () => ({
      type: 'put' as const,
      key: rawKey(number++),
      value: VALUE,
    }));
    await raw.batch(operations, { sync: true });
    return BATCH;
  };
  const put = async (raw: Raw): Promise<number> => {
    await raw.put(rawKey(number++), VALUE, { sync: true });
    return 1;
  };
  const many = await interleave(
    ROUNDS,
    () => ours(CALLERS),
    () => rawLevel(batch),
  );
  lines.push(
    line(
      'durable operations, 1,024 callers',
      UNIT,
      many.ours,
      'classic-level sync batches of 1,000 puts',
      many.theirs,
      2,
    ),
  );
  const single = await interleave(
    ROUNDS,
    () => ours(1),
    () => rawLevel(put),
  );
  lines.push(line('durable operations, one caller', UNIT, single.ours, 'classic-level sync puts', single.theirs, 0.5));
  lines.push(...(await inDirectory((directory) => besideRedis(join(directory, 'redis')))));
  return lines;
}

async function besideRedis(directory: string): Promise<BenchLine[]> {
  const npmName = 'durable operations, 1,024 callers, beside the npm client of Redis';
  const rawName = 'durable operations, 1,024 callers, beside a raw pipelined client of Redis';
  const redis = await startRedis(directory);
  if (redis === null)
    return [
      missing(npmName, UNIT, 'Redis always, npm client', 3),
      missing(rawName, UNIT, 'Redis always, pipelined', 0.3),
    ];
  const client = createClient({ socket: { host: '127.0.0.1', port: redis.port } });
  await client.connect();
  const value = 'x'.repeat(200);
  let number = 0;
  const viaClient = (): Promise<number> =>
    callers(CALLERS, async () => {
      await client.lPush(`c${number++ % CHANNELS}`, value);
      return 1;
    });
  const npm = await interleave(ROUNDS, () => ours(CALLERS), viaClient);
  client.destroy();
  const pipelined = await interleave(
    ROUNDS,
    () => ours(CALLERS),
    () => pipeline(redis.port),
  );
  await redis.stop();
  return [
    line(npmName, UNIT, npm.ours, 'Redis always, npm client', npm.theirs, 3),
    line(rawName, UNIT, pipelined.ours, 'Redis always, pipelined', pipelined.theirs, 0.3),
  ];
}

/** 1,024 commands always under way on one socket, in the protocol's own bytes. */
function pipeline(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const value = 'x'.repeat(200);
    const command = (index: number): string => {
      const key = `c${index % CHANNELS}`;
      return `*3\r\n$5\r\nLPUSH\r\n$${key.length}\r\n${key}\r\n$200\r\n${value}\r\n`;
    };
    const socket = connect(port, '127.0.0.1');
    let sent = 0;
    let answered = 0;
    const started_ms = performance.now();
    const send = (count: number): void => {
      let text = '';
      for (let left = count; left > 0; left--) text += command(sent++);
      socket.write(text);
    };
    socket.once('error', reject);
    socket.once('connect', () => send(CALLERS));
    socket.on('data', (bytes) => {
      // Each answer is `:<length>\r\n`.
      let ended = 0;
      for (const byte of bytes) if (byte === 10) ended++;
      answered += ended;
      if (performance.now() - started_ms < ROUND_MS) send(ended);
      else {
        socket.destroy();
        resolve((answered / (performance.now() - started_ms)) * 1000);
      }
    });
  });
}
