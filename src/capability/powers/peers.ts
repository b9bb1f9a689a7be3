/** Messages between the configured nodes: with which of them, and about what. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { nodeName } from '../peers-config.ts';
import { powerName } from './name.ts';

export const peersPower = z.strictObject({
  kind: z.literal('peers'),
  name: powerName.default('peers'),
  /** Nodes that may be sent to and heard. Absent: every one that the operator configured. */
  nodes: z.array(nodeName).min(1).max(limits.peer_nodes_max).optional(),
  /** What is sent arrives in the inbox of the same topic: so that contracts of one kind hear each other only. */
  topic: powerName.default('peers'),
  /** Canonical bytes of one message, sent or received. */
  message_bytes_max: z.int().min(1).max(limits.peer_message_bytes_max).default(limits.peer_message_bytes_max),
});
