/**
 * `npm start`: a node that serves, with a contract that answers in it. Starts `powerbox serve` on the demonstration,
 * makes a token, and prints the address and the line that calls the contract from a second terminal. Each command is
 * shown as it can be typed. Owns the folder `.powerbox/` of this checkout and nothing else.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const powerbox = 'dist/src/cli/main.js';
const data = '.powerbox/node';
const config = 'spec/examples/demonstration/powerbox.yaml';
const port = process.env['PORT'] ?? '7420';
mkdirSync(`${root}.powerbox/files`, { recursive: true });

const serve = ['serve', '--config', config, '--data', data, '--listen', `127.0.0.1:${(await isFree(port)) ? port : 0}`];
console.error(`$ powerbox ${serve.join(' ')}`);
const child = spawn(process.execPath, [powerbox, ...serve], { cwd: root, stdio: ['inherit', 'pipe', 'inherit'] });
// The terminal sends SIGINT to both; the command decides when it leaves, and this process says how it left.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 1)));

createInterface(child.stdout).on('line', (line) => {
  const ready = /^ready: (\S+)$/.exec(line);
  if (ready === null) console.log(line);
  else tell(ready[1]);
});

function tell(url) {
  const token = ['token', '--holder', 'alice', '--data', data];
  console.error(`$ powerbox ${token.join(' ')}`);
  const signed = execFileSync(process.execPath, [powerbox, ...token], { cwd: root, encoding: 'utf8' }).trim();
  const program = [
    `import { connect } from "powerbox/client"`,
    `const box = await connect("${url}", { token: "${signed}" })`,
    `console.log(await box.object("greeter").hello("Ada"))`,
    `await box.close()`,
  ].join('; ');
  console.log(`address: ${url}\ntoken: ${signed}\n`);
  console.log(`In a second terminal, in this folder:\n\n  node --input-type=module -e '${program}'\n`);
}

/** Whether nobody listens there; else any port is as good. */
function isFree(wanted) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(Number(wanted), '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
