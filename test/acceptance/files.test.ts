/** Files as contracts meet them: nothing leads out of what was granted, and a channel of a file outlives the process. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostValue, isPowerboxError, openSpace, type Space } from '../../src/index.ts';

describe('acceptance: files', function () {
  this.timeout(300_000);
  let directory: string;
  let root: string;
  let space: Space;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-files-'));
    root = join(directory, 'granted');
    mkdirSync(root);
    mkdirSync(join(directory, 'outside'));
    writeFileSync(join(directory, 'outside/secret'), 'secret');
    space = await open();
  });
  afterEach(async () => {
    await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const open = (): Promise<Space> =>
    openSpace({ data: join(directory, 'space'), grants: { files: root }, onFailure: () => {} });

  /** What a program leaves on `@"out"`. */
  async function out(program: string): Promise<readonly HostValue[] | undefined> {
    await space.run(`new box(\`rho:powerbox\`) in { ${program} }`);
    await space.quiescent();
    return space.take('out');
  }

  it('a contract finds no way out of the granted directory, with any method', async () => {
    mkdirSync(join(root, 'inside'));
    writeFileSync(join(root, 'inside/own'), 'own');
    symlinkSync('../outside', join(root, 'link'));
    symlinkSync(join(directory, 'outside/secret'), join(root, 'file-link'));
    linkSync(join(directory, 'outside/secret'), join(root, 'hard'));
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const before = readdirSync(root).toSorted();
    const paths = [
      '..',
      '.',
      '../outside/secret',
      'inside/../../outside/secret',
      join(directory, 'outside/secret'),
      '/dev/null',
      'link',
      'link/secret',
      'link/new',
      'file-link',
      'hard',
      'fifo',
      'inside//own',
      'inside/',
      'a'.repeat(256),
      'a/'.repeat(64) + 'a',
      'nul\\0',
      'e\u0301',
    ];
    for (const path of paths) {
      const text = JSON.stringify(path).replaceAll('\\\\', '\\');
      const answers =
        await out(`for (d <- box!?("fileSystem"); @a <- d!?("resolve", ${text}); @b <- d!?("stat", ${text});
          @c <- d!?("mkdir", ${text}); @e <- d!?("remove", ${text}); @f <- d!?("rename", ${text}, "new"); @g <- d!?("rename", "inside/own", ${text})) {
        @"out"!(a, b, c, e, f, g)
      }`);
      const codes = (answers ?? []).map((answer) => (answer as [string, { code: string }])[1].code);
      assert.deepEqual(codes, Array(6).fill('path_refused'), path);
    }
    assert.deepEqual(readdirSync(root).toSorted(), before);
    assert.equal(readFileSync(join(directory, 'outside/secret'), 'utf8'), 'secret');
    assert.deepEqual(readdirSync(join(directory, 'outside')), ['secret']);
  });

  it('no grant reaches the directory of the space itself, which holds its keys', async () => {
    const data = join(directory, 'space');
    await space.close();
    symlinkSync(data, join(directory, 'elsewhere'));
    for (const files of [data, directory, join(data, 'journal'), join(directory, 'elsewhere')]) {
      for (const readOnly of [false, true]) {
        await assert.rejects(
          openSpace({ data, grants: { files: { files: { root: files, readOnly } } } }),
          (error) =>
            isPowerboxError(error) &&
            error.code === 'config_invalid' &&
            error.message.includes('reaches the space itself'),
          files,
        );
      }
    }
    space = await open();
  });

  it('a channel of a file that a program keeps reads on where it was, after a restart and for another program', async () => {
    writeFileSync(join(root, 'digits'), '0123456789');
    const read = '@b <- f!?("read", 2)';
    const start = `for (d <- box!?("fileSystem"); f <- d!?("resolve", "digits"); _ <- f!?("seek", 4); ${read}) { @"kept"!!(*f) | @"out"!(b.bytesToUtf8()) }`;
    assert.deepEqual(await out(start), ['45']);
    for (const digits of ['67', '89', '']) {
      await space.close();
      space = await open();
      assert.deepEqual(await out(`for (f <- @"kept"; ${read}) { @"out"!(b.bytesToUtf8()) }`), [digits]);
    }
    await out('for (f <- @"kept") { f!("close") }');
    await space.close();
    space = await open();
    const [closed] = (await out(`for (f <- @"kept"; ${read}) { @"out"!(b) }`)) ?? [];
    assert.equal((closed as [string, { code: string }])[1].code, 'handle_closed');
  });
});
