/**
 * Serves a host to the node that has started this process, over the pipes that it left here: descriptor 3 from the
 * node, 4 to it. An adapter of processes. Nothing is served before the node has told its secret, and the process ends
 * when the node's end of the pipe is gone.
 */
import { Socket } from 'node:net';
import { realPlatform } from '../platform/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { FrameReader, FrameWriter, GREETING, SECRET_BYTES } from './framing.ts';
import { type HostDefinition, HostSession } from './serve.ts';

/** Resolves when the node is gone or has asked for the end, and everything is closed. */
export async function serveChild(definition: HostDefinition): Promise<void> {
  const [fromNode, toNode] = pipes();
  const { timers } = realPlatform();
  let waiting = Buffer.alloc(0);
  let reader: FrameReader | null = null;
  let session: HostSession | null = null;
  const ended = new Promise<number>((resolve) => {
    const start = (secret: Uint8Array): FrameReader => {
      const writer = new FrameWriter(secret, 'from-host');
      const made = new HostSession(definition, {
        send: (bytes) => void toNode.write(writer.frame(bytes)),
        dropped: () => reader?.dropped ?? 0,
        memory_bytes: () => process.memoryUsage.rss(),
        onStop: (grace_ms) => resolve(grace_ms),
        onRefused: () => resolve(0),
      });
      const frames = new FrameReader(secret, 'from-node', limits.host_message_bytes_max, (arrival) => {
        if (session !== null) session.arrived(arrival);
        else early.push(arrival);
      });
      const early: Parameters<HostSession['arrived']>[0][] = [];
      Promise.resolve()
        .then(() => definition.start?.(made.control))
        .then(
          () => {
            session = made;
            for (const arrival of early.splice(0)) made.arrived(arrival);
          },
          (error: unknown) => {
            made.failed(error instanceof Error ? error.message : 'what was thrown is no error');
            resolve(0);
          },
        );
      return frames;
    };
    fromNode.on('data', (chunk: Buffer) => {
      if (reader !== null) {
        reader.push(chunk);
        return;
      }
      waiting = Buffer.concat([waiting, chunk]);
      const head = GREETING.length + SECRET_BYTES;
      if (waiting.length < head) return;
      if (!waiting.subarray(0, GREETING.length).equals(GREETING)) {
        resolve(0);
        return;
      }
      reader = start(new Uint8Array(waiting.subarray(GREETING.length, head)));
      reader.push(waiting.subarray(head));
      waiting = Buffer.alloc(0);
    });
    fromNode.on('close', () => resolve(0));
    fromNode.on('error', () => resolve(0));
    toNode.on('error', () => resolve(0));
  });
  const grace_ms = await ended;
  (session as HostSession | null)?.end();
  const closing = Promise.resolve(definition.close?.());
  if (grace_ms > 0) {
    const late = timers.after(grace_ms, () => toNode.destroy());
    await closing.finally(() => late.cancel());
  } else await closing;
  fromNode.destroy();
  await new Promise<void>((resolve) => void toNode.end(resolve));
  toNode.destroy();
}

function pipes(): readonly [Socket, Socket] {
  try {
    return [
      new Socket({ fd: 3, readable: true, writable: false }),
      new Socket({ fd: 4, readable: false, writable: true }),
    ];
  } catch (cause) {
    throw new PowerboxError('not_available', 'a host is started by a node: the pipes 3 and 4 are not there', {
      hint: 'Name this program below natives in the configuration of a node, as command.',
      cause,
    });
  }
}
