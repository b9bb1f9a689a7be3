/** A read that the machine fails is tried three times, then answered with the number of attempts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { SimulatedPlatform } from '../../src/platform/index.ts';
import type { Timers } from '../../src/platform/index.ts';
import { grantFiles, textOf } from './host.ts';
import type { Granted } from './host.ts';

type AnyFunction = (...args: unknown[]) => Promise<unknown>;

/** Makes the first `times` reads of files fail with an errno; counts all of them. */
async function failing(errno: string, times: number): Promise<{ count: number; restore(): void }> {
  const probe = await fs.promises.open('/');
  const prototype = Object.getPrototypeOf(probe) as Record<string, AnyFunction>;
  await probe.close();
  const functions = fs.promises as unknown as Record<string, AnyFunction>;
  const read = prototype['read'] as AnyFunction;
  const opendir = functions['opendir'] as AnyFunction;
  const state = {
    count: 0,
    restore() {
      prototype['read'] = read;
      functions['opendir'] = opendir;
      syncBuiltinESMExports();
    },
  };
  const wrap = (original: AnyFunction): AnyFunction =>
    async function patched(this: unknown, ...args) {
      if (++state.count <= times) throw Object.assign(new Error(`${errno}: injected`), { code: errno });
      return original.apply(this, args);
    };
  prototype['read'] = wrap(read);
  functions['opendir'] = wrap(opendir);
  syncBuiltinESMExports();
  return state;
}

describe('a read that fails', () => {
  let granted: Granted;
  /** The pauses that were asked for; each is over at once. */
  let pauses: number[];
  beforeEach(async () => {
    pauses = [];
    const timers: Timers = {
      after: (delay_ms, run) => {
        pauses.push(delay_ms);
        queueMicrotask(run);
        return { cancel: () => {} };
      },
      soon: (run) => queueMicrotask(run),
    };
    granted = await grantFiles({ timers });
    writeFileSync(join(granted.directory, 'a'), 'content');
  });
  afterEach(() => granted.close());

  it('twice is answered all the same, after 50 and 200 ms', async () => {
    const file = await granted.file('a');
    const faults = await failing('EIO', 2);
    try {
      assert.equal(textOf(await file.call('readAt', 0, 7)), 'content');
    } finally {
      faults.restore();
    }
    assert.deepEqual(pauses, [50, 200]);
  });

  for (const [method, ...args] of [['readAll'], ['read', 3], ['chunks', 2]] as const) {
    it(`three times is file_failed with the number of attempts: ${method}`, async () => {
      const file = await granted.file('a');
      const faults = await failing('EIO', 1_000);
      try {
        assert.equal(
          await file.refusal(method, ...args),
          'file_failed: "a": the file system answered EIO (the disk failed), after 3 attempts',
        );
      } finally {
        faults.restore();
      }
      assert.deepEqual(pauses, [50, 200]);
      assert.equal(file.state, 0);
      assert.equal(textOf(await file.call('readAll')), 'content');
    });
  }

  it('of a directory likewise', async () => {
    const faults = await failing('EIO', 1_000);
    try {
      assert.match(await granted.root.refusal('list'), /^file_failed: .*EIO.*, after 3 attempts$/);
    } finally {
      faults.restore();
    }
    assert.deepEqual(pauses, [50, 200]);
  });

  it('for what a contract did wrong is not tried again', async () => {
    const file = await granted.file('not-there');
    assert.match(await file.refusal('readAll'), /^file_not_found/);
    const faults = await failing('EACCES', 1_000);
    try {
      assert.match(await (await granted.file('a')).refusal('readAll'), /^file_failed: .*EACCES/);
    } finally {
      faults.restore();
    }
    assert.deepEqual(pauses, []);
  });

  it('is not tried again for a caller who has left', async () => {
    const platform = new SimulatedPlatform(1);
    const waiting = await grantFiles({ root: granted.directory, readOnly: true, timers: platform.timers });
    const file = await waiting.file('a');
    const leaving = new AbortController();
    const faults = await failing('EIO', 1);
    try {
      const answer = file.run({ ...file.prepare('readAll', []), signal: leaving.signal });
      while (faults.count === 0) await new Promise((resolve) => setImmediate(resolve));
      leaving.abort();
      const answered = await answer;
      assert('error' in answered && answered.error.code === 'cancelled');
    } finally {
      faults.restore();
      await waiting.close();
    }
  });
});
