/**
 * A server in a process of its own, so that both sides of a comparison have the same peer: `echo` or `http`. The one of
 * HTTP is asked for `/thing/N` by many loops at once, each with a number of its own, and notes the time from one request
 * of a number to its next; the line `laps` has it say these times, in milliseconds, and begin anew.
 */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

const BODY = JSON.stringify({
  id: 7,
  name: 'a thing of some length',
  tags: ['one', 'two', 'three'],
  text: 'x'.repeat(150),
});

const THING = '/thing/';

function echo(): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
}

class Things {
  /** By number: when it was asked for last. */
  readonly #asked_ms: number[] = [];
  readonly #laps_ms: number[] = [];
  readonly server: HttpServer = createHttpServer(({ url = '' }, response) => {
    this.#note(Number(url.slice(THING.length)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
    response.end(BODY);
  });

  #note(thing: number): void {
    const now_ms = performance.now();
    const last_ms = this.#asked_ms[thing];
    if (last_ms !== undefined) this.#laps_ms.push(now_ms - last_ms);
    this.#asked_ms[thing] = now_ms;
  }

  laps(): string {
    this.#asked_ms.length = 0;
    return JSON.stringify(this.#laps_ms.splice(0));
  }
}

const things = new Things();
const server = process.argv[2] === 'http' ? things.server : echo();
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'laps') process.stdout.write(`${things.laps()}\n`);
});
lines.on('close', () => process.exit(0));
