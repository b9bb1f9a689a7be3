/**
 * The sources as JavaScript under `dist/crash`, so that a process which lives half a second does not spend it on
 * translating them. Always those of now: a file is written again when its source has changed, and no type is checked.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));
const target = join(root, 'dist/crash');
const FOLDERS = ['src', 'channels', 'resolvers', 'test/crash', 'test/chaos', 'test/fuzz'];

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2023,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

export interface Built {
  readonly child: string;
  readonly command: string;
  readonly voter: string;
  readonly network: string;
  readonly hosts: string;
  readonly ledger: string;
  readonly chaos: string;
  readonly fuzz: string;
}

export function build(): Built {
  for (const folder of FOLDERS) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.ts')) translate(relative(root, join(entry.parentPath, entry.name)));
    }
  }
  return {
    child: join(target, 'test/crash/child.js'),
    command: join(target, 'src/cli/main.js'),
    voter: join(target, 'test/crash/voter-child.js'),
    network: join(target, 'test/crash/network-child.js'),
    hosts: join(target, 'test/crash/hosts-child.js'),
    ledger: join(target, 'test/crash/ledger-child.js'),
    chaos: join(target, 'test/chaos/server-child.js'),
    fuzz: join(target, 'test/fuzz/server-child.js'),
  };
}

function translate(path: string): void {
  const source = join(root, path);
  const output = join(target, path.replace(/\.ts$/, '.js'));
  const { mtime } = statSync(source);
  if (statSync(output, { throwIfNoEntry: false })?.mtimeMs === mtime.getTime()) return;
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), { compilerOptions, fileName: path });
  mkdirSync(dirname(output), { recursive: true });
  // Whole or not at all: another run of the tests may be reading it.
  const half = `${output}.${process.pid}`;
  writeFileSync(half, outputText);
  utimesSync(half, mtime, new Date(mtime.getTime()));
  renameSync(half, output);
  rmSync(half, { force: true });
}
