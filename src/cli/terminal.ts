/**
 * The process around a command: its streams, arguments, signals and the file it reads. The only file of this
 * folder that touches them. Standard output is data, standard error is talk, and colours are for terminals.
 */
import { readFileSync } from 'node:fs';
import { PowerboxError } from '../errors.ts';
import type { Console, processConsole } from '../index.ts';

export interface Terminal {
  /** As `process.argv`, as far as it is for this command. */
  readonly argv: readonly string[];
  /** What stands after `--`: for the host that the configuration names. */
  readonly hostArguments: readonly string[];
  readonly json: boolean;
  /** One line for a person, on standard error. */
  talk(line: string): void;
  /** Text on standard output. */
  data(text: string): void;
  /** One JSON object on a line of its own, on standard output. */
  record(object: { readonly type: string; readonly [key: string]: unknown }): void;
  /** Tells `line` from time to time, until the returned function is called; replaced by the next where a terminal is. */
  progress(line: () => Promise<string>): () => void;
  paint(colour: Colour, text: string): string;
  /** Where the programs' own console leads: to the streams of this process, beside what else is told there. */
  console(streams: ReturnType<typeof processConsole>): Console;
  /**
   * Calls `run` on the first SIGINT or SIGTERM, and when nobody reads standard output any more; a second signal ends the
   * process at once. Returns how to stop listening.
   */
  onInterrupt(run: (signal: string) => void): () => void;
  /** Ends the process at once, with whatever is under way in it. */
  abandon(code: number): never;
  /** Says with which code the process will end, once everything that was said has been handed over. */
  leave(code: number): Promise<void>;
}

export type Colour = 'red' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, number>> = { red: 31, yellow: 33, dim: 2, bold: 1 };

/** How often it is looked at, and at which look progress is told: to a person who watches, and to a log. */
const PROGRESS_TERMINAL = { look_ms: 500, looks: 1 } as const;
/** Not at one look in ten seconds: a machine that stood still so long has not worked so long. */
const PROGRESS_LOG = { look_ms: 1_000, looks: 10 } as const;

export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const marker = process.argv.indexOf('--', 2);
  const argv = marker < 0 ? process.argv : process.argv.slice(0, marker);
  const hostArguments = marker < 0 ? [] : process.argv.slice(marker + 1);
  const json = argv.includes('--json');
  const colours = stderr.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  let replaceable = false;
  const interruptions = new Set<(signal: string) => void>();
  // Who reads standard error may go away; that is no reason to stop what is running.
  stderr.on('error', requireGone);
  // Whoever reads what the command prints (`powerbox … | head`) ends it, as with Ctrl-C where something is running.
  stdout.once('error', () => stdout.on('error', requireGone));
  stdout.once('error', (error: NodeJS.ErrnoException) => {
    requireGone(error);
    if (interruptions.size === 0) process.exit(0);
    for (const run of interruptions) run('SIGPIPE');
  });

  const erase = (): void => {
    if (replaceable) stderr.write('\r\u001b[K');
    replaceable = false;
  };
  const record = (object: object): void => {
    stdout.write(`${JSON.stringify(object)}\n`);
  };
  return {
    argv,
    hostArguments,
    json,
    talk(line) {
      erase();
      stderr.write(`${line}\n`);
    },
    data(text) {
      erase();
      stdout.write(text);
    },
    record,
    progress(line) {
      let over = false;
      const show = (text: string): void => {
        if (over) return;
        erase();
        stderr.write(stderr.isTTY ? text : `${text}\n`);
        replaceable = stderr.isTTY === true;
      };
      // Of a space that is closing nothing is told any more.
      const look = (): void => void line().then(show, () => undefined);
      const { look_ms, looks } = stderr.isTTY ? PROGRESS_TERMINAL : PROGRESS_LOG;
      let count = 0;
      const watch = setInterval(() => {
        if (++count % looks === 0) look();
      }, look_ms);
      return () => {
        over = true;
        clearInterval(watch);
      };
    },
    paint: (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
    console: (streams) => ({
      stdout(bytes) {
        erase();
        // Nothing is written to wait for what was: that is no line of its own.
        if (!json || bytes.length === 0) return streams.stdout(bytes);
        record({ type: 'stdout', text: new TextDecoder().decode(bytes) });
        return Promise.resolve();
      },
      stderr(bytes) {
        erase();
        return streams.stderr(bytes);
      },
      readLine: (signal) => streams.readLine(signal),
      readBytes: (count, signal) => streams.readBytes(count, signal),
    }),
    onInterrupt(run) {
      let first = true;
      const heard = (signal: string): void => {
        if (!first) process.exit(130);
        first = false;
        run(signal);
      };
      const lost = (signal: string): void => {
        interruptions.delete(lost);
        first = false;
        run(signal);
      };
      interruptions.add(lost);
      process.on('SIGINT', heard);
      process.on('SIGTERM', heard);
      return () => {
        interruptions.delete(lost);
        process.off('SIGINT', heard);
        process.off('SIGTERM', heard);
      };
    },
    abandon(code) {
      process.exit(code);
    },
    async leave(code) {
      erase();
      process.exitCode = code;
      for (const stream of [stdout, stderr]) await new Promise((resolve) => stream.write('', resolve));
    },
  };
}

/** Why a file cannot be read, by the code of the system. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
};

/** The text of a program. A file that cannot be read is a mistake on the command line. */
export function readProgram(path: string): string {
  try {
    // fatal: a program that is no text should not be run as something else
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path === '-' ? 0 : path));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const known = error instanceof TypeError ? 'it is no UTF-8 text' : UNREADABLE[code];
    // In our words the system's say nothing more.
    throw new PowerboxError('usage', `cannot read the program ${path}: ${known ?? message}`, {
      ...(known === undefined ? { cause: error } : {}),
    });
  }
}

/** The reader of a stream has gone away; any other failure of it is a bug. */
function requireGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
}
