/**
 * Echo over TCP through a contract, beside `node:net` with the same server in another process: round trips of 64
 * bytes on 256 connections at once, each a call of `exchange`, and as two calls, `send` and `receive`; and one after the
 * other on one connection, as two calls, where each waits for the disk.
 */
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { openSpace, type Space, tuple } from '../../src/index.ts';
import { atMost, type BenchLine, inDirectory, interleave, line, median, rate, withServer } from './support.ts';

const CONNECTIONS = 256;
const MESSAGE_BYTES = 64;
/** Of each connection in a round: so many that it is the connections that are measured, and not how code is compiled. */
const TRIPS = 120;
/** Many short ones: what else the machine does comes and goes within seconds, and then falls on both sides alike. */
const ROUNDS = 15;
const SINGLE_TRIPS = 400;
const SINGLE_ROUNDS = 5;
const SYNCS = 400;
/** What a round trip may cost beside three syncs. */
const SLACK_MS = 0.2;

/** A round trip: in one call, and in two. */
const EXCHANGE = `@_ <- socket!?("exchange", "${'x'.repeat(MESSAGE_BYTES)}", ${MESSAGE_BYTES})`;
const SEND_AND_RECEIVE = `@Nil <- socket!?("send", "${'x'.repeat(MESSAGE_BYTES)}"); @_ <- socket!?("receive", ${MESSAGE_BYTES})`;

/** Each connection has a loop for either; a message to one of them starts so many round trips. */
const program = (port: number): string => `new box(\`rho:powerbox\`) in {
  for (tcp <- box!?("tcpClient"); connector <- tcp!?("resolve", "0")) {
    contract @"open"(@id) = {
      for (socket <- connector!?("resolve", "127.0.0.1:${port}")) {
        new one, two in {
          contract one(@left) = {
            if (left == 0) { @"done"!(id) } else { for (${EXCHANGE}) { one!(left - 1) } }
          } |
          contract two(@left) = {
            if (left == 0) { @"done"!(id) } else { for (${SEND_AND_RECEIVE}) { two!(left - 1) } }
          } |
          for (@n <= @("one", id)) { one!(n) } | for (@n <= @("two", id)) { two!(n) } | @"ready"!(id)
        }
      }
    }
  }
}`;

/** All at once, as the peer hears of its connections: each alone would wait for a sync of its own. */
async function all(space: Space, channel: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => space.consume([{ channel }], { limit_ms: 60_000 })));
}

async function trips(space: Space, calls: 'one' | 'two', connections: number, count: number): Promise<void> {
  await Promise.all(Array.from({ length: connections }, (_, id) => space.produce(tuple([calls, id]), [count])));
  await all(space, 'done', connections);
}

/** A round trip of `node:net` without promises: the least that this process can do. */
function netTrips(socket: Socket, message: Buffer, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    let got = 0;
    const take = (data: Buffer): void => {
      got += data.length;
      if (got < MESSAGE_BYTES) return;
      got = 0;
      if (--left > 0) {
        socket.write(message);
        return;
      }
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    socket.write(message);
  });
}

export async function bench(): Promise<BenchLine[]> {
  return inDirectory((directory) =>
    withServer('echo', async (port) => {
      const space = await openSpace({
        data: join(directory, 'space'),
        durability: 'sync',
        grants: {
          stdio: false,
          powers: [{ kind: 'tcp', connect: [`127.0.0.1:${port}`], sockets_max: CONNECTIONS }],
        },
      });
      const sockets: Socket[] = [];
      try {
        await space.run(program(port));
        for (let id = 0; id < CONNECTIONS; id++) await space.produce('open', [id]);
        await all(space, 'ready', CONNECTIONS);
        for (let id = 0; id < CONNECTIONS; id++) {
          const socket = connect({ port, host: '127.0.0.1', noDelay: true });
          await once(socket, 'connect');
          sockets.push(socket);
        }
        const message = Buffer.alloc(MESSAGE_BYTES, 'x');
        const many = (calls: 'one' | 'two'): ReturnType<typeof interleave> =>
          interleave(
            ROUNDS,
            () => rate(CONNECTIONS * TRIPS, () => trips(space, calls, CONNECTIONS, TRIPS)),
            () =>
              rate(CONNECTIONS * TRIPS, async () => {
                await Promise.all(sockets.map((socket) => netTrips(socket, message, TRIPS)));
              }),
          );
        const exchanged = await many('one');
        const inTwo = await many('two');
        const syncs_ms: number[] = [];
        const single = await interleave(
          SINGLE_ROUNDS,
          async () => 1000 / (await rate(SINGLE_TRIPS, () => trips(space, 'two', 1, SINGLE_TRIPS))),
          async () => {
            syncs_ms.push(await sync_ms(join(directory, 'synced')));
            return median(syncs_ms);
          },
        );
        return [
          line('TCP echo, 256 connections', 'round trips/s', exchanged.ours, 'node:net', exchanged.theirs, 0.333),
          line('TCP echo, 256 connections, in two calls', 'round trips/s', inTwo.ours, 'node:net', inTwo.theirs, 0.2),
          atMost(
            'TCP echo, one after the other',
            'ms',
            single.ours,
            'three syncs and 0.2 ms',
            3 * single.theirs + SLACK_MS,
            1,
          ),
        ];
      } finally {
        for (const socket of sockets) socket.destroy();
        await space.close();
      }
    }),
  );
}

/** The median of an append of 4 KiB that is synced, which is what a commit does. */
async function sync_ms(path: string): Promise<number> {
  const file = await open(path, 'a');
  const bytes = new Uint8Array(4096);
  const took_ms: number[] = [];
  for (let index = 0; index < SYNCS; index++) {
    const started_ms = performance.now();
    await file.write(bytes);
    await file.datasync();
    took_ms.push(performance.now() - started_ms);
  }
  await file.close();
  return median(took_ms);
}
