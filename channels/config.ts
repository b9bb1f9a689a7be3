/** Named documents of the operator, for reading. */
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

const name = { name: 'name', type: t.string() };
const document = t.either(t.nil, t.bool, t.int(), t.float, t.string(), t.list(), t.map());

export const config = declareChannel({
  name: 'config',
  doc:
    'Documents that the operator has given to the holder, checked against their schemas when the node started. They ' +
    'change only with a restart. They are no part of the space, so what is read is journaled with its result.',
  methods: {
    get: method({
      doc: 'Answers the document of this name: maps, lists, strings, numbers and booleans, as it stands in its file.',
      effect: 'observe',
      forms: [{ args: [name], result: document }],
    }),
    list: method({
      doc: 'Answers the names of the documents that may be read, in order.',
      effect: 'observe',
      forms: [{ args: [], result: t.list(t.string()) }],
    }),
    hash: method({
      doc: 'Answers the SHA-256 of the canonical bytes of the document, in hexadecimal: it is the same on every node that was given the same document, however it is written.',
      effect: 'observe',
      forms: [{ args: [name], result: t.string() }],
    }),
  },
});
