/** A small suite of somebody who tests a program, for whichever runner gives it its words. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectTrace, explore, recordTrace, replayTrace, TestSpace } from '../../../src/testing/index.ts';

/** What all of them have. */
export interface Words {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

const ECHO = 'new x in { x!(1) | for (@y <- x) { @"out"!(y) } }';

export function suite({ describe, it }: Words): void {
  describe('a program', () => {
    it('runs in a space with a clock of its own', async () => {
      const space = await TestSpace.open();
      await space.run(ECHO);
      await space.close();
    });

    it('replays, and is as its golden trace has it', async () => {
      const trace = await recordTrace(async (space) => void (await space.run(ECHO)));
      assert.equal((await replayTrace(trace)).complete, true);
      const directory = mkdtempSync(join(tmpdir(), 'powerbox-runner-'));
      try {
        const golden = join(directory, 'echo.txt');
        await expectTrace(trace, golden, { update: true });
        await expectTrace(trace, golden, { update: false });
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    it('has no race', async () => {
      assert.equal((await explore(ECHO, { schedules: 20 })).race, null);
    });
  });
}
