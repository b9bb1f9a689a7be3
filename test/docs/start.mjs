/**
 * What a reader does with `npm start`: waits for the line that it prints, types that in a second terminal, and ends the
 * first one. Prints what the second terminal showed; leaves with the exit code of the first.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
// Beside a reader's own one, on any port.
const first = spawn(process.execPath, ['scripts/main-job.mjs'], {
  cwd: root,
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
first.on('exit', (code) => process.exit(code ?? 1));
createInterface(first.stdout).on('line', (line) => {
  const typed = /^ {2}(node .*)$/.exec(line)?.[1];
  if (typed === undefined) return;
  process.stdout.write(execFileSync('bash', ['-euc', typed], { cwd: root, encoding: 'utf8' }));
  first.kill('SIGTERM');
});
