/** Frames as such: whatever bytes come, they are read whole or refused with one code, and nothing else happens. */
import assert from 'node:assert/strict';
import { isPowerboxError } from '../../src/errors.ts';
import { encodeValue } from '../../src/values/index.ts';
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
  WireExtension,
} from '../../src/wire/index.ts';
import { FrameMaker, randomOf } from './frames.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 15_000);

const form = {
  extension: (type: number, payload: Uint8Array) =>
    type === WireExtension.Reference ? readReference(payload) : clientForm.extension(type, payload),
};

/** What may be thrown, and by whom; anything else is a bug of ours. */
function refusedWell(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert(isPowerboxError(error) && error.code === 'wire_invalid', `${String(error)}`);
    assert.ok(error.message.length < 500, error.message);
    return false;
  }
}

describe('frames of every kind', function () {
  this.timeout(300_000);

  it(`of ${FRAMES} that are random or spoilt, each is read or refused with wire_invalid`, () => {
    const random = randomOf(SEED);
    const maker = new FrameMaker(random);
    const counts = { read: 0, refused: 0 };
    for (let frame = 0; frame < FRAMES; frame++) {
      const whole = maker.frame(1 + (frame % 1_000)).bytes;
      const bytes = random() < 0.1 ? maker.noise() : maker.spoilt(whole);
      try {
        if (refusedWell(() => void decodeFrame(bytes, form).map(readClientMessage))) counts.read++;
        else counts.refused++;
        refusedWell(() => void decodeFrame(bytes, form).map(readServerMessage));
      } catch (error) {
        const line = `FUZZ_SEED=${SEED} npx mocha test/fuzz/frames.test.ts`;
        throw new Error(`frame ${frame}, ${Buffer.from(bytes).toString('hex')}\nrun it again: ${line}`, {
          cause: error,
        });
      }
    }
    assert.ok(counts.read > FRAMES / 50 && counts.refused > FRAMES / 4, JSON.stringify(counts));
  });

  it('those that are whole come out as they went in', () => {
    const maker = new FrameMaker(randomOf(SEED + 1));
    const encoder = new MessageEncoder(clientSealing);
    for (let round = 0; round < 5_000; round++) {
      const request = maker.request(round + 1);
      const bytes = frameOf([encoder.encode(clientParts(request))]);
      let again: Uint8Array;
      try {
        again = frameOf(decodeFrame(bytes, form).map((parts) => encoder.encode(clientParts(readClientMessage(parts)))));
      } catch (error) {
        // A random pattern or key may be what no client can mean; then it is refused, and only so.
        assert(isPowerboxError(error), String(error));
        continue;
      }
      assert.deepEqual(Buffer.from(again), Buffer.from(bytes), request.kind);
    }
    assert.ok(encodeValue(null).length === 1);
  });
});
