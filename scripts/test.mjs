/**
 * `npm test`: every test, in as many processes at once as the machine has cores, and in one beside them what mostly
 * waits. Each process runs mocha over a few files with what `.mocharc.json` says, as `npx mocha FILES` does. Closes with
 * one summary in mocha's words, then with what failed. A process that dies before its summary, and one that does not
 * leave after it because its tests left something open, is a failure.
 *
 *     npm test                               everything
 *     npm test -- test/space/*.test.ts       these files; any other argument goes to mocha, as `--grep WORDS`
 *     npm test -- --jobs 1                   one after the other
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** More at once make tests of time limits wait for a core; two is what the ten minutes are promised for. */
const JOBS_MAX = 4;
/** Files that share a process: its start costs two seconds of a core, and the last ones to start should be short. */
const FILES_MAX = 12;
/** How long a process may take to leave when its tests are over: what is left open is open for ever. */
const LEAVE_MS = 90_000;
/**
 * Files of more than ten seconds, the longest first: each has a process to itself, and none of them starts last. What
 * is missing here, or stands here in vain, costs balance and nothing else. The closing table says what to put here.
 */
const LONG = [
  'test/crash/crash.test.ts',
  'test/space/large.test.ts',
  'test/crash/hosts.test.ts',
  'test/docs/readme.test.ts',
  'test/simulation/simulation.test.ts',
  'test/cli/command.test.ts',
  'test/crash/plants.test.ts',
  'test/trace/replay.test.ts',
  'test/rholang/syntax.test.ts',
  'test/rholang/machine.test.ts',
  'test/rholang/machine-names.test.ts',
  'test/trace/programs.test.ts',
  'test/crash/network.test.ts',
  'test/acceptance/work.test.ts',
  'test/chaos/chaos.test.ts',
  'test/cli/config.test.ts',
  'test/operate/backup.test.ts',
  'test/crash/peers.test.ts',
  'test/resolvers/crash.test.ts',
  'test/values/names.test.ts',
  'test/embedding/service.test.ts',
  'test/cli/service.test.ts',
  'test/cli/grants.test.ts',
  'test/resolvers/http.test.ts',
  'test/embedding/http.test.ts',
  'test/values/codec.test.ts',
  'test/house/test-run.test.ts',
  'test/fuzz/service.test.ts',
  'test/fuzz/frames.test.ts',
  'test/acceptance/calls.test.ts',
  'test/match/bounds.test.ts',
  'test/space/law.test.ts',
];

/**
 * Files that wait for time limits of others nearly all of their time, and leave the cores alone meanwhile. They are run
 * one after the other, beside what keeps the cores busy.
 */
const WAITING = [
  'test/resolvers/peers/hostile.test.ts',
  'test/resolvers/peers/messages.test.ts',
  'test/resolvers/http-faults.test.ts',
  'test/natives/life.test.ts',
  'test/natives/url.test.ts',
  'test/service/silence.test.ts',
  'test/cli/standstill.test.ts',
];

const { files, jobs, leave_ms, passed } = readArguments(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'powerbox-test-'));
const started_ms = Date.now();
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) kill(child);
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  });
}

// What node itself is told is said here: mocha would start a second process to say it.
const { import: loader, ...settings } = JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8'));
const busy = batches(files);
const results = [];
let started = 0;
const waiting = batchesApart(files);
await Promise.all([...Array.from({ length: jobs }, () => work(busy)), work(waiting)]);
rmSync(folder, { recursive: true, force: true });
process.exitCode = summary();

async function work(queue) {
  for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
    const result = await run(batch, join(folder, `${started++}.json`));
    results.push(result);
    process.stdout.write(result.output);
  }
}

