/** UDP: where datagrams may be sent to, and where they may be received. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { endpointRule, groupRule } from '../endpoint.ts';
import { powerName } from './name.ts';
import { bytesPerSecond, listenRule, rules, socketsMax } from './sockets.ts';

export const udpPower = z.strictObject({
  kind: z.literal('udp'),
  name: powerName.default('udp'),
  /** Where may be bound; every address of the machine only where `0.0.0.0` or `[::]` is spelled out. */
  bind: rules(listenRule),
  /** Where may be sent to: `10.0.0.0/8:53`, `example.com:123`. A group is sent to by its address. */
  send: rules(endpointRule),
  /** Groups that may be joined: `239.1.0.0/16`. */
  multicast: rules(groupRule),
  /**
   * Only who has sent may be sent to, and no more bytes than came from there, times `replyRatio_max`: a forged
   * sender then gets no more out of this node than was put into it.
   */
  reply_only: z.boolean().default(false),
  replyRatio_max: z.number().positive().max(limits.reply_ratio_max).default(1),
  sockets_max: socketsMax,
  /** After which a port is given back that its program has neither called nor waits at, whatever comes there. */
  idle_ms_max: z.int().min(1).max(limits.socket_idle_ms_max).default(limits.socket_idle_ms_default),
  /** Datagrams sent in a second, in the mean. */
  datagrams_per_second: z
    .int()
    .min(1)
    .max(limits.datagrams_per_second_max)
    .default(limits.datagrams_per_second_default),
  out_bytes_per_second: bytesPerSecond,
  /** Datagrams of one socket, come and not asked for yet; what comes then is dropped and counted. */
  unread_max: z.int().min(1).max(limits.source_unread_max).default(limits.source_unread_default),
  /** Bytes of them. */
  unread_bytes_max: z.int().min(1).max(limits.read_bytes_max).default(limits.socket_receive_bytes_default),
});
