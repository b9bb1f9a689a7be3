/**
 * What pipelining saves over a network that takes its time: a chain of four calls, each on what the one before answers,
 * against one call. The service is a process of its own with a space on disk, so every answer is durable; a proxy in
 * this process holds every byte back for half of the added round trip in each direction.
 */
import { type AddressInfo, connect as dial, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type Remote } from '../../src/client/node.ts';
import { withChild } from './child.ts';
import { atMost, type BenchLine, inDirectory, interleave } from './support.ts';

const ADDED_MS = 20;
const ROUNDS = 40;

interface Node {
  next(): Node;
  name(): string;
}

/** Each object answers `next` with another one like itself. */
const OBJECTS = `new first(\`app:first\`), make in {
  contract make(self) = {
    contract self(@"name", ret) = { ret!("node") } |
    contract self(@"next", ret) = { new other in { make!(*other) | ret!(bundle+{*other}) } }
  } |
  make!(*first)
}`;

export async function bench(): Promise<BenchLine[]> {
  return inDirectory((directory) =>
    withChild('service-child', ['sync', join(directory, 'data')], async ({ ready }) => {
      const line = await slowLine(Number(new URL(ready).port));
      const box = await connect(`ws://127.0.0.1:${line.port}`, { token: 'alice' });
      try {
        const name = await box.newName();
        await box.deploy(OBJECTS, { uris: { 'app:first': name } });
        const node = box.object<Node>(name);
        const one = (): Promise<number> => timed(() => node.name());
        const four = (): Promise<number> => timed(() => node.next().next().next().name());
        const awaited = (): Promise<number> => timed(() => oneByOne(node));
        const chain = await interleave(ROUNDS, four, one);
        const without = await interleave(ROUNDS / 2, four, awaited);
        const network = `${ADDED_MS} ms round trip added, sync`;
        return [
          atMost(`four pipelined calls, ${network}`, 'ms', chain.ours, 'one call', chain.theirs, 1.3),
          atMost(`four pipelined calls, ${network}`, 'ms', without.ours, 'the four awaited', without.theirs, 0.4),
        ];
      } finally {
        await box.close();
        await line.close();
      }
    }),
  );
}

async function oneByOne(node: Remote<Node>): Promise<string> {
  const second = await node.next();
  const third = await second.next();
  const fourth = await third.next();
  return fourth.name();
}

async function timed(work: () => PromiseLike<unknown>): Promise<number> {
  const started_ms = performance.now();
  await work();
  return performance.now() - started_ms;
}

/** Adds half of the round trip to every byte, each way, and keeps them in order. */
async function slowLine(port: number): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const carry = (source: Socket, target: Socket): void => {
    sockets.add(source);
    source.setNoDelay(true);
    source.on('data', (bytes) => setTimeout(() => target.writable && target.write(bytes), ADDED_MS / 2));
    source.on('close', () => setTimeout(() => target.destroy(), ADDED_MS / 2));
    source.on('error', () => target.destroy());
  };
  const server = createServer((near) => {
    const far = dial({ host: '127.0.0.1', port });
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
