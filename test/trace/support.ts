/** Records what a test does to a space, and replays it. */
import assert from 'node:assert/strict';
import { openSpace, type OpenOptions, replayTrace, type Space } from '../../src/embedding/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';

/** Nobody reads what programs print there. */
const QUIET: OpenOptions = {
  console: { stdout: async () => {}, stderr: async () => {}, readLine: async () => null },
  onFailure: () => {},
};

/** The trace of what `run` does to a space. */
export async function recorded(run: (space: Space) => Promise<void>, options: OpenOptions = {}): Promise<Uint8Array> {
  const trace = new MemoryTrace();
  const space = await openSpace({ ...QUIET, ...options, trace });
  try {
    await run(space);
  } finally {
    await space.close();
  }
  return trace.bytes();
}

/** That it replays to its end, each commit to what followed then. */
export async function replays(trace: Uint8Array, options: Parameters<typeof replayTrace>[1] = {}): Promise<number> {
  const report = await replayTrace(trace, options);
  assert.equal(report.complete, true);
  assert.ok(report.commits > 0);
  return report.turns;
}

export { replayTrace };
