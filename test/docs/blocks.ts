/**
 * Code blocks of a Markdown page, and a reader who types them in one by one: a fresh directory, the built
 * command on PATH, `powerbox` resolving to this package. Owns that directory; leaves nothing behind.
 *
 *   ```bash            is run, and must exit 0 (or as its info string says: `bash exit=75`)
 *   ```text            after a block that ran: what that block printed on standard output
 *   ```rholang FILE    is written to FILE; so are ```yaml FILE and ```js FILE
 *   ```ts FILE         is written to FILE, type-checked and run
 *   ```ts from=PATH    is what stands in the project at PATH, to the letter
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface CodeBlock {
  readonly line: number;
  readonly language: string;
  readonly info: string;
  readonly text: string;
}

export function codeBlocks(page: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const match of page.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const line = page.slice(0, match.index).split('\n').length;
    blocks.push({ line, language: match[1] ?? '', info: (match[2] ?? '').trim(), text: match[3] ?? '' });
  }
  return blocks;
}

/** A directory with everything that a reader who has installed powerbox has. */
export class Reader {
  readonly directory: string;
  readonly #tools: string;
  #printed: string | undefined;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'powerbox-reader-'));
    this.#tools = mkdtempSync(join(tmpdir(), 'powerbox-tools-'));
    this.#tool('powerbox', `exec "${process.execPath}" "${root}dist/src/cli/main.js" "$@"`);
    // The page's first commands are those of a clone. What they do is done by .ci/run and by the script itself;
    // installing again, under the feet of the running tests, is not. What starts goes on until it is ended.
    this.#tool(
      'npm',
      `cd "${root}"; case "$*" in ci) ;; start) exec "${process.execPath}" test/docs/start.mjs ;; *) exit 64 ;; esac`,
    );
    mkdirSync(join(this.directory, 'node_modules'));
    symlinkSync(root, join(this.directory, 'node_modules/powerbox'));
    symlinkSync(join(root, 'node_modules/zod'), join(this.directory, 'node_modules/zod'));
    symlinkSync(join(root, 'node_modules/@types'), join(this.directory, 'node_modules/@types'));
    writeFileSync(join(this.directory, 'package.json'), '{ "type": "module", "private": true }\n');
  }

  read(block: CodeBlock): void {
    const [first = ''] = block.info.split(' ');
    switch (block.language) {
      case 'bash':
        this.#ran(
          block,
          this.#run('bash', ['-euo', 'pipefail', '-c', block.text]),
          Number(/exit=(\d+)/.exec(block.info)?.[1] ?? 0),
        );
        return;
      case 'text':
        assert.equal(
          this.#printed?.trimEnd(),
          block.text.trimEnd(),
          `what the block before line ${block.line} printed`,
        );
        return;
      case 'js':
      case 'rholang':
      case 'yaml':
        assert.notEqual(first, '', `the block at line ${block.line} needs a file name`);
        writeFileSync(join(this.directory, first), block.text);
        return;
      case 'ts':
        if (first.startsWith('from=')) {
          assert.equal(block.text, readFileSync(join(root, first.slice('from='.length)), 'utf8'));
          return;
        }
        assert.notEqual(first, '', `the block at line ${block.line} needs a file name`);
        writeFileSync(join(this.directory, first), block.text);
        this.#ran(
          block,
          this.#run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...TYPE_CHECK, first]),
          0,
        );
        this.#ran(
          block,
          this.#run(process.execPath, ['--import', join(root, 'node_modules/tsx/dist/loader.mjs'), first]),
          0,
        );
        return;
      default:
        assert.fail(`line ${block.line}: nobody knows how to run a block of ${block.language}`);
    }
  }

  leave(): void {
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.#tools, { recursive: true, force: true });
  }

  #tool(name: string, script: string): void {
    writeFileSync(join(this.#tools, name), `#!/usr/bin/env bash\n${script}\n`);
    chmodSync(join(this.#tools, name), 0o755);
  }

  #run(command: string, args: readonly string[]): SpawnSyncReturns<string> {
    return spawnSync(command, args, {
      cwd: this.directory,
      encoding: 'utf8',
      timeout: 280_000,
      env: { ...process.env, PATH: `${this.#tools}:${process.env['PATH']}`, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
  }

  #ran(block: CodeBlock, run: SpawnSyncReturns<string>, expected: number): void {
    assert.equal(
      run.status,
      expected,
      `the block at line ${block.line} left with ${run.status}:\n${run.stdout}${run.stderr}`,
    );
    this.#printed = run.stdout;
  }
}

const TYPE_CHECK = [
  '--noEmit',
  '--strict',
  '--target',
  'es2023',
  '--module',
  'nodenext',
  '--types',
  'node',
  '--skipLibCheck',
  '--ignoreConfig',
];
