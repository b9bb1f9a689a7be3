/** Backups of spaces that go on, and their way back: what was acknowledged before is in it, whole, or there is none. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../crash/build.ts';
import { isPowerboxError, openAdmin, openSpace, restoreBackup, type Space } from '../../src/index.ts';
import { backupNode, openNodeAdmin, restoreNode } from '../../src/service/index.ts';

const QUIET = { console: { stdout: async () => {}, stderr: async () => {}, readLine: async () => null } };

describe('operate: backups', function () {
  this.timeout(300_000);
  let directory: string;
  const spaces: Space[] = [];
  const at = (name: string): string => join(directory, name);
  const open = async (name: string): Promise<Space> => {
    const space = await openSpace({ data: at(name), ...QUIET });
    spaces.push(space);
    return space;
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-backup-'));
  });
  afterEach(async () => {
    for (const space of spaces.splice(0)) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('hold what was acknowledged before, be it in the journal, in rows or in a blob, and a prefix of what came later', async () => {
    const space = await open('data');
    const large = 'x'.repeat(200_000);
    await space.produce('large', [large]);
    for (let number = 0; number < 200; number++) await space.produce('old', [number]);
    const admin = await openAdmin({ data: at('data'), unfinished: 'hold', mustExist: true });
    // Rows are brought up to date behind the journal, some time later.
    for (let probe = 0; (await admin.backup(at(`probe ${probe}`))).rows === 0; probe++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    await space.produce('new', ['last']);
    let isOver = false;
    let sent = 0;
    const sending = (async () => {
      while (!isOver) await space.produce('later', [sent++]);
    })();
    const report = await admin.backup(at('backup'));
    isOver = true;
    await sending;
    await admin.close();
    // How much of it is in rows already, and how much in the journal alone, is a matter of when they were written.
    assert.ok(report.rows > 0 && report.entry >= 202 && report.blobs === 1, JSON.stringify(report));

    assert.deepEqual(await restoreBackup({ from: at('backup'), to: at('restored') }), report);
    const restored = await open('restored');
    assert.deepEqual(await restored.take('large'), [large]);
    assert.deepEqual(await restored.take('new'), ['last']);
    assert.equal(restored.count('old').data, 200);
    const { data: later } = restored.count('later');
    assert.ok(later <= sent);
    for (let number = 0; number < later; number++) assert.deepEqual(await restored.take('later'), [number]);
    // The one that was saved goes on by itself.
    assert.deepEqual(await space.take('new'), ['last']);
  });

  it('bring back the same names with a new key for what crosses the wire, which no backup holds', async () => {
    const space = await open('data');
    const name = await space.newName();
    await space.produce(name, ['kept']);
    await space.produce('name', [name]);
    await space.close();
    const admin = await openAdmin({ data: at('data'), unfinished: 'hold' });
    await admin.backup(at('backup'));
    await admin.close();
    await restoreBackup({ from: at('backup'), to: at('restored') });
    const keys = (where: string): Record<string, string> => JSON.parse(readFileSync(join(at(where), 'keys'), 'utf8'));
    assert.equal(keys('restored')['nameKey'], keys('data')['nameKey']);
    assert.notEqual(keys('restored')['sealKey'], keys('data')['sealKey']);
    for (const file of readdirSync(at('backup'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = readFileSync(join(file.parentPath, file.name));
      const sealKey = keys('data')['sealKey'] as string;
      assert.ok(!bytes.includes(sealKey) && !bytes.includes(Buffer.from(sealKey, 'hex')));
    }
    const restored = await open('restored');
    const [again] = (await restored.take('name')) ?? [];
    assert.deepEqual(await restored.take(again as never), ['kept']);
  });

  it('of a node hold all of its spaces, with what an operator said of each', async () => {
    const node = await openNodeAdmin(at('data'));
    await (await open('data')).produce('in', ['main']);
    await node.create('shop', { owner: 'alice', quotas: null, config: null });
    await (await open('data/spaces/shop')).produce('in', ['shop']);
    const made = await backupNode(at('data'), at('backup'));
    assert.deepEqual(
      made.map(({ space }) => space),
      ['main', 'shop'],
    );
    assert.deepEqual(await restoreNode(at('backup'), at('restored')), made);
    const again = await openNodeAdmin(at('restored'));
    assert.deepEqual(
      (await again.list()).map(({ name, owner }) => [name, owner]),
      [
        ['main', null],
        ['shop', 'alice'],
      ],
    );
    assert.deepEqual(await (await open('restored')).take('in'), ['main']);
    assert.deepEqual(await (await open('restored/spaces/shop')).take('in'), ['shop']);
  });

  it('are there wholly or not at all, wherever the process that makes one is killed', async () => {
    const space = await open('data');
    for (let number = 0; number < 40; number++) await space.produce('large', [number, 'y'.repeat(100_000)]);
    await space.close();
    const outcomes = new Set<string>();
    // As many as it takes until one was killed before it had ended; the last one is not killed.
    for (let attempt = 0, isLast = false; !isLast; attempt++) {
      isLast = attempt > 1 && outcomes.has('none');
      const delay_ms = isLast ? null : 20 * (attempt % 2);
      const args = [...program('backup'), at('data'), at('backup')];
      const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(running.stdout, 'data');
      const ended = once(running, 'exit');
      const timer = delay_ms === null ? undefined : setTimeout(() => running.kill('SIGKILL'), delay_ms);
      await ended;
      clearTimeout(timer);
      if (existsSync(at('backup'))) {
        outcomes.add('whole');
        await restoreBackup({ from: at('backup'), to: at('restored') });
        assert.equal((await open('restored')).count('large').data, 40);
        await spaces.pop()?.close();
        rmSync(at('restored'), { recursive: true });
        rmSync(at('backup'), { recursive: true });
      } else outcomes.add('none');
    }
    assert.ok(outcomes.has('whole') && outcomes.has('none'), [...outcomes].join());
    // What the killed ones have left beside the place went with the next one.
    assert.deepEqual(readdirSync(directory), ['data']);
  });

  it('that are not whole, are damaged, are none, or have something in their way are refused, and nothing is made', async () => {
    const space = await open('data');
    await space.produce('large', ['z'.repeat(200_000)]);
    await space.produce('kept', [1]);
    await space.close();
    const admin = await openAdmin({ data: at('data'), unfinished: 'hold' });
    await assert.rejects(admin.backup(at('data')), coded('storage_foreign'));
    const spoil: readonly [string, (backup: string) => void, string][] = [
      ['a blob', (backup) => appendFileSync(fileIn(join(backup, 'blobs')), 'x'), 'storage_corrupt'],
      ['a blob that is missing', (backup) => rmSync(fileIn(join(backup, 'blobs'))), 'storage_corrupt'],
      ['the rows', (backup) => rmSync(join(backup, 'rows'), { recursive: true }), 'storage_corrupt'],
      ['the journal', (backup) => writeFileSync(fileIn(join(backup, 'journal'), /^segment-/), ''), 'storage_corrupt'],
      ['its record', (backup) => edit(join(backup, 'backup.json'), '"entries":', '"entries": 1'), 'storage_corrupt'],
      ['a field', (backup) => edit(join(backup, 'backup.json'), '"entry":', '"entry":1'), 'storage_corrupt'],
      [
        'a later version',
        (backup) => edit(join(backup, 'backup.json'), '"version":2', '"version":3'),
        'storage_version',
      ],
      ['no record', (backup) => rmSync(join(backup, 'backup.json')), 'storage_foreign'],
    ];
    for (const [what, damage, code] of spoil) {
      await admin.backup(at('backup'));
      damage(at('backup'));
      await assert.rejects(restoreBackup({ from: at('backup'), to: at('restored') }), coded(code), what);
      assert.ok(!existsSync(at('restored')), what);
      rmSync(at('backup'), { recursive: true });
    }
    await admin.backup(at('backup'));
    mkdirSync(at('restored'));
    writeFileSync(join(at('restored'), 'mine'), '');
    await assert.rejects(restoreBackup({ from: at('backup'), to: at('restored') }), coded('storage_foreign'));
    assert.deepEqual(readdirSync(at('restored')), ['mine']);
    await admin.close();
    assert.deepEqual(readdirSync(directory).sort(), ['backup', 'data', 'restored']);
  });

  it('of a space in memory there are none', async () => {
    const admin = await openAdmin(QUIET);
    await assert.rejects(admin.backup(at('backup')), coded('not_available'));
    await admin.close();
  });
});

function fileIn(directory: string, named = /./): string {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true }).find(
    (each) => each.isFile() && named.test(each.name),
  );
  assert.ok(found !== undefined);
  return join(found.parentPath, found.name);
}

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  assert.ok(text.includes(from));
  writeFileSync(path, text.replace(from, to));
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}
