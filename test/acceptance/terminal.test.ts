/** The command on a terminal (one made by `script`) and off it: colours and moving progress are for terminals only. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Bench } from '../cli/powerbox.ts';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const ESCAPE = '\u001b';
const FOREVER = 'new c in { contract c(@n) = { c!(n + 1) } | c!(0) }';

describe('acceptance: a terminal', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  /** What a terminal shows of a command, which is interrupted once it has shown `until`. */
  function onTerminal(command: string, until: string | null, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = spawn('script', ['-qec', `'${process.execPath}' '${main}' ${command}`, '/dev/null'], {
      cwd: bench.directory,
      env: { ...process.env, NO_COLOR: '', TERM: 'xterm', ...env },
    });
    let shown = '';
    let interrupted = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      if (until === null || interrupted || !shown.includes(until)) return;
      interrupted = true;
      child.stdin.write('\u0003');
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve(shown));
    });
  }

  it('shows errors in colour on a terminal, and plain where colours are not wanted or nobody looks', async () => {
    const file = bench.write('a.rho', 'x!(');
    assert.ok((await onTerminal(`run ${file}`, null)).startsWith(`${ESCAPE}[31msyntax_error`));
    assert.ok(!(await onTerminal(`run ${file}`, null, { NO_COLOR: '1' })).includes(ESCAPE));
    assert.ok(!(await bench.run('run', file)).stderr.includes(ESCAPE));
  });

  it('shows the progress of long work on one line, which Control-C ends', async () => {
    const shown = await onTerminal(`run ${bench.write('forever.rho', FOREVER)}`, 'effects under way');
    assert.match(shown.replaceAll(ESCAPE, ''), /working: 1 tasks ready, 0 effects under way(\^C)?\r\[K/);
    assert.match(shown, /SIGINT: finishing the commit/);
  });
});
