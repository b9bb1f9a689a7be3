/** The system process: what a powerbox hands to its holder. */
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

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
    stdout: method({
      doc: 'Answers the channel of standard output.',
      effect: 'none',
      forms: [{ args: [], result: t.channel('output') }],
    }),
    stderr: method({
      doc: 'Answers the channel of standard error.',
      effect: 'none',
      forms: [{ args: [], result: t.channel('output') }],
    }),
    stdin: method({
      doc: 'Answers the channel of standard input.',
      effect: 'none',
      forms: [{ args: [], result: t.channel('input') }],
    }),
    fileSystem: method({
      doc: 'Answers the channel of a granted directory.',
      effect: 'none',
      forms: [
        { args: [], result: t.channel('directory'), doc: 'The one granted as `files`, else the first.' },
        {
          args: [{ name: 'grant', type: t.string() }],
          result: t.channel('directory'),
          doc: 'The one granted by this name.',
        },
      ],
    }),
    methods: method({
      doc: 'Answers what this powerbox holds: a map from method to its documentation, effect and forms.',
      effect: 'none',
      forms: [{ args: [], result: t.map(t.map()) }],
    }),
  },
});
