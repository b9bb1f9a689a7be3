/**
 * `npm run bench [-- --json] [-- --only durable,comm]`: every figure of the project as a ratio against its
 * reference in the same run. With --json one object a line; without it a table for people.
 */
import { setEngine } from '../../src/cli/engine-settings.ts';
import { bench as codec } from './codec.ts';
import { bench as cold } from './cold.ts';
import { bench as comm } from './comm.ts';
import { bench as durable } from './durable.ts';
import { bench as files } from './files.ts';
import { bench as http } from './http.ts';
import { bench as matching } from './matching.ts';
import { bench as natives } from './natives.ts';
import { bench as pipelining } from './pipelining.ts';
import { bench as service } from './service.ts';
import { bench as tcp } from './tcp.ts';
import { bench as trace } from './trace.ts';
import type { BenchLine } from './support.ts';

const groups: Readonly<Record<string, () => Promise<BenchLine[]>>> = {
  comm,
  matching,
  durable,
  cold,
  codec,
  files,
  tcp,
  http,
  natives,
  pipelining,
  service,
  trace,
};
const words = process.argv.slice(2);
const json = words.includes('--json');
const at = words.indexOf('--only');
const only = at < 0 ? Object.keys(groups) : (words[at + 1] ?? '').split(',');

// As the command does.
setEngine();
let unmet = 0;
for (const name of only) {
  const group = groups[name];
  if (group === undefined) {
    process.stderr.write(`no group "${name}"; there are ${Object.keys(groups).join(', ')}\n`);
    process.exitCode = 64;
    break;
  }
  if (!json) process.stderr.write(`measuring ${name}…\n`);
  for (const result of await group()) {
    if (!result.met) unmet++;
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${tabled(result)}\n`);
  }
}
if (unmet > 0 && process.exitCode === undefined) process.exitCode = 1;

function tabled(result: BenchLine): string {
  const mark = result.met ? 'met   ' : 'NOT MET';
  return `${mark} ${result.name}: ${result.value.toLocaleString('en')} ${result.unit}; ratio ${result.ratio} (${result.goal}); ${result.reference}`;
}
