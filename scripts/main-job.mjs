/**
 * `npm start`: the main job, shown. A Rholang contract gets a powerbox with one directory in it, writes and
 * reads a real file through it, and prints. Prints the command that it runs, so that it can be typed.
 * Owns the folder `.powerbox/` of this checkout and nothing else.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = ['run', 'spec/examples/first-file.rho', '--data', '.powerbox/data', '--grant', 'files=.powerbox/files'];
mkdirSync(`${root}.powerbox/files`, { recursive: true });
process.stderr.write(`$ powerbox ${args.join(' ')}\n`);

const child = spawn(process.execPath, ['dist/src/cli/main.js', ...args], { cwd: root, stdio: 'inherit' });
// The terminal sends SIGINT to both; the command decides when it leaves, and this process says how it left.
process.on('SIGINT', () => {});
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 1)));
