/**
 * How bytes come from a socket. One that is dialled here without TLS reads into one piece of memory that serves all such
 * sockets, for memory of its own for each read costs more than what is done with the bytes; others read as streams do.
 * Must never let anybody keep what it hands over: it is only good until the call returns.
 */
import type { OnReadOpts, Socket } from 'node:net';

/** As much as the system hands over at once. */
const READ_BYTES = 64 * 1024;

type Take = (chunk: Uint8Array) => void;

const takers = new WeakMap<Socket, { take: Take | null }>();
const memory = new Uint8Array(READ_BYTES);

export function sharingMemory(dial: (onread: OnReadOpts) => Socket): Socket {
  const taker: { take: Take | null } = { take: null };
  const socket = dial({
    buffer: memory,
    callback: (length) => {
      taker.take?.(memory.subarray(0, length));
      return true;
    },
  });
  takers.set(socket, taker);
  return socket;
}

/** From now on; said before anything has been read, so in the event that the socket is open. */
export function onBytes(socket: Socket, take: Take): void {
  const taker = takers.get(socket);
  if (taker === undefined) socket.on('data', take);
  else taker.take = take;
}
