/** The example host as a child of a node. */
import { serveHost } from '../../../src/embedding/host.ts';
import { host } from './example.ts';

await serveHost(host);
