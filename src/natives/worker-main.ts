/**
 * The first module of a host's thread: loads the module that the operator names and serves what it exports over the
 * thread's port. An adapter of worker threads.
 */
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { definitionOf } from './definition.ts';
import { limits } from '../limits.ts';
import { HostSession } from './serve.ts';
import type { WorkerStart } from './worker-launcher.ts';

const port = parentPort;
if (port !== null) {
  const early: Uint8Array[] = [];
  let session: HostSession | null = null;
  port.on('message', (bytes: Uint8Array) => {
    if (session === null) early.push(bytes);
    else session.arrived({ kind: 'frame', bytes });
  });
  const { module } = workerData as WorkerStart;
  let stop = async (): Promise<void> => {};
  const options = {
    send: (bytes: Uint8Array) => port.postMessage(bytes),
    dropped: () => 0,
    memory_bytes: heap_bytes,
    onStop: () => void stop().finally(() => port.close()),
    onRefused: () => port.close(),
  };
  try {
    const definition = definitionOf((await import(module)) as Readonly<Record<string, unknown>>);
    const made = new HostSession(definition, options);
    await definition.start?.(made.control);
    stop = async () => {
      made.end();
      await definition.close?.();
    };
    session = made;
    for (const bytes of early.splice(0)) session.arrived({ kind: 'frame', bytes });
  } catch (error) {
    const text = error instanceof Error ? error.message : 'what was thrown is no error';
    new HostSession({ natives: [] }, options).failed(text.slice(0, limits.failure_text_max));
    port.close();
  }
}

/** Of this thread alone: what else a process uses is not counted by thread. */
function heap_bytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
