/** Messages to and from the other nodes that the operator configured. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

const node = t.string({ min: 1, max: limits.peer_name_bytes_max });

export const peers = declareChannel({
  name: 'peers',
  doc:
    'Authenticated messages between configured nodes. What is sent arrives once, also when either node is killed on ' +
    'the way, and is kept until the other node can be reached. Names and bundles do not travel.',
  methods: {
    send: method({
      doc:
        'Sends a value to a node and answers Nil once its arrival there is durable. Messages that wait for each ' +
        "other's answers arrive in that order; no order is promised among others. The call needs a channel for its answer.",
      effect: 'change',
      recovery: 'repeat',
      lane: null,
      forms: [
        {
          args: [
            { name: 'node', type: node },
            { name: 'message', type: t.any },
          ],
          result: t.nil,
        },
        {
          args: [
            { name: 'node', type: node },
            { name: 'message', type: t.any },
            { name: 'limit_ms', type: t.int({ min: 1, max: limits.peer_limit_ms_max }) },
          ],
          result: t.nil,
          doc: 'Answers `timed_out` when its arrival is not known after so many milliseconds; it may have arrived all the same.',
        },
      ],
    }),
    messages: method({
      doc:
        'Answers the inbox: a channel on which each message arrives as `(from, message)`, with the name of the node ' +
        'that sent it. There is one inbox of a topic in a space; while it is open, another one is refused.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [], result: t.channel() }],
    }),
    close: method({
      doc: 'Ends an inbox. Nodes that send keep their messages until there is another one.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [{ name: 'inbox', type: t.name }], result: t.nil }],
    }),
    members: method({
      doc:
        'Answers a map with an entry for each node that may be spoken with, and this one: `member` (it is connected ' +
        'and in service), `in_service` (what it said last) and `last_seen_ms` (since 1970, or Nil when it was never seen).',
      effect: 'observe',
      lane: null,
      forms: [{ args: [], result: t.map(t.map(null)) }],
    }),
    self: method({
      doc: 'Answers the name of this node.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [], result: t.string() }],
    }),
  },
});
