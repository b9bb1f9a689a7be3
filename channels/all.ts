/** Every declaration of this folder, in the order of the reference page. A new channel is added here. */
import { blake2b256Hash, crypto, ed25519Verify, keccak256Hash, secp256k1Verify, sha256Hash } from './crypto.ts';
import { config } from './config.ts';
import type { ChannelDeclaration } from './declare.ts';
import { directory } from './directory.ts';
import { file } from './file.ts';
import { httpClient, httpResource } from './http.ts';
import { hardware } from './hardware.ts';
import { load } from './load.ts';
import { peers } from './peers.ts';
import { random } from './random.ts';
import { input, output, stderr, stderrAck, stdout, stdoutAck } from './stdio.ts';
import { revoker } from './revoker.ts';
import { system } from './system.ts';
import { socket, tcpClient, tcpConnector, tcpListener } from './tcp.ts';
import { text } from './text.ts';
import { timer } from './timer.ts';
import { udp, udpSocket } from './udp.ts';

export const SYSTEM_CHANNELS: readonly ChannelDeclaration[] = [
  system,
  stdout,
  stdoutAck,
  stderr,
  stderrAck,
  output,
  input,
  directory,
  file,
  text,
  httpClient,
  httpResource,
  tcpClient,
  tcpConnector,
  tcpListener,
  socket,
  udp,
  udpSocket,
  peers,
  timer,
  random,
  crypto,
  sha256Hash,
  keccak256Hash,
  blake2b256Hash,
  ed25519Verify,
  secp256k1Verify,
  hardware,
  load,
  config,
  revoker,
];
