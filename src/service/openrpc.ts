/**
 * What can be asked in JSON-RPC, described as OpenRPC 1.3 from the declarations of channels: the same ones that calls are
 * checked against. Only computes. Must never describe a method that is not answered, nor leave out one that is.
 */
import {
  type ChannelDeclaration,
  describe,
  type Form,
  type JsonSchema,
  type Method,
  SYSTEM_CHANNELS,
  type Type,
  UNIVERSAL_METHODS,
} from '../../channels/index.ts';
import { ERROR_CODES } from '../errors.ts';
import { limits } from '../limits.ts';

/** The version of what is described here, as `info.version`. */
export const RPC_VERSION = '1';

const VALUE: JsonSchema = { $ref: '#/components/schemas/Value' };
const CHANNEL: JsonSchema = { $ref: '#/components/schemas/Channel' };
const NAME: JsonSchema = { $ref: '#/components/schemas/ChannelName' };
const MESSAGE: JsonSchema = { type: 'array', items: VALUE, maxItems: limits.message_values_max };

interface Parameter {
  readonly name: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
  readonly description?: string;
}

interface OperationText {
  readonly doc: string;
  readonly params: readonly Parameter[];
  readonly result: JsonSchema;
}

const required = (name: string, schema: JsonSchema, description: string): Parameter => ({
  name,
  required: true,
  schema,
  description,
});
const optional = (name: string, schema: JsonSchema, description: string): Parameter => ({
  ...required(name, schema, description),
  required: false,
});

const milliseconds: JsonSchema = { type: 'integer', minimum: 0, maximum: limits.capability_ms_max };
const limit = optional('limit_ms', milliseconds, 'How long to wait, in milliseconds. Default 0: not at all.');
const match = optional('match', MESSAGE, 'What must stand at each place; `{"$any": true}` where anything may.');

const FAILURES: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      code: { type: 'string', enum: [...ERROR_CODES] },
      message: { type: 'string' },
      hint: { type: 'string' },
    },
    required: ['code', 'message', 'hint'],
  },
};

const forkParams: readonly Parameter[] = [
  required('text', { type: 'string' }, 'The program.'),
  optional('name', { type: 'string', maxLength: 256 }, 'What logs call it.'),
  optional(
    'limit_ms',
    { type: 'integer', minimum: 1, maximum: limits.fork_ms_max },
    `How long it may take, in milliseconds. Default ${limits.fork_ms_default}.`,
  ),
  optional(
    'cost_max',
    { type: 'integer', minimum: 1 },
    `What it may cost; at most, and by default, ${limits.session_fork_cost_max}.`,
  ),
];

/** What a holder can do that is no method of an object: the operations of the wire. */
export const OPERATIONS: Readonly<Record<string, OperationText>> = {
  powerbox: { doc: 'Answers the channel of the powerbox of the holder.', params: [], result: CHANNEL },
  deploy: {
    doc: 'Gives a program in Rholang to the space, under the powers of the holder. Answers the number of the deploy.',
    params: [
      required('text', { type: 'string' }, 'The program.'),
      optional('name', { type: 'string', maxLength: 256 }, 'What reports call it.'),
      optional(
        'atomic',
        { type: 'boolean' },
        'Up to its first calls to the world all of it happens, or nothing; default: it goes step by step.',
      ),
    ],
    result: { type: 'object', properties: { deploy: { type: 'integer' } }, required: ['deploy'] },
  },
  query: {
    doc: 'Runs a program that changes nothing, and answers what it sends on `rho:answer`.',
    params: forkParams,
    result: {
      type: 'object',
      properties: { answers: { type: 'array', items: MESSAGE }, cost: { type: 'integer' }, failures: FAILURES },
      required: ['answers', 'cost', 'failures'],
    },
  },
  estimate: {
    doc: 'Says what a program would cost, and which calls to the world it makes first; none is made.',
    params: forkParams,
    result: {
      type: 'object',
      properties: {
        cost: { type: 'integer' },
        exact: { type: 'boolean', description: 'No call was left out.' },
        calls: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              what: { type: 'string' },
              effect: { anyOf: [{ type: 'string', enum: ['none', 'observe', 'change'] }, { type: 'null' }] },
              args: { type: 'array', items: { type: 'string' } },
            },
            required: ['what', 'effect', 'args'],
          },
        },
        failures: FAILURES,
      },
      required: ['cost', 'exact', 'calls', 'failures'],
    },
  },
  produce: {
    doc: 'Sends a message. Answers null when it is durable.',
    params: [
      required('channel', NAME, 'Where to.'),
      required('message', MESSAGE, 'Its values.'),
      optional('persist', { type: 'boolean' }, 'It stays when it is received.'),
      optional('lease_ms', { ...milliseconds, minimum: 1 }, 'It goes away by itself after so many milliseconds.'),
    ],
    result: { type: 'null' },
  },
  take: {
    doc: 'Takes the oldest message that fits. Null when there is none in time.',
    params: [required('channel', NAME, 'Where from.'), match, limit],
    result: { anyOf: [MESSAGE, { type: 'null' }] },
  },
  peek: {
    doc: 'Answers the oldest message that fits; it stays. Null when there is none in time.',
    params: [required('channel', NAME, 'Where.'), match, limit],
    result: { anyOf: [MESSAGE, { type: 'null' }] },
  },
  consume: {
    doc: 'Waits for one message on each channel at once, and takes them. Null when they do not come together in time.',
    params: [
      required(
        'slots',
        {
          type: 'array',
          minItems: 1,
          maxItems: limits.join_channels_max,
          items: {
            type: 'object',
            properties: { channel: NAME, match: MESSAGE, peek: { type: 'boolean' } },
            required: ['channel'],
            additionalProperties: false,
          },
        },
        'The channels. With `peek` the message of one stays.',
      ),
      limit,
    ],
    result: { anyOf: [{ type: 'array', items: MESSAGE }, { type: 'null' }] },
  },
  call: {
    doc:
      'Asks an object by the name of a method, or with `method` null a plain channel, which gets the arguments and after ' +
      'them the channel of the reply. For contracts of programs; what the system has is below, with its types.',
    params: [
      required('channel', NAME, 'Who is asked.'),
      required('method', { anyOf: [{ type: 'string', maxLength: 256 }, { type: 'null' }] }, 'What.'),
      optional('args', MESSAGE, 'With what.'),
      optional('limit_ms', milliseconds, 'How long the answer may take, in milliseconds.'),
    ],
    result: VALUE,
  },
  newNames: {
    doc: 'Makes channels that nobody else has.',
    params: [
      optional('count', { type: 'integer', minimum: 1, maximum: limits.wire_names_max }, 'How many; default 1.'),
    ],
    result: { type: 'array', items: CHANNEL },
  },
  attenuate: {
    doc: 'Answers the same channel with fewer rights.',
    params: [
      required('channel', NAME, 'Which one.'),
      optional('read', { type: 'boolean' }, 'Whether messages may be received there; default: as before.'),
      optional('write', { type: 'boolean' }, 'Whether messages may be sent there; default: as before.'),
    ],
    result: CHANNEL,
  },
  release: {
    doc: 'Gives channels back: their tokens are refused from then on.',
    params: [required('channels', { type: 'array', items: NAME }, 'Which ones.')],
    result: { type: 'null' },
  },
};

