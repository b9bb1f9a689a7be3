/**
 * Makes a fresh machine ready to build: checks the Node version and installs what package-lock.json says when
 * node_modules is missing or older. Needs no install scripts of any dependency. Never changes package-lock.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));

const wanted = read('package.json').engines.node.replace('>=', '').split('.').map(Number);
const found = process.versions.node.split('.').map(Number);
const difference = found.map((part, index) => part - wanted[index]).find((part) => part !== 0) ?? 0;
if (difference < 0) {
  process.stderr.write(`powerbox needs Node ${wanted.join('.')} or newer; this is ${process.versions.node}\n`);
  process.exit(78);
}

if (!installed()) {
  process.stderr.write('installing dependencies: npm ci\n');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether every package of the lock file that fits this machine is there, in the locked version. */
function installed() {
  if (!existsSync(`${root}node_modules/.package-lock.json`)) return false;
  const here = read('node_modules/.package-lock.json').packages;
  return Object.entries(read('package-lock.json').packages).every(
    ([path, entry]) => path === '' || entry.optional === true || here[path]?.version === entry.version,
  );
}
