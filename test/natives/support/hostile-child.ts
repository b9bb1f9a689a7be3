/** The hostile host as a child: it has the secret, and frames of its own. */
import { Socket } from 'node:net';
import { FrameReader, FrameWriter, GREETING } from '../../../src/natives/framing.ts';
import { HostSession } from '../../../src/natives/serve.ts';
import { hostile } from './hostile.ts';

const [fromNode, toNode] = [new Socket({ fd: 3, writable: false }), new Socket({ fd: 4, readable: false })];
let reader: FrameReader | null = null;
fromNode.on('data', (chunk: Buffer) => {
  if (reader !== null) {
    reader.push(chunk);
    return;
  }
  // The greeting comes in one piece, for it is written in one.
  const secret = new Uint8Array(chunk.subarray(GREETING.length, GREETING.length + 32));
  const writer = new FrameWriter(secret, 'from-host');
  const send = (bytes: Uint8Array): void => {
    // Between any two frames stands one that has the tag of nobody.
    toNode.write(new FrameWriter(new Uint8Array(32), 'from-host').frame(bytes));
    toNode.write(writer.frame(bytes));
  };
  const session = new HostSession(
    { natives: [hostile(send)] },
    { send, dropped: () => 0, memory_bytes: () => 0, onStop: () => process.exit(0), onRefused: () => process.exit(1) },
  );
  reader = new FrameReader(secret, 'from-node', 1 << 24, (arrival) => session.arrived(arrival));
  reader.push(chunk.subarray(GREETING.length + 32));
});
fromNode.on('close', () => process.exit(0));
