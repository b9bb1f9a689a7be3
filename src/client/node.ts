/** The client in Node, which has no WebSocket of its own before version 22: it brings that of `ws`. */
import { WebSocket } from 'ws';
import { limits } from '../limits.ts';
import { type Box, connectIn, type ConnectOptions } from './connect.ts';
import { type SocketLike, surroundingsOf } from './surroundings.ts';

export * from './index.ts';

/** Bounded in what it takes, and without compression, which holds memory for each connection. */
class BoundedWebSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol, { perMessageDeflate: false, maxPayload: limits.wire_frame_bytes_max });
  }
}

/** Connects to a space. Resolves when the service has welcomed this client. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Box> {
  const maker = options.webSocket ?? (BoundedWebSocket as new (url: string, protocol: string) => SocketLike);
  return connectIn(surroundingsOf(maker), url, options);
}
