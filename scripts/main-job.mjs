/**
 * `npm start`: a node that serves, with a contract that answers in it. Is `powerbox serve` on the demonstration, in this
 * process, so that whoever kills it has killed the node; when that is ready it makes a token, and prints the address and
 * the line that calls the contract from a second terminal. Each command is shown as it can be typed. Owns the folder
 * `.powerbox/` of this checkout and nothing else.
 */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const powerbox = `${root}dist/src/cli/main.js`;
const data = '.powerbox/node';
const config = 'spec/examples/demonstration/powerbox.yaml';
const port = process.env['PORT'] ?? '7420';
process.chdir(root);
mkdirSync('.powerbox/files', { recursive: true });

const serve = ['serve', '--config', config, '--data', data, '--listen', `127.0.0.1:${(await isFree(port)) ? port : 0}`];
console.error(`$ powerbox ${serve.join(' ')}`);

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text, ...rest) => {
  const ready = /^ready: (\S+)\n$/.exec(String(text));
  if (ready === null) return write(text, ...rest);
  process.stdout.write = write;
  tell(ready[1]).catch((error) => console.error(String(error)));
  return true;
};
process.argv = [process.execPath, powerbox, ...serve];
await import(powerbox);

async function tell(url) {
  const token = ['token', '--holder', 'alice', '--data', data];
  console.error(`$ powerbox ${token.join(' ')}`);
  const { stdout } = await promisify(execFile)(process.execPath, [powerbox, ...token]);
  const signed = stdout.trim();
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
