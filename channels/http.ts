/** HTTP: URLs become channels to what is there, and each request is a call of one. */
import { declareChannel, method } from './declare.ts';
import type { Form, MethodSource } from './declare.ts';
import { t } from './types.ts';

export const httpClient = declareChannel({
  name: 'httpClient',
  doc: 'Resolves URLs within what was granted. Asks nobody.',
  methods: {
    resolve: method({
      doc:
        'Answers the channel of what is at a URL. It begins with `http://` or `https://`, has neither user nor password nor ' +
        'fragment, and is written in the one way that nobody reads differently; all else is answered `url_invalid`, and ' +
        '`address_refused` where no grant covers it.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [{ name: 'url', type: t.either(t.string(), t.uri) }], result: t.channel('httpResource') }],
    }),
  },
});

const options = {
  name: 'options',
  type: t.map(),
  doc:
    'A map of: `headers`, a map from names to strings or lists of strings; `query`, a map from names to strings, numbers, ' +
    'booleans or lists of them, added to the query of the URL; `as`, one of "value", "text", "bytes" and "chunks"; ' +
    '`chunkBytes`, the most that a chunk has; `redirects`, how many are followed; `encode`, "json" or "form", for a body.',
};

const body = {
  name: 'body',
  type: t.either(t.nil, t.string(), t.bytes(), t.bool, t.int(), t.bigint, t.float, t.list(), t.set(), t.map()),
  doc: 'Nil for none; a string goes as text, bytes as they are, everything else as JSON.',
};

const ANSWER = 'a map of `status`, `headers`, `url` and `body`';
const answer = t.map();

function asking(doc: string): MethodSource {
  const forms: Form[] = [
    { args: [], result: answer },
    { args: [options], result: answer },
  ];
  return method({ doc, effect: 'observe', lane: null, forms });
}

function sending(doc: string, recovery: 'repeat' | 'ask'): MethodSource {
  const forms: Form[] = [
    { args: [body], result: answer },
    { args: [body, options], result: answer },
  ];
  return method({ doc, effect: 'change', recovery, lane: null, forms });
}

export const httpResource = declareChannel({
  name: 'httpResource',
  doc:
    `What is at a URL. Each method is one request and answers ${ANSWER}. ` +
    '`status` is a number; `headers` a map from names in lower case to strings, of which those that came several times are ' +
    'joined with commas (`set-cookie` is a list); `url` where the answer came from, after redirects. `body` is what its ' +
    'media type says: JSON as values, text as a string, everything else, and what cannot be read as what it claims to be, ' +
    'as bytes; Nil where there is none. As "chunks" it is a channel of byte arrays that ends with Nil, or with an error. ' +
    'A status of 400 or above is an answer like others, and also goes to STDERR. Requests to one URL run side by side.',
  methods: {
    get: asking('Asks for it.'),
    head: asking('Asks for its headers.'),
    options: asking('Asks what may be asked.'),
    post: sending(
      'Sends a body to it. A request that a crash cut off is made again where the grant names a header for the key of the ' +
        'effect, so that the server can tell; else the call is answered `interrupted`.',
      'ask',
    ),
    put: sending('Puts a body in its place. A request that a crash cut off is made again.', 'repeat'),
    patch: sending('Changes it. After a crash it is as with `post`.', 'ask'),
    delete: method({
      doc: 'Deletes it. A request that a crash cut off is made again.',
      effect: 'change',
      recovery: 'repeat',
      lane: null,
      forms: [
        { args: [], result: answer },
        { args: [options], result: answer },
      ],
    }),
  },
});
