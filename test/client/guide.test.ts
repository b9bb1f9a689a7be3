/** The pages about the client and about JSON-RPC do what they say: with the built package, against a real service. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningService } from '../../src/service/index.ts';
import { type CodeBlock, codeBlocks } from '../docs/blocks.ts';
import { Bench } from '../service/support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = (name: string): readonly CodeBlock[] => codeBlocks(readFileSync(join(root, 'spec', name), 'utf8'));

const TYPE_CHECK = [
  ...['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'],
  ...['--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--skipLibCheck'],
];

/** Not in one process with the service: that has to go on meanwhile. */
function run(
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number; printed: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', ...env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += args[0]?.endsWith('tsc') ? text : ''));
    let failed = '';
    child.stderr.on('data', (text: string) => (failed += text));
    child.on('close', (code) => resolve({ code: code ?? -1, printed: code === 0 ? printed : printed + failed }));
  });
}

describe('the pages about clients', function () {
  this.timeout(300_000);
  const bench = new Bench();
  let folder = '';
  let service: RunningService;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-guide-'));
    mkdirSync(join(folder, 'files'));
    const powers = {
      files: { kind: 'files' as const, root: join(folder, 'files') },
      clock: { kind: 'timer' as const },
    };
    service = await bench.serve(
      await bench.space({ config: { version: 1, powers, holders: { alice: { grants: ['files', 'clock'] } } } }),
    );
  });
  afterEach(async () => {
    await bench.close();
    rmSync(folder, { recursive: true });
  });

  it('client.md: the program of the page compiles, and prints what the page says', async () => {
    const blocks = page('client.md');
    const program = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
    // What a line prints stands behind it; or, where a loop prints, in the block of text after it.
    const expected = blocks.flatMap(({ language, text }) => {
      if (language === 'text') return text.trim().split('\n');
      return [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] as string);
    });
    writeFileSync(join(folder, 'guide.ts'), `${program.join('\n')}\nexport {};\n`);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/powerbox'));
    symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    const checked = await run([join(root, 'node_modules/typescript/bin/tsc'), ...TYPE_CHECK, 'guide.ts'], folder, {});
    assert.equal(checked.code, 0, checked.printed);
    const ran = await run(['--import', join(root, 'node_modules/tsx/dist/loader.mjs'), 'guide.ts'], folder, {
      POWERBOX_URL: service.address.url,
      POWERBOX_TOKEN: 'alice',
    });
    assert.equal(ran.code, 0, ran.printed);
    assert.deepEqual(ran.printed.trim().split('\n'), expected);
  });

  it('json-rpc.md: each request of the page has the answer of the page', async () => {
    const blocks = page('json-rpc.md').filter(({ language }) => language === 'json');
    assert.ok(blocks.length > 0 && blocks.length % 2 === 0);
    for (let index = 0; index < blocks.length; index += 2) {
      const [request, answer] = blocks.slice(index, index + 2) as [CodeBlock, CodeBlock];
      assert.deepEqual([request.info, answer.info], ['request', 'answer'], `line ${request.line}`);
      const response = await fetch(`${service.address.url.replace('ws:', 'http:')}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer alice' },
        body: request.text,
      });
      const text = (await response.text()).replaceAll(/"\$channel":"[^"]+"/g, '"$channel":"A…"');
      assert.deepEqual(JSON.parse(text), JSON.parse(answer.text), `line ${request.line}`);
    }
  });
});
