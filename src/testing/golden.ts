/** Golden traces: what a run showed once, kept as text beside the tests. Reads and writes these files, and one variable. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Native } from '../../channels/index.ts';
import { requireSame, traceLines } from './traces.ts';

export interface ExpectOptions {
  readonly natives?: readonly Native[];
  /** Write down what the trace shows now. Default: whether POWERBOX_UPDATE is 1. */
  readonly update?: boolean;
}

/**
 * Rejects with `trace_departed`, and a diff, where a trace does not show what the file says. A file that is not there is
 * written, unless the tests run in CI: there it is a difference.
 */
export async function expectTrace(
  trace: Uint8Array | string,
  golden: string | URL,
  { natives = [], update = process.env['POWERBOX_UPDATE'] === '1' }: ExpectOptions = {},
): Promise<void> {
  const lines = await traceLines(trace, { natives });
  const isThere = existsSync(golden);
  if (update || (!isThere && process.env['CI'] === undefined)) {
    writeFileSync(golden, `${lines.join('\n')}\n`);
    return;
  }
  requireSame(isThere ? readFileSync(golden, 'utf8').trimEnd().split('\n') : [], lines);
}
