/**
 * A real service under frames that nobody should send: over WebSocket from sessions that come and go, and as bytes that
 * are no WebSocket at all. It must answer each with an answer or an end, live through all of them, and hold afterwards
 * what it held before.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { WebSocket } from 'ws';
import type { Value } from '../../src/values/index.ts';
import {
  Capability,
  clientForm,
  clientParts,
  clientSealing,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readServerMessage,
  WIRE_PROTOCOL,
  WIRE_VERSION,
} from '../../src/wire/index.ts';
import { limits } from '../../src/limits.ts';
import { program } from '../crash/build.ts';
import { RawClient } from '../service/raw-client.ts';
import { FrameMaker, type Random, randomOf } from './frames.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly frames: number;
  readonly progress?: (frames: number) => void;
}

/** What the server holds after a collection, with nobody connected. */
export interface Held {
  readonly heap_bytes: number;
  readonly outside_bytes: number;
  readonly handles: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly sessions: number;
}

export interface FuzzResult {
  readonly frames: number;
  readonly connections: number;
  /** Connections that were ended with a word, and those that were not. */
  readonly dismissed: number;
  readonly raw: number;
  readonly half: Held;
  readonly end: Held;
}

/** At once: while one waits for its answer, the server reads what the others have sent. */
const WORKERS = 24;
const HOLDERS = 4;
const BURSTS_MAX = 8;
/** Programs that are started without waiting for one another. */
const FILLED_AT_ONCE = 32;
/** Frames of a burst, sent without waiting; a ping is behind them. */
const BURST_FRAMES_MAX = 16;
/** Within which a server must answer a ping or end the connection, also on a busy machine. */
const SILENCE_MS = 120_000;

class Server {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly port: number;
  #talk = '';
  /** Why it has left, when it has. */
  left: string | null = null;

