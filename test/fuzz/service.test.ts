/**
 * The service under frames that nobody should send. `FUZZ_SEED` is the dice; the soak of a million is
 * `npm run soak:fuzz`.
 */
import assert from 'node:assert/strict';
import { fuzzService, requireNoGrowth, requireNothingOpen } from './service.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const FRAMES = Number(process.env['FUZZ_SERVICE_FRAMES'] ?? 8_000);

describe('a service that is sent garbage', function () {
  this.timeout(600_000);

  it(`lives through ${FRAMES} frames, answers or ends each connection, and holds what it held`, async () => {
    const result = await fuzzService({ seed: SEED, frames: FRAMES });
    const { connections, dismissed, raw } = result;
    // Most visits end with a frame that is refused; else it was no garbage.
    assert.ok(dismissed > connections / 4 && raw > 10, JSON.stringify(result));
    requireNothingOpen(result);
    requireNoGrowth(result);
  });
});
