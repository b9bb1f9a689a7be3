/** The hostile host in a thread: it speaks past its server over the port of the thread. */
import { parentPort } from 'node:worker_threads';
import { hostile } from './hostile.ts';

export const native = hostile((bytes) => parentPort?.postMessage(bytes));
