/** What an operator allots to a root is what may be filled, and the count is true after any crash. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../src/platform/index.ts';
import { fileHandle } from '../../src/capability/index.ts';
import type { MapValue, Value } from '../../src/values/index.ts';
import { injectFault } from './faults.ts';
import { grantFiles } from './host.ts';
import type { Granted, TestObject } from './host.ts';

const HOME = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

async function space(root: TestObject): Promise<Record<string, Value>> {
  const answer = (await root.call('freeSpace')) as MapValue;
  return Object.fromEntries(answer.keys.map((key, index) => [String(key), answer.items[index] as Value]));
}

/** As a walk from outside sees it. */
function real(directory: string, below = ''): { bytes: number; entries: number } {
  const sum = { bytes: 0, entries: 0 };
  for (const name of readdirSync(join(directory, below))) {
    if (name === '.powerbox') continue;
    const path = join(below, name);
    const stat = statSync(join(directory, path));
    const inner = stat.isDirectory() ? real(directory, path) : { bytes: stat.size, entries: 0 };
    sum.bytes += inner.bytes;
    sum.entries += inner.entries + 1;
  }
  return sum;
}

function recordOf(directory: string): string[] {
  return readdirSync(join(directory, '.powerbox'));
}

describe('an allotment', () => {
  let directory: string;
  let opened: Granted[];
  beforeEach(() => {
    directory = mkdtempSync(join(HOME, 'powerbox-allotment-'));
    opened = [];
  });
  afterEach(async () => {
    for (const granted of opened) await granted.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function grant(bytes: number | null, entries: number | null = null): Promise<Granted> {
    const granted = await grantFiles({ root: directory, allotted: { bytes, entries } });
    opened.push(granted);
    return granted;
  }

  it('of bytes is refused past its end with quota_exceeded, whatever writes them, and nothing is changed', async () => {
    writeFileSync(join(directory, 'old'), 'x'.repeat(60));
    const { root, file } = await grant(100);
    const old = await file('old');
    const fresh = await file('fresh');
    const over: readonly (readonly [TestObject, string, ...Value[]])[] = [
      [fresh, 'write', 'x'.repeat(41)],
      [fresh, 'append', 'x'.repeat(41)],
      [fresh, 'writeAt', 40, 'x'],
      [old, 'append', 'x'.repeat(41)],
      [old, 'writeAt', 100, 'x'],
      [old, 'truncate', 101],
      [old, 'write', 'x'.repeat(101)],
    ];
    const before = recordOf(directory);
    for (const [object, method, ...args] of over) {
      assert.match(
        await object.refusal(method, ...args),
        /^quota_exceeded: the operator allots 100 bytes here, of which 60 are used; this would add 41$/,
        method,
      );
      assert.deepEqual(real(directory), { bytes: 60, entries: 1 }, method);
    }
    assert.deepEqual(recordOf(directory), before);
    await old.call('append', 'x'.repeat(40));
    assert.match(await old.refusal('append', 'x'), /^quota_exceeded/);
    await old.call('write', 'x'.repeat(10));
    await fresh.call('write', 'x'.repeat(90));
    await root.call('remove', 'fresh');
    assert.deepEqual(await space(root).then(({ used, free }) => [used, free]), [10, 90]);
  });

  it('of entries bounds files and directories together', async () => {
    await mkdir(join(directory, 'there'));
    const { root, file } = await grant(null, 2);
    await (await file('a')).call('write', '');
    assert.match(await (await file('b')).refusal('append', ''), /^quota_exceeded: the operator allots 2 entries here/);
    assert.match(await root.refusal('mkdir', 'c'), /^quota_exceeded/);
    await root.call('rename', 'a', 'there/a');
    await root.call('remove', 'there/a');
    await root.call('mkdir', 'c');
    assert.deepEqual(real(directory), { bytes: 0, entries: 2 });
  });

  it('that was lowered below what is used refuses what adds, and nothing that makes less', async () => {
    writeFileSync(join(directory, 'big'), 'x'.repeat(500));
    const { root, file } = await grant(100);
    const big = await file('big');
    assert.match(await big.refusal('append', 'x'), /of which 500 are used/);
    await big.call('truncate', 450);
    const told = await space(root);
    assert.deepEqual([told['allotted'], told['used'], told['free']], [100, 450, 0]);
  });

  it('is told with what the disk has; Nil where there is no bound, and where nothing is written', async () => {
    writeFileSync(join(directory, 'a'), 'abc');
    await symlink('a', join(directory, 'link'));
    const open = await space((await grant(null)).root);
    assert.deepEqual(
      { ...open, disk_free: 0 },
      {
        allotted: null,
        used: 3,
        free: null,
        disk_free: 0,
        entries_allotted: null,
        entries_used: 2,
        entries_free: null,
      },
    );
    assert(Number(open['disk_free']) > 0);
    const reader = await grantFiles({ root: directory, readOnly: true });
    opened.push(reader);
    assert.deepEqual([(await space(reader.root))['used'], (await space(reader.root))['entries_used']], [null, null]);
  });

  it('is counted once: after a restart no walk is made, and what others did meanwhile is not seen', async () => {
    const first = await grant(1_000);
    await (await first.file('a')).call('write', 'abc');
    await first.close();
    opened.pop();
    writeFileSync(join(directory, 'from-outside'), 'x'.repeat(50));
    assert.equal((await space((await grant(1_000)).root))['used'], 3);
  });

  it('is counted anew where its record is gone', async () => {
    const first = await grant(1_000);
    await (await first.file('a')).call('write', 'abc');
    await first.close();
    opened.pop();
    writeFileSync(join(directory, 'from-outside'), 'x'.repeat(50));
    rmSync(join(directory, '.powerbox', 'effects'));
    assert.equal((await space((await grant(1_000)).root))['used'], 53);
  });

  it('holds what the files have after a thousand random changes, of which many are the last of their process', async function () {
    this.timeout(300_000);
    const seed = Number(process.env['SEED'] ?? 20_260_521);
    const random = new Random(seed);
    const paths = ['a', 'b', 'c', 'd/a', 'd/b', 'e', 'e/x'];
    const pick = (): string => paths[random.below(paths.length)] as string;
    const bytes = (): string => 'x'.repeat(random.below(200));
    const strikeAt = (): number => 1 + random.below(250);
    let faulty = await injectFault(strikeAt(), 'die-after');
    let granted = await grantFiles({ root: directory, allotted: { bytes: 2_000, entries: 6 } });
    let kills = 0;
    let refused = 0;
    /** Whether the process lived on. */
    const lived = async (work: Promise<unknown>): Promise<boolean> => {
      await Promise.race([work, faulty.died]);
      return !faulty.struck;
    };
    faulty.arm();
    try {
      for (let step = 0; step < 1_000; step++) {
        const path = pick();
        const kinds: readonly (readonly [string | null, string, ...Value[]])[] = [
          [path, 'write', bytes()],
          [path, 'append', bytes()],
          [path, 'writeAt', random.below(300), bytes()],
          [path, 'truncate', random.below(300)],
          [null, 'mkdir', path],
          [null, 'remove', path],
          [null, 'rename', path, pick()],
        ];
        const [on, method, ...args] = kinds[random.below(kinds.length)] as (typeof kinds)[number];
        const where = `SEED=${seed}, step ${step}: ${method} ${JSON.stringify(args).slice(0, 40)}`;
        const made = (async () => {
          const object =
            on === null ? granted.root : granted.root.host.object('file', fileHandle('files', on.split('/')), 0);
          const call = object.prepare(method, args);
          if ('error' in (await object.run(call))) refused++;
          // As the dispatcher does when an answer is durable, most often before the next change.
          else if (random.chance(0.7)) await granted.tree.forget([call.effectId]);
        })();
        if (!(await lived(made))) {
          kills++;
          await faulty.restore();
          rmSync(join(directory, '.powerbox', 'owner'), { force: true });
          faulty = await injectFault(strikeAt(), random.chance(0.5) ? 'die-after' : 'die-before');
          granted = await grantFiles({ root: directory, allotted: { bytes: 2_000, entries: 6 } });
        } else if (step % 10 !== 0) continue;
        const { used, entries_used } = await space(granted.root);
        assert.deepEqual({ bytes: used, entries: entries_used }, real(directory), where);
        assert(Number(used) <= 2_000 && Number(entries_used) <= 6, where);
        faulty.arm();
      }
    } finally {
      await faulty.restore();
      if (!faulty.struck) await granted.close();
    }
    assert(kills > 10 && refused > 20 && refused < 950, `kills ${kills}, refused ${refused}`);
  });
});
