/**
 * What a client needs of the machine it runs on: sockets, timers, randomness. The only file of the client that touches
 * them; tests hand in others. Must never keep state, and never let an exception of a socket out of its events.
 */
import { PowerboxError } from '../errors.ts';
import { WIRE_PROTOCOL } from '../wire/index.ts';

/** The part of a WebSocket that the client uses: the browser's, that of `ws`, Node's own from version 22 on. */
export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export type SocketMaker = new (url: string, protocol: string) => SocketLike;

/** One connection, from its dialling to its end. */
export interface Connection {
  send(frame: Uint8Array): void;
  /** Bytes that the machine has not taken yet. */
  buffered_bytes(): number;
  /** Ends it; nothing is heard of it afterwards. */
  drop(): void;
}

export interface ConnectionEvents {
  opened(): void;
  frame(bytes: Uint8Array): void;
  /** Once, and last. The reason is in words, for messages. */
  closed(reason: string): void;
}

export interface Surroundings {
  dial(url: string, events: ConnectionEvents): Connection;
  /** Runs it after so many milliseconds, unless what it answers is called before. */
  after(delay_ms: number, run: () => void): () => void;
  /** From 0 up to, not including, 1. */
  random(): number;
}

/** Of this program: with a WebSocket of its own choice, else the one that the platform has. */
export function surroundingsOf(maker: SocketMaker | undefined): Surroundings {
  const Socket = maker ?? (globalThis as { WebSocket?: SocketMaker }).WebSocket;
  if (Socket === undefined) {
    throw new PowerboxError('not_available', 'this platform has no WebSocket of its own', {
      hint: "Give one: connect(url, { webSocket: WebSocket }) with `import { WebSocket } from 'ws'`.",
    });
  }
  return {
    dial: (url, events) => dial(new Socket(url, WIRE_PROTOCOL), events),
    after: (delay_ms, run) => {
      const timer = setTimeout(run, delay_ms);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
  };
}

function dial(socket: SocketLike, events: ConnectionEvents): Connection {
  let over = false;
  let failure = '';
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    events.closed(reason);
  };
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    if (!over) events.opened();
  };
  socket.onmessage = (event: { readonly data: unknown }) => {
    if (over) return;
    // A text message is none of ours: the session will find that these bytes are no frame.
    const { data } = event;
    events.frame(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
  };
  socket.onerror = (event: { readonly message?: unknown }) => {
    // Browsers do not tell; `ws` does.
    if (typeof event.message === 'string') failure = event.message;
  };
  socket.onclose = (event: { readonly code?: unknown; readonly reason?: unknown }) => {
    const words = typeof event.reason === 'string' && event.reason !== '' ? `: ${event.reason}` : '';
    end(failure !== '' ? failure : `the connection ended with code ${String(event.code ?? 'unknown')}${words}`);
  };
  return {
    send: (frame) => socket.send(frame),
    buffered_bytes: () => socket.bufferedAmount,
    drop: () => {
      over = true;
      socket.close();
    },
  };
}
