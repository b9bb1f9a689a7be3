/** A server in a process of its own, so that both sides of a comparison have the same peer: `echo` or `http`. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';

const BODY = JSON.stringify({
  id: 7,
  name: 'a thing of some length',
  tags: ['one', 'two', 'three'],
  text: 'x'.repeat(150),
});

const server =
  process.argv[2] === 'http'
    ? createHttpServer((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
        response.end(BODY);
      })
    : createServer({ noDelay: true }, (socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      });
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
