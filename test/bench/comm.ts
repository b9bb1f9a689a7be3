/** COMMs of Rholang programs, in memory and on disk, beside a loop of queues and a Map without patterns or names. */
import { join } from 'node:path';
import { type BenchLine, inDirectory, interleave, line, rate, runProgram } from './support.ts';

const LOOPS = 4_000_000;
const CALLS = 300_000;
const ROUNDS = 5;
const LOOP = `new c in { contract c(@n) = { if (n > 0) { c!(n - 1) } } | c!(${LOOPS}) }`;
const PING_PONG = `new a, b in {
  contract a(@n) = { if (n > 0) { b!(n - 1) } } | contract b(@n) = { if (n > 0) { a!(n - 1) } } | a!(${LOOPS})
}`;
const CALL = `new c, echo in {
  contract echo(@n, r) = { r!(n) } |
  contract c(@n) = { if (n > 0) { new r in { echo!(n, *r) | for (@m <- r) { c!(m - 1) } } } } | c!(${CALLS})
}`;

type Handler = (message: number) => void;

/** The reference: channels are keys of a Map, a channel is a queue of messages and a queue of handlers. */
class Plain {
  readonly #channels = new Map<number, { data: number[]; waiting: { run: Handler; persist: boolean }[] }>();
  readonly #tasks: { run: Handler; message: number }[] = [];

  #place(channel: number): { data: number[]; waiting: { run: Handler; persist: boolean }[] } {
    let place = this.#channels.get(channel);
    if (place === undefined) {
      place = { data: [], waiting: [] };
      this.#channels.set(channel, place);
    }
    return place;
  }

  send(channel: number, message: number): void {
    const place = this.#place(channel);
    const [first] = place.waiting;
    if (first === undefined) {
      place.data.push(message);
      return;
    }
    if (!first.persist) place.waiting.shift();
    this.#tasks.push({ run: first.run, message });
  }

  receive(channel: number, run: Handler, persist: boolean): void {
    const place = this.#place(channel);
    const message = place.data.shift();
    if (message !== undefined) this.#tasks.push({ run, message });
    if (message === undefined || persist) place.waiting.push({ run, persist });
  }

  run(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) task.run(task.message);
  }
}

function plainLoop(): void {
  const plain = new Plain();
  plain.receive(
    1,
    (n) => {
      if (n > 0) plain.send(1, n - 1);
    },
    true,
  );
  plain.send(1, LOOPS);
  plain.run();
}

function plainPingPong(): void {
  const plain = new Plain();
  plain.receive(
    1,
    (n) => {
      if (n > 0) plain.send(2, n - 1);
    },
    true,
  );
  plain.receive(
    2,
    (n) => {
      if (n > 0) plain.send(1, n - 1);
    },
    true,
  );
  plain.send(1, LOOPS);
  plain.run();
}

const inMemory = async (source: string, comms: number): Promise<number> =>
  (comms / (await runProgram(source, null))) * 1000;
const onDisk = (source: string, comms: number): Promise<number> =>
  inDirectory(async (directory) => (comms / (await runProgram(source, join(directory, 'space')))) * 1000);

export async function bench(): Promise<BenchLine[]> {
  const loop = await interleave(
    ROUNDS,
    () => inMemory(LOOP, LOOPS),
    () => rate(LOOPS, plainLoop),
  );
  const pingPong = await interleave(
    ROUNDS,
    () => inMemory(PING_PONG, LOOPS),
    () => rate(LOOPS, plainPingPong),
  );
  const durableLoop = await interleave(
    ROUNDS,
    () => onDisk(LOOP, LOOPS),
    () => inMemory(LOOP, LOOPS),
  );
  const durablePingPong = await interleave(
    ROUNDS,
    () => onDisk(PING_PONG, LOOPS),
    () => inMemory(PING_PONG, LOOPS),
  );
  const call = await interleave(
    ROUNDS,
    () => inMemory(CALL, CALLS),
    () => inMemory(LOOP, LOOPS),
  );
  return [
    line('Rholang loop, in memory', 'COMMs/s', loop.ours, 'plain queues and a Map', loop.theirs, 0.125),
    line('Rholang ping-pong, in memory', 'COMMs/s', pingPong.ours, 'plain queues and a Map', pingPong.theirs, 0.125),
    line('Rholang loop, in sync', 'COMMs/s', durableLoop.ours, 'in memory', durableLoop.theirs, 0.7),
    line('Rholang ping-pong, in sync', 'COMMs/s', durablePingPong.ours, 'in memory', durablePingPong.theirs, 0.7),
    line('Rholang call with a fresh reply channel', 'calls/s', call.ours, 'COMMs of the loop', call.theirs, 0.1),
  ];
}