  private constructor(child: ChildProcess, lines: Interface, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
    child.stderr?.on('data', (chunk) => (this.#talk += chunk));
    child.once('exit', (code, signal) => {
      this.left = `the server left with ${code ?? signal}: ${this.#talk}`;
    });
  }

  static async start(data: string): Promise<Server> {
    const child = spawn(process.execPath, ['--expose-gc', ...program('fuzz'), data], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = await once(lines, 'line');
    return new Server(child, lines, (JSON.parse(String(line)) as { port: number }).port);
  }

  async measure(): Promise<Held> {
    for (;;) {
      if (this.left !== null) throw new Error(this.left);
      this.#child.stdin?.write('measure\n');
      const held = JSON.parse(String((await once(this.#lines, 'line'))[0])) as Held;
      // Sessions that nobody goes on with end after a while.
      if (held.connections === 0 && held.sessions === 0) return held;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    if (this.left !== null) throw new Error(this.left);
    const left = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const [code] = await left;
    assert.equal(code, 0, `it did not leave in good order: ${this.#talk}`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** One life of a connection. Answers how many frames the server has read. */
class Visit {
  readonly #random: Random;
  readonly #maker: FrameMaker;
  readonly #encoder = new MessageEncoder(clientSealing);
  readonly #socket: WebSocket;
  #isOver = false;
  #welcomed = false;
  #last = 0;
  #pongs = 0;
  dismissed = false;
  #wake: () => void = () => {};

  constructor(port: number, random: Random) {
    this.#random = random;
    this.#maker = new FrameMaker(random);
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/`, WIRE_PROTOCOL, { perMessageDeflate: false });
    this.#socket.on('error', () => {});
    this.#socket.on('message', (data: Buffer) => {
      for (const parts of decodeFrame(data, clientForm)) this.#said(readServerMessage(parts));
    });
    this.#socket.once('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  async run(): Promise<number> {
    await this.#until(() => this.#socket.readyState === WebSocket.OPEN, 'open');
    if (this.#isOver) return 0;
    let frames = 1;
    const greeting = this.#hello();
    this.#socket.send(this.#random() < 0.1 ? this.#maker.spoilt(greeting) : greeting, {
      binary: this.#random() > 0.02,
    });
    await this.#until(() => this.#welcomed);
    let id = 1;
    for (let burst = 0; burst < BURSTS_MAX && !this.#isOver; burst++) {
      for (let whole = Math.floor(this.#random() * BURST_FRAMES_MAX); whole > 0; whole--) {
        const { bytes, count } = this.#maker.frame(id);
        id += count;
        frames++;
        this.#socket.send(bytes);
      }
      if (this.#random() < 0.4) {
        const { bytes, count } = this.#maker.frame(id);
        id += count;
        frames++;
        this.#socket.send(this.#random() < 0.8 ? this.#maker.spoilt(bytes) : this.#maker.noise());
      }
      if (this.#random() < 0.5 && this.#last > 0) this.#say(['ack', this.#last]);
      const asked = this.#pongs + 1;
      this.#say(['ping', 1_000_000]);
      await this.#until(() => this.#pongs >= asked);
      frames++;
    }
    if (!this.#isOver) {
      if (this.#random() < 0.7) this.#say(['end']);
      if (this.#random() < 0.5) this.#socket.terminate();
      else this.#socket.close();
    }
    await this.#until(() => false);
    return frames;
  }

  #hello(): Uint8Array {
    const token = `holder${Math.floor(this.#random() * HOLDERS)}`;
    const hello = { kind: 'hello', versions: [WIRE_VERSION], token, space: null, session: null, client: '' } as const;
    return frameOf([this.#encoder.encode(clientParts(hello))]);
  }

  #say(parts: readonly Value[]): void {
    this.#socket.send(frameOf([this.#encoder.encode(parts)]));
  }

  #said(message: ReturnType<typeof readServerMessage>): void {
    switch (message.kind) {
      case 'welcome':
        this.#welcomed = true;
        this.#keep(message.powerbox);
        break;
      case 'deliver':
        this.#last = Math.max(this.#last, message.number);
        this.#keep(message.value);
        break;
      case 'error':
        this.#last = Math.max(this.#last, message.number);
        break;
      case 'pong':
        if (message.nonce === 1_000_000) this.#pongs++;
        break;
      case 'bye':
        this.dismissed = true;
        break;
      case 'applied':
        break;
    }
    this.#wake();
  }

  #keep(value: Value): void {
    if (value instanceof Capability) this.#maker.tokens.push(value);
    else if (value !== null && typeof value === 'object' && 'items' in value)
      for (const item of value.items) this.#keep(item as Value);
  }

  /** Until it holds, or the connection is over; whatever happens, one of them does. */
  async #until(what: () => boolean, event?: 'open'): Promise<void> {
    const timer = setTimeout(() => {
      this.#late = true;
      this.#wake();
    }, SILENCE_MS);
    if (event !== undefined) this.#socket.once(event, () => this.#wake());
    while (!this.#isOver && !what()) {
      if (this.#late)
        throw new Error(`the server has said nothing for ${SILENCE_MS} ms and has not ended the connection`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
  }

  #late = false;
}

/**
 * What has a bound is full before anything is measured, or that it fills would be all that the heap of a short run shows:
 * the records of programs, and what holders may store.
 */
async function fill(port: number): Promise<void> {
  for (let holder = 0; holder < HOLDERS; holder++) {
    const client = await RawClient.connect(`ws://127.0.0.1:${port}/`, { token: `holder${holder}` });
    for (let left = 2 * limits.client_deploys_kept; left > 0; left -= FILLED_AT_ONCE)
      await Promise.all(
        ['new x in { x!("something that lies there") }', 'new c in { contract c(x) = { x!(1) } }'].flatMap((text) =>
          Array.from({ length: FILLED_AT_ONCE / 2 }, () =>
            client.ask({ kind: 'deploy', text, name: 'a', uris: new Map<string, Value>() }),
          ),
        ),
      );
    client.say({ kind: 'end' });
    await client.closed;
  }
}

/** Bytes that are no HTTP, or no WebSocket after its beginning. */
async function visitRaw(port: number, random: Random): Promise<void> {
  const maker = new FrameMaker(random);
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.resume();
  const over = once(socket, 'close');
  const upgrade =
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${WIRE_PROTOCOL}\r\n\r\n`;
  const dice = random();
  if (dice < 0.3) socket.write(maker.noise());
  else if (dice < 0.5) socket.write(maker.spoilt(Buffer.from(upgrade)));
  else {
    socket.write(upgrade);
    socket.write(maker.noise());
    // Frames of every opcode and length, masked or not.
    for (let frame = 0; frame < 3; frame++)
      socket.write(Uint8Array.from([Math.floor(random() * 256), Math.floor(random() * 256), ...maker.noise()]));
  }
  await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 20))]);
  socket.destroy();
}

export async function fuzzService({ seed, frames, progress = () => {} }: FuzzOptions): Promise<FuzzResult> {
  const directory = mkdtempSync(join(tmpdir(), 'powerbox-fuzz-'));
  const server = await Server.start(join(directory, 'space'));
  const counts = { frames: 0, connections: 0, dismissed: 0, raw: 0 };
  const worker = async (index: number, round: number, until: number): Promise<void> => {
    const random = randomOf(seed * 1_000 + round * 100 + index);
    while (counts.frames < until) {
      if (server.left !== null) throw new Error(server.left);
      if (random() < 0.1) {
        counts.raw++;
        await visitRaw(server.port, random);
        continue;
      }
      const visit = new Visit(server.port, random);
      const frames = await visit.run();
      const before = counts.frames;
      counts.frames += frames;
      counts.connections++;
      if (visit.dismissed) counts.dismissed++;
      if (Math.floor(before / 10_000) < Math.floor(counts.frames / 10_000)) progress(counts.frames);
    }
  };
  const round = (number: number, until: number): Promise<unknown> =>
    Promise.all(Array.from({ length: WORKERS }, (_, index) => worker(index, number, until)));
  try {
    await fill(server.port);
    await round(0, frames / 2);
    const half = await server.measure();
    await round(1, frames);
    let result: FuzzResult = { ...counts, half, end: await server.measure() };
    // What leaks goes on to: what looks like it must show once more, and again, after as many frames.
    for (let more = 2; more < ROUNDS_MAX && grows(result); more++) {
      await round(more, counts.frames + frames / 2);
      result = { ...counts, half: result.end, end: await server.measure() };
    }
    await server.stop();
    return result;
  } catch (error) {
    const line = `run it again: npm run soak:fuzz -- --seed ${seed} --frames ${frames}`;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${line}`, { cause: error });
  } finally {
    server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

const HEAP_GROWTH_MAX = 1.05;
/** Halves of a run, of which the last two are compared. */
const ROUNDS_MAX = 5;

function grows(result: FuzzResult): boolean {
  try {
    requireNothingOpen(result);
    requireNoGrowth(result);
    return false;
  } catch {
    return true;
  }
}

/** Nothing is open at the end that was not at half time, but for a timer that comes and goes. */
export function requireNothingOpen({ half, end }: FuzzResult): void {
  for (const [kind, count] of Object.entries(end.handles))
    assert.ok(
      count <= (half.handles[kind] ?? 0) + (kind === 'Timeout' ? 2 : 0),
      `${count} handles of ${kind}, and ${half.handles[kind] ?? 0} at half time`,
    );
}

/** What the heap holds after a collection is what it held at half time, within a twentieth. */
export function requireNoGrowth({ half, end }: FuzzResult): void {
  const grown = end.heap_bytes / half.heap_bytes;
  assert.ok(grown <= HEAP_GROWTH_MAX, `the heap is ${grown.toFixed(3)} times what it was at half time`);
}
