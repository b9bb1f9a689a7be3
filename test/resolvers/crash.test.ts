/**
 * After any failure a file is as before or as after, and `ask` tells which: each change, with each call that it
 * makes to the disk failing, or being the last one of the process.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { NativeAnswer, NativeCall } from '../../channels/index.ts';
import { FileTree } from '../../resolvers/index.ts';
import { injectFault } from './faults.ts';
import type { Fault } from './faults.ts';
import { grantFiles } from './host.ts';
import type { Granted, TestObject } from './host.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { CHANGES } from './changes.ts';
import type { ChangeCase } from './changes.ts';

/** Memory, where there is one: what is tested is the order of calls, and syncs cost nothing there. */
const HOME = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const ID = Buffer.alloc(32, 7);
const { timers } = realPlatform();

interface Stage {
  readonly directory: string;
  readonly granted: Granted;
}

function prepare(): string {
  const directory = mkdtempSync(join(HOME, 'powerbox-crash-'));
  mkdirSync(join(directory, 'dir'));
  mkdirSync(join(directory, 'empty'));
  writeFileSync(join(directory, 'file'), 'the old content');
  writeFileSync(join(directory, 'dir', 'inner'), 'inner');
  return directory;
}

/** All that contracts can see, as text. */
function picture(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      if (name === '.powerbox') return [];
      return statSync(join(directory, path)).isDirectory()
        ? [`${path}/`, ...picture(directory, path)]
        : [`${path}=${readFileSync(join(directory, path), 'latin1')}`];
    });
}

async function open(directory: string): Promise<Stage> {
  return { directory, granted: await grantFiles({ root: directory }) };
}

/** As after the death of the process that held it. */
function bury(directory: string): void {
  rmSync(join(directory, '.powerbox', 'owner'), { force: true });
}

async function callOf(granted: Granted, change: ChangeCase): Promise<{ object: TestObject; call: NativeCall }> {
  const object = change.on === null ? granted.root : await granted.file(change.on);
  return { object, call: object.prepare(change.method, change.args, ID) };
}

async function outcomes(change: ChangeCase): Promise<{ before: string[]; after: string[]; calls: number }> {
  const directory = prepare();
  const before = picture(directory);
  const faulty = await injectFault(0, 'EIO');
  const { granted } = await open(directory);
  const { object, call } = await callOf(granted, change);
  faulty.arm();
  try {
    assert.deepEqual(await object.run(call), { ok: null });
  } finally {
    await faulty.restore();
  }
  const after = picture(directory);
  assert.notDeepEqual(after, before, 'a change must change something');
  await granted.close();
  rmSync(directory, { recursive: true });
  return { before, after, calls: faulty.calls };
}

/** Runs the change until it dies at this call; the disk is left as it then is. True when it died. */
async function dieAt(directory: string, change: ChangeCase, at: number, fault: Fault): Promise<boolean> {
  const faulty = await injectFault(at, fault);
  const { granted } = await open(directory);
  const { object, call } = await callOf(granted, change);
  faulty.arm();
  try {
    await Promise.race([object.run(call), faulty.died]);
  } finally {
    await faulty.restore();
  }
  if (!faulty.struck) await granted.close();
  bury(directory);
  return faulty.struck;
}

async function settleAndCheck(directory: string, change: ChangeCase, before: string[], after: string[]): Promise<void> {
  const { granted } = await open(directory);
  const { object, call } = await callOf(granted, change);
  const told = await object.native.ask?.(call);
  if (told === 'not_applied') {
    assert.deepEqual(picture(directory), before, 'told not applied');
    assert.deepEqual(await object.run(call), { ok: null });
  } else {
    assert.deepEqual(told, { ok: null });
  }
  assert.deepEqual(picture(directory), after);
  await granted.tree.forget([ID]);
  await granted.close();
  const again = await FileTree.open({ root: directory, timers });
  assert.equal(await again.ask(ID), 'not_applied', 'a forgotten effect is one never heard of');
  await again.close();
  assert.deepEqual(picture(directory), after);
  assert.deepEqual(readdirSync(join(directory, '.powerbox')), ['effects'], 'nothing is left aside');
}

