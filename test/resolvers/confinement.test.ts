/** No way out of a granted root: each rule on a real file system, and against a process that swaps what it finds. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { access, link, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { NewObject } from '../../channels/index.ts';
import { limits } from '../../src/limits.ts';
import { FileTree } from '../../resolvers/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import type { FileTreeOptions } from '../../resolvers/index.ts';
import { grantFiles, makeDirectory, textOf } from './host.ts';
import type { Granted } from './host.ts';

const WEAK: Partial<FileTreeOptions> = { confinement: 'weak', acceptWeakConfinement: true };

for (const [name, options] of [
  ['by descriptor', {}],
  ['weak', WEAK],
] as const) {
  describe(`confinement ${name}`, () => {
    let granted: Granted;
    let outside: string;
    beforeEach(async function () {
      if (process.platform !== 'linux' && name === 'by descriptor') this.skip();
      granted = await grantFiles(options);
      outside = await makeDirectory();
      await writeFile(join(outside, 'secret'), 'secret');
      await mkdir(join(granted.directory, 'sub'));
      await writeFile(join(granted.directory, 'sub', 'inner'), 'inner');
    });
    afterEach(async () => {
      await granted.close();
      await rm(outside, { recursive: true });
    });

    const refused: readonly (readonly [string, string])[] = [
      ['../secret', 'parent'],
      ['sub/../../secret', 'parent'],
      ['/etc/passwd', 'absolute'],
      ['./a', 'current'],
      ['sub//inner', 'empty_part'],
      ['sub/', 'empty_part'],
      ['a\0b', 'nul'],
      ['cafe\u0301', 'unnormalised'],
      [`${'x'.repeat(256)}`, 'too_long'],
      [`${'ä'.repeat(128)}`, 'too_long'],
      [
        Array(limits.path_parts_max + 1)
          .fill('d')
          .join('/'),
        'too_long',
      ],
      ['.powerbox/effects', 'reserved'],
      ['.PowerBox', 'reserved'],
      ['sub/.powerbox/effects', 'reserved'],
    ];
    it('what a path may not say is refused, naming the rule', async () => {
      for (const [path, rule] of refused) {
        for (const method of ['resolve', 'stat', 'mkdir', 'remove']) {
          assert.match(
            await granted.root.refusal(method, path),
            new RegExp(`^path_refused: .*\\(${rule}\\)`),
            `${method} ${path}`,
          );
        }
        assert.match(await granted.root.refusal('rename', 'sub', path), new RegExp(`^path_refused: .*\\(${rule}\\)`));
      }
    });

    it('a path is counted from its own directory, and refused all the same', async () => {
      const sub = await granted.root.resolve('resolve', 'sub');
      assert.equal(textOf(await (await sub.resolve('resolve', 'inner')).call('readAll')), 'inner');
      assert.match(await sub.refusal('resolve', '../sub/inner'), /\(parent\)/);
    });

    it('a symbolic link is not followed, wherever it stands and wherever it leads', async () => {
      await symlink(outside, join(granted.directory, 'out'));
      await symlink(join(outside, 'secret'), join(granted.directory, 'secret'));
      await symlink('sub', join(granted.directory, 'within'));
      for (const path of ['out', 'out/secret', 'secret', 'within', 'within/inner']) {
        assert.match(await granted.root.refusal('resolve', path), /^path_refused: .*\(link\)/, path);
        assert.match(await granted.root.refusal('stat', path), /\(link\)/, path);
        assert.match(await granted.root.refusal('remove', path), /\(link\)/, path);
        assert.match(await granted.root.refusal('rename', path, 'moved'), /\(link\)/, path);
        assert.match(await granted.root.refusal('rename', 'sub/inner', path), /\(link\)/, path);
      }
      assert.match(await granted.root.refusal('mkdir', 'out/new'), /\(link\)/);
      assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret');
    });

    it('a file that becomes a link after it was resolved is refused by every method', async () => {
      const file = await granted.file('sub/inner');
      await rm(join(granted.directory, 'sub', 'inner'));
      await symlink(join(outside, 'secret'), join(granted.directory, 'sub', 'inner'));
      for (const [method, ...args] of [
        ['readAll'],
        ['size'],
        ['write', 'x'],
        ['append', 'x'],
        ['writeAt', 0, 'x'],
        ['truncate', 0],
      ] as const) {
        assert.match(await file.refusal(method, ...args), /^path_refused: .*\(link\)/, method);
      }
      assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret');
    });

    it('a file with a second hard link is refused', async () => {
      await link(join(granted.directory, 'sub', 'inner'), join(granted.directory, 'twin'));
      assert.match(await granted.root.refusal('resolve', 'twin'), /^path_refused: .*\(hard_link\)/);
    });

    it('what is neither file nor directory is refused, and not opened', async () => {
      execFileSync('mkfifo', [join(granted.directory, 'pipe')]);
      assert.match(await granted.root.refusal('resolve', 'pipe'), /^path_refused: .*\(device\)/);
      assert.deepEqual((await granted.root.refusal('remove', 'pipe')).slice(0, 12), 'path_refused');
    });

    it('another file system beneath the root is refused', async function () {
      const mount = join(granted.directory, 'mount');
      await mkdir(mount);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount], { stdio: 'ignore' });
      } catch {
        this.skip();
      }
      try {
        assert.match(await granted.root.refusal('resolve', 'mount'), /\(mount\)/);
        assert.match(await granted.root.refusal('resolve', 'mount/a'), /\(mount\)/);
      } finally {
        execFileSync('umount', [mount]);
      }
    });

    it('the records of the powerbox are not listed', async () => {
      await (await granted.file('a')).call('write', 'x');
      const names = (await granted.root.call('list')) as { readonly keys: readonly string[] };
      assert.deepEqual(names.keys, ['a', 'sub']);
      assert((await readdir(granted.directory)).includes('.powerbox'));
    });
  });
}

describe('confinement', () => {
  it('no path of arbitrary text reaches past the root', async () => {
    const granted = await grantFiles();
    const marker = join(granted.directory, '..', `${granted.directory.split('/').at(-1)}-outside`);
    const part = fc.constantFrom('..', '.', '', 'a', 'b', '…', '%2e%2e', '..\\', '\\', 'a/..', '\uff0e\uff0e', '~');
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), async (parts) => {
        const path = parts.join('/');
        if (path === '') return;
        const answer = await granted.root.answer('mkdir', path);
        if ('error' in answer) return;
        assert(!parts.join('/').split('/').includes('..'));
      }),
      { numRuns: 200 },
    );
    await assert.rejects(access(marker));
    await granted.close();
  });

  it("where only weak confinement is to be had, it needs the operator's word", async () => {
    const directory = await makeDirectory();
    await assert.rejects(FileTree.open({ root: directory, confinement: 'weak', timers: realPlatform().timers }), {
      code: 'config_invalid',
    });
    assert.deepEqual(await readdir(directory), []);
    await rm(directory, { recursive: true });
  });

  it('a process that swaps a directory for a link at every moment never leads out', async function () {
    if (process.platform !== 'linux') this.skip();
    const granted = await grantFiles();
    const outside = await makeDirectory();
    await mkdir(join(outside, 'deep'));
    await writeFile(join(outside, 'deep', 'file'), 'outside');
    await mkdir(join(granted.directory, 'spot', 'deep'), { recursive: true });
    await writeFile(join(granted.directory, 'spot', 'deep', 'file'), 'inside');
    const swapper = new Worker(SWAP, { eval: true, workerData: { root: granted.directory, outside } });
    await new Promise((resolve) => swapper.once('message', resolve));
    const seen = { inside: 0, refused: 0 };
    const end = Date.now() + 2_000;
    try {
      while (Date.now() < end) {
        const file = await granted.root.answer('resolve', 'spot/deep/file');
        if ('error' in file) {
          seen.refused++;
          continue;
        }
        assert(file.ok instanceof NewObject);
        const object = granted.root.host.object('file', file.ok.handle, 0);
        const call = object.prepare('readAll', []);
        const read = await object.run(call);
        if ('error' in read) seen.refused++;
        else {
          assert.equal(textOf(read.ok as never), 'inside');
          seen.inside++;
        }
        const written = await granted.root.answer('mkdir', `spot/deep/${seen.inside}-${seen.refused}`);
        if ('error' in written) seen.refused++;
        await object.run({ ...call, method: 'append', args: [''], effectId: Buffer.alloc(32, seen.inside % 250) });
      }
    } finally {
      await swapper.terminate();
    }
    assert.deepEqual(await readdir(join(outside, 'deep')), ['file']);
    assert.equal(await readFile(join(outside, 'deep', 'file'), 'utf8'), 'outside');
    assert(seen.inside > 10 && seen.refused > 10, `the race was not run: ${JSON.stringify(seen)}`);
    await granted.close();
    await rm(outside, { recursive: true });
  });
});

/** Puts a link in the place of a directory and the directory back, as fast as it can. */
const SWAP = `
const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
const { parentPort, workerData: { root, outside } } = require('node:worker_threads');
const spot = root + '/spot', kept = root + '/kept';
parentPort.postMessage('ready');
for (;;) {
  renameSync(spot, kept);
  symlinkSync(outside, spot);
  unlinkSync(spot);
  renameSync(kept, spot);
}
`;
