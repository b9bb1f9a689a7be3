/** TCP: connections to outside and from outside. Bytes only; what they mean is the business of programs. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import type { Argument } from './declare.ts';
import { t } from './types.ts';

export const data = t.either(t.string(), t.bytes());
export const endpoint = t.string({ min: 1, max: limits.endpoint_bytes_max });
export const port = t.int({ min: 0, max: 65_535 });

const count = t.int({ min: 1, max: limits.read_bytes_max });
const delimiter = t.either(
  t.string({ min: 1, max: limits.delimiter_bytes_max }),
  t.bytes({ min: 1, max: limits.delimiter_bytes_max }),
);
const options = t.map(t.either(t.bool, t.string()));

export const tcpClient = declareChannel({
  name: 'tcpClient',
  doc: 'Connections to outside, from a port of this machine.',
  methods: {
    resolve: method({
      doc: 'Answers the channel from which connections are opened with this local port, "0" for any that is free.',
      effect: 'none',
      forms: [
        { args: [{ name: 'localPort', type: t.string({ min: 1, max: 5 }) }], result: t.channel('tcpConnector') },
        { args: [{ name: 'localPort', type: port }], result: t.channel('tcpConnector') },
      ],
    }),
  },
});

export const tcpConnector = declareChannel({
  name: 'tcpConnector',
  doc: 'Opens connections. An address is `host:port`: a plain name, an IPv4 address or an IPv6 address in brackets.',
  methods: {
    resolve: method({
      doc:
        'Connects, and answers the channel of the socket. The name is looked up, its addresses are judged by the grant, ' +
        'and the connection is made to one that was judged. What was not granted is refused with `address_refused` before ' +
        'anything leaves; what cannot be reached with `net_failed` and the reason.',
      effect: 'change',
      recovery: 'none',
      forms: [
        { args: [{ name: 'address', type: endpoint }], result: t.channel('socket') },
        {
          args: [
            { name: 'address', type: endpoint },
            {
              name: 'options',
              type: options,
              doc: '`"tls"`: true for an encrypted connection; `"servername"`: the name that the certificate must be for.',
            },
          ],
          result: t.channel('socket'),
        },
      ],
    }),
  },
});

const where: readonly (readonly [Argument, string])[] = [
  [{ name: 'address', type: endpoint }, 'At an address of this machine, `address:port`.'],
  [{ name: 'port', type: port }, 'At the first granted address that has this port.'],
];
const listenOptions: Argument = {
  name: 'options',
  type: options,
  doc: '`"tls"`: true for encrypted connections, with the certificate of the grant.',
};

export const tcpListener = declareChannel({
  name: 'tcpListener',
  doc:
    'Opens ports for connections from outside. Each arrives as the message `(socket, {"remote": "address:port", ' +
    '"local": "address:port"})`. A port stays open over a restart: it is opened again, and where that fails the channel ' +
    'says so as an error and ends. While connections lie unread, as many as a source may have unread, the next ones wait.',
  methods: {
    listen: method({
      doc: 'Answers the channel on which connections arrive. Port 0 is for `bind`.',
      effect: 'change',
      recovery: 'repeat',
      forms: where.flatMap(([argument, doc]) => [
        { args: [argument], result: t.channel(), doc },
        { args: [argument, listenOptions], result: t.channel(), doc },
      ]),
    }),
    bind: method({
      doc: 'As `listen`, and answers `{"connections": channel, "local": "address:port"}`. Port 0 is any that is free; it is the same one after a restart.',
      effect: 'change',
      recovery: 'repeat',
      forms: where.flatMap(([argument, doc]) => [
        { args: [argument], result: t.map(), doc },
        { args: [argument, listenOptions], result: t.map(), doc },
      ]),
    }),
    close: method({
      doc: 'Closes the port behind the channel. Connections that have arrived go on; those that lie there unannounced are closed.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [{ name: 'connections', type: t.name }], result: t.nil }],
    }),
  },
});

const sent: Argument = { name: 'data', type: data };
const bytesOrEnd = t.either(t.bytes(), t.nil);

export const socket = declareChannel({
  name: 'socket',
  doc:
    'A connection. It belongs to the process that opened it: after a restart every call is answered `handle_closed`, as ' +
    'after `close`. What is received is journaled with the answer that hands it out. Calls that receive stand in one order, ' +
    'calls that send in another. Programs and peers slow each other: an answer to `send` says that the bytes have left ' +
    'for the system, and what nobody receives is not taken from the peer beyond the bound of the grant. Where a peer ' +
    'answers what it is told, `exchange` does both in one call, so one is on record and not two. A connection on which nothing ' +
    'comes or goes is closed after the time of the grant.',
  methods: {
    send: method({
      doc: 'Sends a string as UTF-8, or bytes. Answers when the system has taken all of it. If the caller gives up earlier, what has been handed over still goes out, before anything that is sent later.',
      effect: 'change',
      recovery: 'none',
      lane: 'out',
      forms: [{ args: [sent], result: t.nil }],
    }),
    sendFrame: method({
      doc: 'Sends the length of the data as four bytes, greatest first, and the data.',
      effect: 'change',
      recovery: 'none',
      lane: 'out',
      forms: [{ args: [sent], result: t.nil }],
    }),
    receive: method({
      doc: 'Takes bytes that have come. Answers Nil when the peer has ended and everything was taken.',
      effect: 'observe',
      unseen: true,
      patient: true,
      lane: 'in',
      forms: [
        { args: [], result: bytesOrEnd, doc: 'At least one byte, and as many as are there.' },
        {
          args: [{ name: 'count', type: count }],
          result: bytesOrEnd,
          doc: 'Exactly so many. Where the peer ends before, the call fails and takes nothing.',
        },
      ],
    }),
    receiveUntil: method({
      doc: 'Takes the bytes before the next delimiter, and the delimiter, which is not answered. Nil at the end; the call fails and takes nothing where the peer ends, or more bytes than are granted come, without one.',
      effect: 'observe',
      unseen: true,
      patient: true,
      lane: 'in',
      forms: [{ args: [{ name: 'delimiter', type: delimiter }], result: bytesOrEnd }],
    }),
    receiveFrame: method({
      doc: 'Takes what one `sendFrame` has sent. Nil at the end; a frame that is longer than is granted is refused with `value_too_large` and stays where it is.',
      effect: 'observe',
      unseen: true,
      patient: true,
      lane: 'in',
      forms: [{ args: [], result: bytesOrEnd }],
    }),
    exchange: method({
      doc:
        'Sends, and then takes as `receive` does, behind the calls that wait to receive already; what lay there unread ' +
        'comes first. What is sent later waits for that. Where sending fails it answers as `send`, and nothing is taken. ' +
        'If the caller gives up, what comes then is for whoever receives next.',
      effect: 'change',
      recovery: 'none',
      patient: true,
      lane: 'out',
      forms: [
        { args: [sent], result: bytesOrEnd, doc: 'At least one byte, and as many as are there.' },
        {
          args: [sent, { name: 'count', type: count }],
          result: bytesOrEnd,
          doc: 'Exactly so many. Where the peer ends before, the call fails and takes nothing.',
        },
      ],
    }),
    exchangeUntil: method({
      doc: 'As `exchange`, and takes as `receiveUntil`.',
      effect: 'change',
      recovery: 'none',
      patient: true,
      lane: 'out',
      forms: [{ args: [sent, { name: 'delimiter', type: delimiter }], result: bytesOrEnd }],
    }),
    exchangeFrame: method({
      doc: 'As `exchange`, sends as `sendFrame` and takes as `receiveFrame`.',
      effect: 'change',
      recovery: 'none',
      patient: true,
      lane: 'out',
      forms: [{ args: [sent], result: bytesOrEnd }],
    }),
    end: method({
      doc: 'Says to the peer that nothing more will be sent, after what was sent before. One can go on receiving.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'out',
      forms: [{ args: [], result: t.nil }],
    }),
    close: method({
      doc: 'Ends the connection in both directions. What was sent before still goes out; calls that wait to receive are answered `handle_closed`.',
      effect: 'change',
      recovery: 'repeat',
      lane: 'control',
      forms: [{ args: [], result: t.nil }],
    }),
    info: method({
      doc: 'Answers `{"remote", "local", "tls", "received_bytes", "sent_bytes", "unread_bytes", "ended"}`, and of an encrypted connection `"protocol"`, `"cipher"` and `"servername"`. `ended`: the peer sends no more.',
      effect: 'observe',
      unseen: true,
      lane: 'control',
      forms: [{ args: [], result: t.map() }],
    }),
  },
});