describe('file changes', () => {
  for (const change of CHANGES) {
    it(`${change.name}: whatever call was the last of the process, it is as before or as after, and ask tells which`, async function () {
      this.timeout(300_000);
      const { before, after, calls } = await outcomes(change);
      for (let at = 1; at <= calls; at++) {
        for (const fault of ['die-before', 'die-after'] as const) {
          const directory = prepare();
          assert(await dieAt(directory, change, at, fault));
          await settleAndCheck(directory, change, before, after);
          rmSync(directory, { recursive: true });
        }
      }
    });

    it(`${change.name}: whatever call fails, it is as before or as after, and the answer does not lie`, async function () {
      this.timeout(300_000);
      const { before, after, calls } = await outcomes(change);
      for (let at = 1; at <= calls; at++) {
        for (const fault of ['EIO', 'ENOSPC'] as const) {
          const directory = prepare();
          const { granted } = await open(directory);
          const { object, call } = await callOf(granted, change);
          const faulty = await injectFault(at, fault);
          faulty.arm();
          const answer = await object.run(call).finally(() => faulty.restore());
          await granted.root.answer('list');
          checkAnswer(answer, picture(directory), before, after, `${fault} at ${at}`);
          await granted.close();
          const again = await open(directory);
          checkAnswer(answer, picture(directory), before, after, `${fault} at ${at}, opened again`);
          const told = await again.granted.file('file').then((file) => file.native.ask?.(call));
          if ('ok' in answer) assert.deepEqual(told, answer);
          else if (answer.error.code !== 'outcome_unknown')
            assert.equal(told, 'not_applied', `${fault} at ${at}: ${answer.error.code}`);
          const sound = await (await again.granted.file('file2')).answer('append', 'x');
          assert.deepEqual(sound, { ok: null }, 'opened again, changes go on');
          await again.granted.close();
          rmSync(directory, { recursive: true });
        }
      }
    });
  }

  it('a process that dies again and again while it settles loses nothing', async function () {
    this.timeout(300_000);
    const known = new Map<ChangeCase, Awaited<ReturnType<typeof outcomes>>>();
    for (const change of CHANGES) known.set(change, await outcomes(change));
    const deaths = fc.array(fc.tuple(fc.nat(30), fc.constantFrom<Fault>('die-before', 'die-after')), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...CHANGES),
        fc.nat(),
        fc.boolean(),
        deaths,
        async (change, place, late, settling) => {
          const { before, after, calls } = known.get(change) as Awaited<ReturnType<typeof outcomes>>;
          const directory = prepare();
          await dieAt(directory, change, 1 + (place % calls), late ? 'die-after' : 'die-before');
          for (const [at, fault] of settling) {
            const faulty = await injectFault(at + 1, fault);
            faulty.arm();
            const opening = FileTree.open({ root: directory, timers });
            await Promise.race([opening, faulty.died]).finally(() => faulty.restore());
            if (!faulty.struck) await (await opening).close();
            bury(directory);
          }
          await settleAndCheck(directory, change, before, after);
          rmSync(directory, { recursive: true });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('what SIGKILL leaves of a real process is settled the same way', async function () {
    this.timeout(300_000);
    const script = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
    for (const [index, change] of CHANGES.entries()) {
      if (index % 6 !== 0) continue;
      const { before, after, calls } = await outcomes(change);
      const directory = prepare();
      const at = Math.ceil((calls * 2) / 3);
      const child = spawnSync(process.execPath, ['--import', 'tsx', script, directory, String(index), String(at)], {
        encoding: 'utf8',
      });
      assert.equal(child.signal, 'SIGKILL', child.stderr);
      await settleAndCheck(directory, change, before, after);
      rmSync(directory, { recursive: true });
    }
  });
});

function checkAnswer(answer: NativeAnswer, now: string[], before: string[], after: string[], where: string): void {
  const isBefore = JSON.stringify(now) === JSON.stringify(before);
  const isAfter = JSON.stringify(now) === JSON.stringify(after);
  assert(isBefore || isAfter, `${where}: neither as before nor as after: ${JSON.stringify(now)}`);
  if ('ok' in answer) assert(isAfter, `${where}: answered, and not made`);
  else if (answer.error.code !== 'outcome_unknown')
    assert(isBefore, `${where}: refused with ${answer.error.code} and made`);
}
