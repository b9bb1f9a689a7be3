/** The example host at a port of its own: key and port on its command line, its URL on standard output. */
import { listenHost } from '../../../src/embedding/host.ts';
import { host } from './example.ts';

const [, , key = '', port = '0'] = process.argv;
const listening = await listenHost(host, { key, port: Number(port) });
process.stdout.write(`${listening.url}\n`);