/** Where methods that every object has are found. */
export const EVERY_OBJECT = 'object';

/** Declarations whose methods can be asked, by name. */
export const RPC_CHANNELS: ReadonlyMap<string, ReadonlyMap<string, Method>> = new Map([
  ...SYSTEM_CHANNELS.filter(({ kind }) => kind === 'methods').map(
    ({ name, methods }) => [name, methods] as [string, ReadonlyMap<string, Method>],
  ),
  [EVERY_OBJECT, UNIVERSAL_METHODS],
]);

export function openRpcDocument(): JsonSchema {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'powerbox',
      version: RPC_VERSION,
      description:
        'What a holder can ask of a space in JSON-RPC 2.0: POST /rpc, with `Authorization: Bearer` and a token. Values in ' +
        'JSON, batches and results of earlier requests in arguments are described in spec/json-rpc.md.',
      license: { name: 'Apache-2.0' },
    },
    methods: [
      ...Object.entries(OPERATIONS).map(([name, text]) => operation(name, text)),
      ...SYSTEM_CHANNELS.filter(({ kind }) => kind === 'methods').flatMap(channelMethods),
      ...[...UNIVERSAL_METHODS.values()].map((method) => objectMethod(EVERY_OBJECT, method)),
      operation('rpc.discover', { doc: 'Answers this description.', params: [], result: { type: 'object' } }),
    ],
    components: { schemas: SCHEMAS, errors: { Failure: FAILURE } },
  };
}

function operation(name: string, { doc, params, result }: OperationText): JsonSchema {
  return {
    name,
    description: doc,
    paramStructure: 'either',
    params,
    result: { name: 'result', schema: result },
    errors: [{ $ref: '#/components/errors/Failure' }],
  };
}

function channelMethods(declaration: ChannelDeclaration): readonly JsonSchema[] {
  return [...declaration.methods.values()].map((method) => objectMethod(declaration.name, method));
}

function objectMethod(channel: string, method: Method): JsonSchema {
  const { forms } = method;
  const effect = method.recovery === null ? method.effect : `${method.effect}, recovery ${method.recovery}`;
  const several = forms.length > 1 ? forms.map(formLine) : [];
  const self: Parameter = {
    name: 'channel',
    required: channel !== 'system',
    schema: NAME,
    description: channel === 'system' ? 'Default: the powerbox of the holder.' : 'The object that is asked.',
  };
  return operation(`${channel}.${method.name}`, {
    doc: [method.doc, ...several, `Effect: ${effect}.`].join(' '),
    params: [self, ...parametersOf(forms)],
    result: oneOf(forms.map(({ result }) => rpcSchema(result))),
  });
}

function formLine({ args, doc = '' }: Form): string {
  return `With (${args.map(({ name }) => name).join(', ')}): ${doc === '' ? 'as said.' : doc}`;
}

