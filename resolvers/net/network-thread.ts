/**
 * The thread of the network, from the side of the space: starts it when the first socket is asked for and tells its
 * sockets and ports what it says. An adapter of worker threads. What reads, writes and encrypts costs the thread of the
 * space nothing but a few bytes in a message, and who shakes hands slowly holds up nobody. Owns the thread; it is no
 * reason for the process to stay while nothing is open.
 */
import { Worker } from 'node:worker_threads';
import { type Batch, BatchWriter, readBatch } from './thread/batch.ts';
import { type DialEvents, FarSocket } from './thread/far-socket.ts';
import { FarServer, type ServerEvents } from './thread/far-server.ts';
import type { DialWord, ListenWord, News, Order, SecureFiles } from './thread/words.ts';

/** Found from two folders up, where the root of what is built is, built or not, also for whoever makes one file of all. */
const MAIN = `../../resolvers/net/thread/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`;

/** What is open there. */
interface Subject {
  hear(news: News): void;
}

export type Dial = Omit<DialWord, 'kind' | 'tls'> & {
  readonly tls: { readonly files: SecureFiles; readonly servername: string | null } | null;
};

export class NetworkThread {
  #worker: Worker | null = null;
  #orders: BatchWriter<Order> | null = null;
  readonly #sockets = new Map<number, FarSocket>();
  readonly #servers = new Map<number, FarServer>();
  /** Files that the thread knows, by the object that they are here. */
  readonly #files = new Map<SecureFiles, number>();
  #last = 0;

  /** Opens a connection; `events` hear once that it is open, or that it is not. */
  dial({ tls, ...where }: Dial, events: DialEvents): FarSocket {
    const number = this.#next();
    const files = tls === null ? null : { files: this.#known(tls.files), servername: tls.servername };
    const left = (): void => this.#left(this.#sockets, number);
    const socket = new FarSocket(number, this.#sender(), where.window_bytes, events, left);
    this.#sockets.set(number, socket);
    this.#stay();
    this.#sender().word(number, { kind: 'dial', ...where, tls: files });
    return socket;
  }

  listen(where: Omit<ListenWord, 'kind'>, events: ServerEvents): FarServer {
    const number = this.#next();
    const left = (): void => this.#left(this.#servers, number);
    const server = new FarServer(number, this.#sender(), where.window_bytes, events, left);
    this.#servers.set(number, server);
    this.#stay();
    this.#sender().word(number, { kind: 'listen', ...where });
    return server;
  }

  /** These will not be dialled with any more. */
  forget(files: SecureFiles): void {
    const number = this.#files.get(files);
    if (number === undefined) return;
    this.#files.delete(files);
    this.#orders?.word(number, { kind: 'forget' });
  }

  /** Everything that is open there ends. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#orders?.flush();
    this.#over(worker);
    await worker.terminate();
  }

  #next(): number {
    this.#last += 2;
    return this.#last;
  }

  #known(files: SecureFiles): number {
    const known = this.#files.get(files);
    if (known !== undefined) return known;
    const number = this.#next();
    this.#files.set(files, number);
    this.#sender().word(number, { kind: 'files', files });
    return number;
  }

  #sender(): BatchWriter<Order> {
    if (this.#orders !== null) return this.#orders;
    const { NODE_OPTIONS } = process.env;
    // Of the variables of this process it gets the one that says how modules are loaded; of its options none: they may
    // be about the program that was given to it.
    const env = NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS };
    const worker = new Worker(new URL(MAIN, import.meta.url), { env, execArgv: [] });
    worker.unref();
    worker.on('message', (batch: Batch<News>) => this.#hear(batch));
    // It has no more to say than that it has ended.
    worker.on('error', () => {});
    worker.on('exit', () => this.#over(worker));
    this.#worker = worker;
    this.#orders = new BatchWriter((batch, transferred) => worker.postMessage(batch, transferred), queueMicrotask);
    return this.#orders;
  }

  #hear(batch: Batch<News>): void {
    readBatch(batch, {
      bytes: (number, bytes) => this.#sockets.get(number)?.come(bytes),
      taken: (number) => this.#sockets.get(number)?.taken(),
      credit: () => {},
      word: (number, news) => {
        if (news.kind === 'come') this.#come(number, news);
        else this.#subject(number)?.hear(news);
      },
    });
  }

  #come(port: number, news: News & { kind: 'come' }): void {
    const { socket: number, ends } = news;
    const server = this.#servers.get(port);
    const left = (): void => this.#left(this.#sockets, number);
    const socket = new FarSocket(number, this.#sender(), server?.window_bytes ?? 0, null, left, ends);
    this.#sockets.set(number, socket);
    this.#stay();
    // The port was closed while it came.
    if (server === undefined) socket.destroy();
    else server.come(socket);
  }

  #subject(number: number): Subject | undefined {
    return this.#sockets.get(number) ?? this.#servers.get(number);
  }

  #stay(): void {
    if (this.#sockets.size + this.#servers.size === 1) this.#worker?.ref();
  }

  #left(subjects: Map<number, unknown>, number: number): void {
    if (subjects.delete(number) && this.#sockets.size + this.#servers.size === 0) this.#worker?.unref();
  }

  /** The thread has ended, or will: nothing of it is open any more, and the next socket starts another one. */
  #over(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#orders = null;
    this.#files.clear();
    for (const server of [...this.#servers.values()]) server.hear({ kind: 'failed', code: '' });
    for (const socket of [...this.#sockets.values()]) socket.hear({ kind: 'closed' });
    this.#servers.clear();
    this.#sockets.clear();
  }
}
