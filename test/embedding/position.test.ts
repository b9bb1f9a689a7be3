/** A channel of a file is at its position after SIGKILL, for it holds nothing in memory. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./position-child.ts', import.meta.url));

/** What a process reads before it is killed. */
function readOnce(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let heard = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      heard = line;
      child.kill('SIGKILL');
    });
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(heard);
      else reject(new Error(`it ended by itself, with ${code}`));
    });
  });
}

describe('a channel of a file', function () {
  this.timeout(300_000);
  it('reads on where it was in a process that was killed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'powerbox-position-'));
    try {
      const [data, root] = [join(directory, 'space'), join(directory, 'files')];
      mkdirSync(root);
      writeFileSync(join(root, 'digits'), '01234');
      const read: string[] = [];
      for (let life = 0; life < 3; life++) read.push(await readOnce(data, root));
      assert.deepEqual(read, ['read "01"', 'read "23"', 'read "4"']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