/** Runs one process to its end, and gathers what it printed, so that the lines of two processes do not mingle. */
function run(batch, report) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [
        ...['--import', loader, 'node_modules/mocha/bin/mocha.js', '--no-config', ...flags(settings)],
        ...['--reporter', 'scripts/test-reporter.cjs', ...passed, ...batch],
      ],
      // In a group of its own, so that what its tests have started ends with it.
      { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TEST_REPORT: report } },
    );
    running.add(child);
    let output = '';
    let lingers = false;
    let timer = null;
    const add = (chunk) => {
      output += chunk;
      // Said by the reporter as its last word.
      if (timer === null && readReport(report) !== null) {
        timer = setTimeout(() => {
          lingers = true;
          kill(child);
        }, leave_ms);
      }
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.on('close', (code, signal) => {
      running.delete(child);
      clearTimeout(timer);
      const told = readReport(report);
      const how = signal ?? `exit code ${code}`;
      let broken = null;
      if (told === null) broken = `died before its summary: ${how}`;
      else if (lingers) broken = `did not leave within ${leave_ms} ms: something was left open`;
      else if (code !== Math.min(told.failing, 255)) broken = `left with ${how} after ${told.failing} failing`;
      resolve({ batch, output, broken, ...(told ?? { passing: 0, failing: 0, pending: 0, files: [] }) });
    });
  });
}

function flags(options) {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

function kill({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has left by itself.
  }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** In mocha's words, for whoever counts by them; the exit code is the number that failed. */
function summary() {
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  const broken = results.filter((result) => result.broken !== null);
  const failing = total('failing') + broken.length;
  const longest = results.flatMap(({ files: told }) => told).sort((left, right) => right.ms - left.ms);
  const lines = ['', '  the longest files:'];
  for (const { file, ms } of longest.slice(0, 12))
    lines.push(`${(ms / 1000).toFixed(1).padStart(9)} s  ${file.replace(root, '')}`);
  lines.push('', `  ${total('passing')} passing (${Math.round((Date.now() - started_ms) / 1000)}s)`);
  if (total('pending') > 0) lines.push(`  ${total('pending')} pending`);
  if (failing > 0) lines.push(`  ${failing} failing`);
  for (const { batch, broken: why } of broken)
    lines.push('', `  a process ${why}`, ...batch.map((file) => `      ${file}`));
  for (const { output, failing: count } of results) {
    // What mocha says of them after its own summary.
    if (count > 0)
      lines.push(
        '',
        output
          .slice(output.search(/^ +\d+ failing$/m))
          .replace(/^.*\n/, '')
          .trimEnd(),
      );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return Math.min(failing, 255);
}

/** The long ones alone and first, then the others in their order, as many at a time as leave short ones for the end. */
function batches(all) {
  const waits = apart(all);
  const long = LONG.filter((file) => all.includes(file) && !waits.includes(file));
  const rest = all.filter((file) => !long.includes(file) && !waits.includes(file));
  const found = long.map((file) => [file]);
  for (let at = 0; at < rest.length; ) {
    const count = Math.min(FILES_MAX, Math.max(3, Math.ceil((rest.length - at) / (2 * jobs))));
    found.push(rest.slice(at, at + count));
    at += count;
  }
  return found;
}

function batchesApart(all) {
  const waits = apart(all);
  const found = [];
  for (let at = 0; at < waits.length; at += 3) found.push(waits.slice(at, at + 3));
  return found;
}

/** With one job, one after the other means all of them. */
function apart(all) {
  return jobs > 1 ? WAITING.filter((file) => all.includes(file)) : [];
}

function readArguments(args) {
  const files = [];
  const passed = [];
  const numbers = { '--jobs': Math.min(JOBS_MAX, availableParallelism()), '--leave-ms': LEAVE_MS };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg in numbers) numbers[arg] = Math.max(1, Number(args[++at]) || 1);
    else if (statSync(arg, { throwIfNoEntry: false })?.isFile()) files.push(arg);
    else passed.push(arg);
  }
  const every = () => readdirSync(join(root, 'test'), { recursive: true }).filter((path) => path.endsWith('.test.ts'));
  return {
    files:
      files.length > 0
        ? files
        : every()
            .map((path) => `test/${path}`)
            .sort(),
    jobs: numbers['--jobs'],
    leave_ms: numbers['--leave-ms'],
    passed,
  };
}
