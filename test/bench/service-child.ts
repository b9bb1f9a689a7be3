/**
 * A server in a process of its own, for the figures of the service: `service-child.ts sync|memory|os DIRECTORY` serves a
 * space, `service-child.ts capnweb` answers the same call with Cap'n Web. Prints its URL.
 */
import type { AddressInfo } from 'node:net';
import { RpcTarget } from 'capnweb';
import { WebSocket, WebSocketServer } from 'ws';
import { setEngine } from '../../src/cli/engine-settings.ts';
import { openSpace } from '../../src/embedding/index.ts';
import { createService } from '../../src/service/index.ts';
import type { Durability } from '../../src/store/index.ts';
import { BY_NAME, HOLDERS } from '../service/support.ts';

class Echo extends RpcTarget {
  echo(value: unknown): unknown {
    return value;
  }
}

setEngine();
const [kind = 'sync', data = ''] = process.argv.slice(2);
process.stdout.write(`${await (kind === 'capnweb' ? capnweb() : ours(kind as Durability))}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

async function ours(durability: Durability): Promise<string> {
  const space = await openSpace({ config: HOLDERS, grants: { stdio: false }, data, durability });
  const service = await createService({
    spaces: { get: () => space },
    auth: BY_NAME,
    listen: { host: '127.0.0.1', port: 0 },
    publicNames: true,
  });
  return service.address.url;
}

async function capnweb(): Promise<string> {
  // It looks for a WebSocket of the platform, which Node 20 has not.
  Object.assign(globalThis, { WebSocket });
  const { newWebSocketRpcSession } = await import('capnweb');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => {
    newWebSocketRpcSession(socket as unknown as Parameters<typeof newWebSocketRpcSession>[0], new Echo());
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
