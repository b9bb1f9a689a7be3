/** What can be said on system channels: declarations, the argument check, and what natives answer. */
export * from './types.ts';
export * from './declare.ts';
export * from './call.ts';
export * from './native.ts';
export { revoker } from './revoker.ts';
export { system } from './system.ts';
export { input, output, stderr, stderrAck, stdout, stdoutAck } from './stdio.ts';
export { directory } from './directory.ts';
export { file } from './file.ts';
export { httpClient, httpResource } from './http.ts';
export { text } from './text.ts';
export { config } from './config.ts';
export { socket, tcpClient, tcpConnector, tcpListener } from './tcp.ts';
export { udp, udpSocket } from './udp.ts';
export { peers } from './peers.ts';
export { timer } from './timer.ts';
export { random } from './random.ts';
export {
  blake2b256Hash,
  crypto,
  ed25519Verify,
  keccak256Hash,
  secp256k1Verify,
  sha256Hash,
} from './crypto.ts';
export { hardware } from './hardware.ts';
export { load } from './load.ts';
export { argumentsSchema, jsonSchema } from './schema.ts';
export type { JsonSchema } from './schema.ts';
export { referencePage } from './reference.ts';
export { clientTypes } from './typescript.ts';
export { SYSTEM_CHANNELS } from './all.ts';
