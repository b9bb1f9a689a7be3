/** UDP: datagrams, which may be lost, come twice or in another order. Nothing is sent again. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import type { Argument, Form } from './declare.ts';
import { data, endpoint, port } from './tcp.ts';
import { t } from './types.ts';

const group: Argument = { name: 'group', type: t.string({ min: 1, max: 64 }) };
const groupForms: readonly Form[] = [
  {
    args: [group],
    result: t.nil,
    doc: 'At the network of the address that the socket is bound to, or the one the system takes.',
  },
  {
    args: [group, { name: 'interface', type: t.string({ min: 1, max: 64 }) }],
    result: t.nil,
    doc: 'At the network of this address of the machine. What is sent to groups goes there from then on.',
  },
];

export const udp = declareChannel({
  name: 'udp',
  doc: 'Ports for datagrams.',
  methods: {
    bind: method({
      doc: 'Binds a port, 0 for any that is free, and answers the channel of its socket.',
      effect: 'change',
      recovery: 'repeat',
      forms: [
        {
          args: [{ name: 'address', type: endpoint }],
          result: t.channel('udpSocket'),
          doc: 'At an address of this machine, `address:port`; a port alone as below.',
        },
        {
          args: [{ name: 'port', type: port }],
          result: t.channel('udpSocket'),
          doc: 'At the first granted address that has this port.',
        },
      ],
    }),
  },
});

export const udpSocket = declareChannel({
  name: 'udpSocket',
  doc:
    'A bound port. It belongs to the process that bound it: after a restart every call is answered `handle_closed`, as after ' +
    '`close`. Datagrams that nobody takes are kept up to the bound of the grant; what comes then is dropped and counted.',
  methods: {
    send: method({
      doc: `Sends one datagram of at most ${limits.datagram_bytes_max} bytes. Its target is looked up and judged each time. That it was sent does not say that it arrived.`,
      effect: 'change',
      recovery: 'none',
      lane: 'out',
      forms: [
        {
          args: [
            { name: 'address', type: endpoint },
            { name: 'data', type: data },
          ],
          result: t.nil,
        },
      ],
    }),
    receive: method({
      doc: 'Takes one datagram: answers `[data, "address:port"]` with its sender.',
      effect: 'observe',
      unseen: true,
      patient: true,
      lane: 'in',
      forms: [{ args: [], result: t.list(null, { min: 2, max: 2 }) }],
    }),
    messages: method({
      doc: 'Answers a channel on which datagrams arrive from now on, each as the message `(data, "address:port")`. It ends with the socket: with the message Nil when the program closed it, else with an error.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'in',
      forms: [{ args: [], result: t.channel() }],
    }),
    join: method({
      doc: 'Receives what is sent to a group, by its address.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'control',
      forms: groupForms,
    }),
    leave: method({
      doc: 'Receives no more what is sent to a group.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'control',
      forms: groupForms,
    }),
    close: method({
      doc: 'Gives the port back. Calls that wait to receive are answered `handle_closed`.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'control',
      forms: [{ args: [], result: t.nil }],
    }),
    info: method({
      doc: 'Answers `{"local", "received", "sent", "unread", "dropped"}`: where it is bound, and datagrams.',
      effect: 'observe',
      unseen: true,
      lane: 'control',
      forms: [{ args: [], result: t.map() }],
    }),
  },
});
