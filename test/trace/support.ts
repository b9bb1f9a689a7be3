/** Records what a test does to a space, and replays it. */
import { isPowerboxError } from '../../src/errors.ts';
import assert from 'node:assert/strict';
import { openSpace, type OpenOptions, replayTrace, type Space } from '../../src/embedding/index.ts';
import { readBlocks } from '../../src/trace/blocks.ts';
import { bytesOf, MemoryTrace } from '../../src/trace/index.ts';

/** Nobody reads what programs print there. */
const QUIET: OpenOptions = {
  console: { stdout: async () => {}, stderr: async () => {}, readLine: async () => null },
  onFailure: () => {},
};

/** The trace of what `run` does to a space, with as many keyframes as can be made. */
export async function recorded(run: (space: Space) => Promise<void>, options: OpenOptions = {}): Promise<Uint8Array> {
  const trace = new MemoryTrace();
  const space = await openSpace({ trace_keyframe_bytes: 0, ...QUIET, ...options, trace });
  try {
    await run(space);
  } finally {
    await space.close();
  }
  return trace.bytes();
}

/** Turns behind which a trace has a keyframe. */
export function keyframesIn(trace: Uint8Array): number[] {
  return [...readBlocks(bytesOf(trace))].filter(({ kind }) => kind === 'keyframe-end').map(({ turn }) => turn);
}

/** Whole keyframes of a trace that is still being written, and so has no end. */
export function keyframesSoFar(trace: Uint8Array): number {
  let count = 0;
  try {
    for (const { kind } of readBlocks(bytesOf(trace))) if (kind === 'keyframe-end') count++;
  } catch (error) {
    if (!isPowerboxError(error)) throw error;
  }
  return count;
}

/** Keyframes of one trace at which a replay is begun. */
const BEGINNINGS = 5;

/** A few of them, from the first to the last. */
export function some(turns: readonly number[]): readonly number[] {
  const step = Math.max(1, Math.ceil(turns.length / BEGINNINGS));
  return turns.filter((_, index) => index % step === 0);
}

/**
 * That it replays to its end, each commit to what followed then and each keyframe to what the replay has come to; and that
 * it can be begun at its keyframes.
 */
export async function replays(trace: Uint8Array, options: Parameters<typeof replayTrace>[1] = {}): Promise<number> {
  const report = await replayTrace(trace, options);
  assert.equal(report.complete, true);
  assert.ok(report.commits > 0);
  for (const turn of some(keyframesIn(trace))) {
    const rest = await replayTrace(trace, { ...options, from: turn + 1 });
    assert.equal(rest.complete, true);
    assert.equal(rest.turn, report.turn);
    assert.equal(rest.turns, report.turn - turn);
  }
  return report.turns;
}

export { replayTrace };
