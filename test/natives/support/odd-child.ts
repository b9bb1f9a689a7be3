/**
 * A child that does what its argument says: a host that misbehaves, or leaves. What it says of itself stands in its
 * native `odd`.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { declareChannel, type HostControl, method, type Native, serveHost, t } from '../../../src/embedding/host.ts';
import { map } from '../../../src/values/index.ts';

const [, , what = '', ...more] = process.argv;

let control: HostControl | null = null;

const odd: Native = {
  declaration: declareChannel({
    name: 'example',
    doc: 'Odd.',
    methods: {
      seen: method({ doc: 'What others see of it.', effect: 'observe', forms: [{ args: [], result: t.map() }] }),
      leave: method({ doc: 'Ends.', effect: 'observe', forms: [{ args: [], result: t.nil }] }),
      shutDown: method({ doc: 'Asks for the end.', effect: 'observe', forms: [{ args: [], result: t.nil }] }),
      say: method({
        doc: 'Writes.',
        effect: 'observe',
        forms: [{ args: [{ name: 'lines', type: t.int() }], result: t.nil }],
      }),
    },
  }),
  async call({ method: name, args }) {
    if (name === 'leave') process.exit(3);
    if (name === 'shutDown') control?.requestShutdown('because');
    if (name === 'say') {
      for (let line = 0; line < Number(args[0]); line++) process.stdout.write(`line ${line}\n`);
      control?.log('warn', 'said by log');
    }
    if (name !== 'seen') return { ok: null };
    return {
      ok: map([
        ['commandLine', readFileSync('/proc/self/cmdline', 'latin1')],
        ['environment', readFileSync('/proc/self/environ', 'latin1')],
        ['arguments', more.join(' ')],
        ['folder', process.cwd()],
      ]),
    };
  },
};

switch (what) {
  case 'leaves':
    process.stderr.write('no database at the place that was given\n');
    process.exit(9);
    break;
  case 'refuses':
    await serveHost({
      natives: [odd],
      start: () => {
        throw new Error('the ledger is locked by somebody else');
      },
    });
    break;
  case 'late':
    await serveHost({ natives: [odd], start: () => new Promise((resolve) => setTimeout(resolve, 1_500)) });
    break;
  case 'silent':
    setInterval(() => {}, 1_000);
    break;
  case 'stubborn': {
    // It looks at nothing: no pipe, no signal that can be caught. Its child looks at nothing, either.
    process.on('SIGTERM', () => {});
    const sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' });
    process.stdout.write(`pids ${process.pid} ${sleeper.pid}\n`);
    setInterval(() => {}, 1_000);
    await new Promise(() => {});
    break;
  }
  case 'parent':
    process.stdout.write(`pids ${process.pid} ${spawn('sleep', ['1000'], { stdio: 'ignore' }).pid}\n`);
    await serveHost({ natives: [odd] });
    break;
  default:
    await serveHost({
      natives: [odd],
      start: (given) => {
        control = given;
      },
    });
}
