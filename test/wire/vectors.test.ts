/** The vectors of the wire, in both directions. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Tokens } from '../../src/capability/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import type { ForeignForm } from '../../src/values/index.ts';
import {
  clientForm,
  clientParts,
  clientSealing,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readClientMessage,
  readReference,
  readServerMessage,
  serverParts,
  WIRE_VERSION,
  WireExtension,
} from '../../src/wire/index.ts';
import { hex, read, unhex, write, type Written } from './written.ts';

interface Vectors {
  readonly version: number;
  readonly frames: readonly {
    readonly name: string;
    readonly from: 'client' | 'service';
    readonly parts: readonly (readonly Written[])[];
    readonly bytes: string;
  }[];
  readonly lenient: readonly {
    readonly name: string;
    readonly parts: readonly (readonly Written[])[];
    readonly bytes: string;
  }[];
  readonly refused: readonly { readonly name: string; readonly bytes: string }[];
  readonly tokens: readonly {
    readonly sealKey: string;
    readonly holder: string;
    readonly epoch: number;
    readonly bytes: string;
    readonly rights: number;
    readonly token: string;
  }[];
}

const vectors = JSON.parse(readFileSync(new URL('../../spec/vectors/wire.json', import.meta.url), 'utf8')) as Vectors;

/** `POWERBOX_FUZZ=1000000` tries as many. */
const FUZZ_RUNS = Number(process.env['POWERBOX_FUZZ'] ?? 5_000);

/** As a service reads, with tokens and references as they came. */
const form: ForeignForm = {
  extension: (type, payload) =>
    type === WireExtension.Reference ? readReference(payload) : clientForm.extension(type, payload),
};

describe('the vectors of the wire', () => {
  const encoder = new MessageEncoder(clientSealing);

  it('are of the version that is implemented', () => assert.equal(vectors.version, WIRE_VERSION));

  it('are written as these bytes, and read from them', () => {
    for (const { name, parts, bytes } of vectors.frames) {
      const written = frameOf(parts.map((message) => encoder.encode(message.map(read))));
      assert.equal(hex(written), bytes, name);
      const found = decodeFrame(unhex(bytes), form);
      assert.deepEqual(
        found.map((message) => message.map(write)),
        parts,
        name,
      );
    }
  });

  it('say what messages say: each is one of its side, and is written again as it was', () => {
    for (const { name, from, bytes } of vectors.frames) {
      const found = decodeFrame(unhex(bytes), form);
      const again =
        from === 'client'
          ? found.map((parts) => clientParts(readClientMessage(parts)))
          : found.map((parts) => serverParts(readServerMessage(parts)));
      assert.equal(hex(frameOf(again.map((parts) => encoder.encode(parts)))), bytes, name);
    }
  });

  it('are read from other bytes that say the same', () => {
    for (const { name, parts, bytes } of vectors.lenient)
      assert.deepEqual(
        decodeFrame(unhex(bytes), form).map((message) => message.map(write)),
        parts,
        name,
      );
  });

  it('are refused for what nobody may say', () => {
    for (const { name, bytes } of vectors.refused)
      assert.throws(
        () => decodeFrame(unhex(bytes), form).map(readClientMessage),
        (error) => isPowerboxError(error) && error.code === 'wire_invalid',
        name,
      );
  });

  it('with bytes changed, cut or put in are read or refused, and nothing else', () => {
    const frames = [...vectors.frames, ...vectors.lenient, ...vectors.refused].map(({ bytes }) => unhex(bytes));
    const change = fc.record({ at: fc.nat(2000), byte: fc.nat(255), how: fc.nat(3) });
    fc.assert(
      fc.property(fc.constantFrom(...frames), fc.array(change, { minLength: 1, maxLength: 4 }), (frame, changes) => {
        let bytes = Buffer.from(frame);
        for (const { at, byte, how } of changes) {
          const place = at % (bytes.length + 1);
          const rest = bytes.subarray(how === 0 || how === 3 ? place + 1 : place);
          if (how === 1) bytes = bytes.subarray(0, place);
          else bytes = Buffer.concat([bytes.subarray(0, place), ...(how === 3 ? [] : [Buffer.of(byte)]), rest]);
        }
        try {
          decodeFrame(bytes, form).map(readClientMessage);
        } catch (error) {
          assert.ok(isPowerboxError(error) && error.code === 'wire_invalid', String(error));
        }
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  it('of tokens are sealed and opened as is written', () => {
    for (const { sealKey, holder, epoch, bytes, rights, token } of vectors.tokens) {
      const tokens = new Tokens(unhex(sealKey), holder, epoch);
      assert.equal(hex(tokens.seal(unhex(bytes), rights)), token);
      assert.deepEqual(tokens.open(unhex(token)), { rights, bytes: unhex(bytes) });
      for (const other of [
        new Tokens(unhex(sealKey), `${holder}x`, epoch),
        new Tokens(unhex(sealKey), holder, epoch + 1),
        new Tokens(unhex(sealKey.replace(/^../, 'ff')), holder, epoch),
      ])
        assert.equal(other.open(unhex(token)), null);
    }
  });
});
