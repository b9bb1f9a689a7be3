/** TCP: where may be connected to, and where may be listened. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { endpointRule } from '../endpoint.ts';
import { powerName } from './name.ts';
import { bytesPerSecond, clientTls, listenRule, portRule, rules, serverTls, socketsMax } from './sockets.ts';

export const tcpPower = z.strictObject({
  kind: z.literal('tcp'),
  name: powerName.default('tcp'),
  /** Where may be connected to: `example.com:443`, `10.0.0.0/8:5432`, `[::1]:8000-8100`. */
  connect: rules(endpointRule),
  /** Where may be listened; every address of the machine only where `0.0.0.0` or `[::]` is spelled out. */
  listen: rules(listenRule),
  /** Ports from which may be connected. */
  localPorts: portRule.default('0'),
  /** Open at once: connections in both directions, and listeners. */
  sockets_max: socketsMax,
  in_bytes_per_second: bytesPerSecond,
  out_bytes_per_second: bytesPerSecond,
  /** From the lookup of the name to the end of the handshake. */
  connect_ms_max: z.int().min(1).max(limits.socket_idle_ms_max).default(limits.connect_ms_default),
  /** After which a connection on which nothing comes or goes is closed. */
  idle_ms_max: z.int().min(1).max(limits.socket_idle_ms_max).default(limits.socket_idle_ms_default),
  /** After which the other side is asked whether it is still there; 0 for never. */
  keepAlive_ms: z.int().min(0).max(limits.socket_idle_ms_max).default(limits.socket_keep_alive_ms_default),
  /** Of one connection, come and not asked for yet; also the most that one call can ask for. */
  receive_bytes_max: z.int().min(64).max(limits.read_bytes_max).default(limits.socket_receive_bytes_default),
  tls: clientTls.default({}),
  /** Absent: nothing here can be listened for with encryption. */
  serverTls: serverTls.optional(),
});
