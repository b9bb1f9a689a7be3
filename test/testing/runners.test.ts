/** What `powerbox/testing` gives works wherever tests are run: it needs no words of its runner's, and leaves nothing open. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { suite } from './runners/suite.ts';

describe('with mocha', () => suite({ describe, it }));

describe('with the runner of Node', () => {
  it('the same suite passes, and its process ends by itself', async () => {
    const file = fileURLToPath(new URL('./runners/node.ts', import.meta.url));
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
    const args = ['--import', 'tsx', '--test', '--test-reporter', 'tap', file];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, said);
    assert.match(said, /^# pass 3$/m);
    assert.match(said, /^# fail 0$/m);
  });
});
