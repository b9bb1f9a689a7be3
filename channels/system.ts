/** The system process: what a powerbox hands to its holder. */
import { declareChannel, method } from './declare.ts';
import type { MethodSource } from './declare.ts';
import { t } from './types.ts';

/** A method that answers the channel of what was granted: by its usual name, or by another one. */
function handsOut(doc: string, kind: string): MethodSource {
  return method({
    doc,
    effect: 'none',
    forms: [
      { args: [], result: t.channel(kind), doc: 'The one granted by the usual name, else the first.' },
      { args: [{ name: 'grant', type: t.string() }], result: t.channel(kind), doc: 'The one granted by this name.' },
    ],
  });
}

export const system = declareChannel({
  name: 'system',
  doc: 'A powerbox: hands out channels within its grants. A method that was not granted answers `not_available`.',
  methods: {
    print: method({
      doc: 'Writes a string as UTF-8, or bytes, as they are, and a newline on standard output.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [{ name: 'text', type: t.either(t.string(), t.bytes()) }], result: t.nil }],
    }),
    stdout: handsOut('Answers the channel of standard output.', 'output'),
    stderr: handsOut('Answers the channel of standard error.', 'output'),
    stdin: handsOut('Answers the channel of standard input.', 'input'),
    fileSystem: handsOut('Answers the channel of a granted directory.', 'directory'),
    httpClient: handsOut('Answers the resolver of URLs.', 'httpClient'),
    tcpClient: handsOut('Answers the resolver of local ports, from which connections are made.', 'tcpClient'),
    tcpListener: handsOut('Answers the channel on which ports are opened for connections from outside.', 'tcpListener'),
    udp: handsOut('Answers the channel on which UDP ports are bound.', 'udp'),
    timer: handsOut('Answers the channel of the clock and of timers.', 'timer'),
    random: handsOut('Answers the channel of randomness.', 'random'),
    crypto: handsOut('Answers the channel of hashes and signatures.', 'crypto'),
    config: handsOut('Answers the channel of the documents of the operator.', 'config'),
    peers: handsOut('Answers the channel of the other nodes.', 'peers'),
    hardware: handsOut('Answers the channel that tells what the machine has.', 'hardware'),
    load: handsOut('Answers the channel that loads packages of native code.', 'load'),
    native: method({
      doc: 'Answers the channel of a native that a host of the operator runs.',
      effect: 'none',
      forms: [
        { args: [], result: t.name, doc: 'The first that was granted.' },
        { args: [{ name: 'grant', type: t.string() }], result: t.name, doc: 'The one granted by this name.' },
      ],
    }),
    methods: method({
      doc: 'Answers what this powerbox holds: a map from method to its documentation, effect and forms.',
      effect: 'none',
      forms: [{ args: [], result: t.map(t.map()) }],
    }),
  },
});
