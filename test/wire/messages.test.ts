/** Messages and frames: what is written is read again as it was, and nothing else is taken. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PowerboxError } from '../../src/errors.ts';
import { list, map, tuple, type Value } from '../../src/values/index.ts';
import {
  Capability,
  clientForm,
  clientParts,
  clientSealing,
  type ClientMessage,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readClientMessage,
  readServerMessage,
  type ServerMessage,
  serverParts,
} from '../../src/wire/index.ts';

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ minLength: 40, maxLength: 60 }).map((bytes) => new Capability(bytes)),
) satisfies fc.Arbitrary<Value>;
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }).map((items) => list(items)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => tuple(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => map(entries)),
  ),
})).value;
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const count = fc.nat(1_000_000);
const text = fc.string({ maxLength: 40 });
const message = fc.array(value, { maxLength: 5 });
const slots = fc.array(
  record({
    channel: value,
    pattern: fc.oneof(
      fc.constant(null),
      message.map((items) => list(items)),
    ),
    peek: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
const limit_ms = fc.oneof(fc.constant(null), count);
const secret = fc.uint8Array({ minLength: 1, maxLength: 40 });
const kind = <K extends string>(name: K) => fc.constant(name);

const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  record({
    kind: kind('hello'),
    versions: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
    token: fc.oneof(fc.constant(null), text),
    space: fc.oneof(fc.constant(null), text),
    session: fc.oneof(fc.constant(null), record({ id, secret, handled: count })),
    client: text,
  }),
  record({
    kind: kind('produce'),
    id,
    channel: value,
    message,
    persist: fc.boolean(),
    lease_ms: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 1e9 })),
  }),
  record({ kind: fc.constantFrom('take' as const, 'peek' as const), id, slots, limit_ms }),
  record({ kind: kind('consume'), id, slots, persist: fc.boolean(), credit: fc.nat(60_000) }),
  record({ kind: kind('watch'), id, channel: value, credit: fc.nat(60_000) }),
  record({
    kind: kind('call'),
    id,
    target: value,
    method: fc.oneof(fc.constant(null), text),
    args: message,
    limit_ms,
  }),
  record({
    kind: kind('deploy'),
    id,
    text,
    name: text,
    uris: fc.dictionary(fc.stringMatching(/^[a-z:]{1,20}$/), value).map((uris) => new Map(Object.entries(uris))),
  }),
  record({ kind: kind('names'), id, count: fc.integer({ min: 1, max: 1000 }) }),
  record({ kind: kind('attenuate'), id, capability: value, read: fc.boolean(), write: fc.boolean() }),
  record({ kind: kind('release'), id, capabilities: message, handled: count }),
  record({ kind: kind('cancel'), id, of: id }),
  record({ kind: kind('credit'), id, of: id, more: fc.nat(60_000) }),
  record({ kind: kind('credit'), id, of: id, more: fc.nat(60_000), anew: fc.constant(true) }),
  record({ kind: kind('ack'), number: count }),
  record({ kind: kind('ping'), nonce: count }),
  record({ kind: kind('end') }),
);

const error = record({
  code: text,
  message: text,
  hint: text,
  channel: text,
  method: text,
  mistakes: fc.array(record({ line: count, column: count, code: text, message: text }), { maxLength: 2 }),
});
const serverMessage: fc.Arbitrary<ServerMessage> = fc.oneof(
  record({
    kind: kind('welcome'),
    version: count,
    session: count,
    secret: fc.uint8Array({ maxLength: 32 }),
    resumed: fc.boolean(),
    applied: count,
    powerbox: value,
    holder: text,
    space: text,
    server: text,
    limits: record({
      frame_bytes: count,
      frame_messages: count,
      depth: count,
      requests: count,
      ping_ms: count,
      session_ms: count,
    }),
  }),
  record({ kind: kind('applied'), id: count }),
  record({ kind: kind('deliver'), number: count, id, value, last: fc.boolean() }),
  record({ kind: kind('error'), number: count, id, error }),
  record({ kind: kind('pong'), nonce: count }),
  record({ kind: kind('bye'), error }),
);

const encoder = new MessageEncoder(clientSealing);

describe('messages', () => {
  it('of a client are read as they were written, also many in one frame', () => {
    fc.assert(
      fc.property(fc.array(clientMessage, { maxLength: 20 }), (messages) => {
        const frame = frameOf(messages.map((message) => encoder.encode(clientParts(message))));
        assert.deepEqual(decodeFrame(frame, clientForm).map(readClientMessage), messages);
      }),
      { numRuns: 300 },
    );
  });

  it('of a server are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(serverMessage, { maxLength: 20 }), (messages) => {
        const frame = frameOf(messages.map((message) => encoder.encode(serverParts(message))));
        assert.deepEqual(decodeFrame(frame, clientForm).map(readServerMessage), messages);
      }),
      { numRuns: 300 },
    );
  });

  it('that lose, gain or swap a part are refused, and nothing else comes of them', () => {
    fc.assert(
      fc.property(clientMessage, fc.nat(6), value, (message, at, other) => {
        const parts = [...clientParts(message)];
        parts[Math.min(at, parts.length)] = other;
        const frame = frameOf([encoder.encode(parts)]);
        try {
          decodeFrame(frame, clientForm).map(readClientMessage);
        } catch (error) {
          assert.ok(error instanceof PowerboxError, String(error));
          assert.equal(error.code, 'wire_invalid');
        }
      }),
      { numRuns: 1000 },
    );
  });
});
