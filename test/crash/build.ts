/**
 * The programs that tests kill, each as one file of JavaScript under `dist/crash`: a process that lives half a second
 * must not spend two on finding, translating and compiling five hundred modules. Always the sources of now; no type is
 * checked. Owns the folder; a file of it is never changed, for another run may be reading it.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
const target = join(root, 'dist/crash');
const STALE_MS = 24 * 60 * 60 * 1_000;

const ENTRIES = {
  child: 'test/crash/child.ts',
  hosts: 'test/crash/hosts-child.ts',
  ledger: 'test/crash/ledger-child.ts',
  network: 'test/crash/network-child.ts',
  voter: 'test/crash/voter-child.ts',
  chaos: 'test/chaos/server-child.ts',
  fuzz: 'test/fuzz/server-child.ts',
  odd: 'test/natives/support/odd-child.ts',
  example: 'test/natives/support/example-child.ts',
  exampleServer: 'test/natives/support/example-server-child.ts',
  hostile: 'test/natives/support/hostile-child.ts',
  hostNode: 'test/natives/support/node-child.ts',
  owner: 'test/operate/owner-child.ts',
  backup: 'test/operate/backup-child.ts',
  files: 'test/embedding/service-child.ts',
  service: 'test/client/service-child.ts',
  command: 'src/cli/main.ts',
} as const;

export type ProgramName = keyof typeof ENTRIES;

/** These wait at the top of their file. That is for modules alone, and what is made of those cannot be kept. */
const WAITING: readonly ProgramName[] = [
  'odd',
  'example',
  'exampleServer',
  'hostNode',
  'owner',
  'backup',
  'files',
  'service',
];

const built = new Map<ProgramName, readonly string[]>();

/** What follows `node` on the command line to start it. */
export function program(name: ProgramName): readonly string[] {
  const known = built.get(name) ?? bundle(name);
  built.set(name, known);
  return known;
}

function bundle(name: ProgramName): readonly string[] {
  const isModule = WAITING.includes(name);
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: [ENTRIES[name]],
    bundle: true,
    // A quarter of a start is reading it.
    minifyWhitespace: true,
    minifySyntax: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: isModule ? 'esm' : 'cjs',
    // It finds its library beside itself.
    external: ['classic-level'],
    // Whoever asks where it stands looks for a file beside itself: those are where `npm run build` puts them.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'dist/src/natives/built.js')).href) },
    ...(isModule && {
      banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
    }),
    logLevel: 'error',
  });
  const bytes = outputFiles[0]?.contents as Uint8Array;
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(target)) {
    const path = join(target, entry);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > STALE_MS) rmSync(path, { recursive: true, force: true });
  }
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const path = join(target, `${name}-${hash}.${isModule ? 'mjs' : 'cjs'}`);
  place(path, bytes);
  return isModule ? [path] : [join(root, 'test/crash/start.cjs'), path];
}

/** Whole or not at all: another run of the tests may be looking. */
function place(path: string, bytes: Uint8Array): void {
  if (existsSync(path)) return;
  const half = `${path}.${process.pid}`;
  writeFileSync(half, bytes);
  renameSync(half, path);
}