/** One list for all forms: which names stand together is in the description, and checked by the call. */
function parametersOf(forms: readonly Form[]): readonly Parameter[] {
  const names = [...new Set(forms.flatMap(({ args }) => args.map(({ name }) => name)))];
  return names.map((name) => {
    const found = forms.flatMap(({ args }) => args.filter((argument) => argument.name === name));
    const docs = [...new Set(found.flatMap(({ doc }) => (doc === undefined ? [] : [doc])))];
    return {
      name,
      required: found.length === forms.length,
      schema: oneOf(found.map(({ type }) => rpcSchema(type))),
      description:
        docs.length > 0 ? docs.join(' ') : [...new Set(found.map(({ type }) => describe(type)))].join(' or '),
    };
  });
}

function oneOf(schemas: readonly JsonSchema[]): JsonSchema {
  const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  return distinct.length === 1 ? (distinct[0] as JsonSchema) : { anyOf: distinct };
}

/** The values of a type as they stand in JSON here. */
function rpcSchema(type: Type): JsonSchema {
  if (type.choices !== null) return oneOf(type.choices.map(rpcSchema));
  const { min, max } = type;
  const bounds = (least: string, most: string): JsonSchema => ({
    ...(min === null ? {} : { [least]: min }),
    ...(max === null ? {} : { [most]: max }),
  });
  switch (type.word) {
    case 'nil':
      return { type: 'null' };
    case 'bool':
      return { type: 'boolean' };
    case 'int':
      return { type: 'integer', ...bounds('minimum', 'maximum') };
    case 'string':
      // Bounds of strings are of bytes; a string of so many bytes has at most so many characters.
      if (type.values !== null) return { type: 'string', enum: type.values };
      return { type: 'string', ...(max === null ? {} : { maxLength: max }) };
    case 'list':
      return {
        type: 'array',
        items: type.items === null ? VALUE : rpcSchema(type.items),
        ...bounds('minItems', 'maxItems'),
      };
    case 'map':
      return { type: 'object', additionalProperties: type.items === null ? VALUE : rpcSchema(type.items) };
    case 'name':
      return type.channel === null ? NAME : CHANNEL;
    case 'bytes':
      return { $ref: '#/components/schemas/Bytes' };
    default:
      return VALUE;
  }
}

function special(key: string, schema: JsonSchema, description: string): JsonSchema {
  return { type: 'object', description, properties: { [key]: schema }, required: [key], additionalProperties: false };
}

const SCHEMAS: JsonSchema = {
  Value: {
    description: 'Any value; see spec/json-rpc.md.',
    anyOf: [
      { type: ['null', 'boolean', 'number', 'string'] },
      { type: 'array', items: VALUE },
      { $ref: '#/components/schemas/Special' },
      { type: 'object', propertyNames: { not: { pattern: '^\\$' } }, additionalProperties: VALUE },
    ],
  },
  Special: {
    anyOf: [
      special('$int', { type: 'string', pattern: '^-?[0-9]+$' }, 'An integer of 64 bits.'),
      special('$bigint', { type: 'string', pattern: '^-?[0-9]+$' }, 'An integer of any size.'),
      special('$float', { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] }, 'A Float.'),
      { $ref: '#/components/schemas/Bytes' },
      special('$uri', { type: 'string' }, 'A URI.'),
      special('$tuple', { type: 'array', items: VALUE }, 'A tuple.'),
      special('$set', { type: 'array', items: VALUE }, 'A set.'),
      special(
        '$map',
        { type: 'array', items: { type: 'array', items: VALUE, minItems: 2, maxItems: 2 } },
        'A map with any keys.',
      ),
      { $ref: '#/components/schemas/Channel' },
      special('$process', { type: 'string' }, 'A quoted process in Rholang syntax; in results only.'),
      special('$any', { const: true }, 'Anything; in patterns only.'),
      { $ref: '#/components/schemas/Result' },
    ],
  },
  Bytes: special('$bytes', { type: 'string', contentEncoding: 'base64' }, 'A byte array.'),
  Channel: special('$channel', { type: 'string', pattern: '^[A-Za-z0-9_-]+$' }, 'A channel: a token of its holder.'),
  Result: {
    type: 'object',
    description: 'The result of an earlier request of the same batch, by its id, or a part of it.',
    properties: {
      $result: { type: ['string', 'integer'] },
      path: { type: 'array', items: { type: ['string', 'integer'] } },
    },
    required: ['$result'],
    additionalProperties: false,
  },
  ChannelName: {
    description: 'A channel, or where the operator allows it a public name by its value.',
    anyOf: [{ $ref: '#/components/schemas/Channel' }, { $ref: '#/components/schemas/Result' }, VALUE],
  },
};

const FAILURE: JsonSchema = {
  code: -32000,
  message: 'The request was refused or has failed; `data.code` says how.',
  data: {
    type: 'object',
    properties: {
      code: { enum: [...ERROR_CODES] },
      hint: { type: 'string' },
      channel: { type: 'string' },
      method: { type: 'string' },
      mistakes: { type: 'array' },
    },
    required: ['code'],
  },
};
