/**
 * What commands that open a space have in common: their options, the opening, running to quiescence with progress
 * and interruption, and what is said and left at the end. Decides nothing that the space decides.
 */
import {
  type Deploy,
  type Durability,
  type Grants,
  isPowerboxError,
  openSpace,
  parseGrants,
  PowerboxError,
  type Report,
  type Space,
} from '../index.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { tellFailure, tellReport } from './report.ts';
import type { Terminal } from './terminal.ts';

export interface CommonOptions {
  readonly data?: string;
  readonly grant?: readonly string[];
  readonly durability?: Durability;
  readonly publicSystem?: boolean;
}

export async function open(
  terminal: Terminal,
  options: CommonOptions,
  unfinished: 'resume' | 'refuse' | 'hold',
): Promise<Space> {
  const { data, durability, grant, publicSystem } = options;
  const opening = openSpace({
    ...(data === undefined ? {} : { data }),
    ...(durability === undefined ? {} : { durability }),
    grants: { files: grantedFiles(grant), publicSystem: publicSystem === true },
    // What an operator granted to the work of an earlier run is still its own.
    rememberGrants: true,
    mustExist: unfinished !== 'refuse' && data !== undefined,
    unfinished,
    console: terminal.console,
    onFailure: (failure) => tellFailure(terminal, failure),
  });
  return opening.catch((error: unknown) => {
    if (!isPowerboxError(error) || error.code !== 'unfinished_work') throw error;
    const hint = `go on with it: ${resumeLine(options)}\nor run beside it: --also`;
    throw new PowerboxError('unfinished_work', error.message, { hint, cause: error.cause });
  });
}

/** Runs to quiescence, with progress and interruption, reports and closes. */
export async function working(
  terminal: Terminal,
  options: CommonOptions,
  space: Space,
  start: () => Promise<readonly Deploy[]>,
): Promise<number> {
  const interruption = interrupted(terminal);
  try {
    const { failures } = await space.inspect();
    const deploys = await start();
    const stopProgress = terminal.progress(() => progressLine(deploys));
    const ended = await Promise.race([quiescent(space, deploys, failures), interruption.signal]).finally(stopProgress);
    if (typeof ended === 'string') {
      terminal.talk(`${ended}: finishing the commit`);
      // What a program hangs on is what whoever interrupted it wants to know.
      const report = await space.inspect();
      await space.close();
      // Closing lets changes under way finish.
      const unfinished = deploys.some(isUnfinished);
      const code = unfinished && options.data !== undefined ? EXIT.storage : EXIT.interrupted;
      if (terminal.json) terminal.record({ type: 'report', ...report, exitCode: code });
      else tellReport(terminal, report);
      return leftUnfinished(terminal, options, unfinished, code);
    }
    return concluded(terminal, options, deploys, ended);
  } catch (error) {
    throw withResumeLine(options, error);
  } finally {
    interruption.stop();
    await space.close();
  }
}

/** Of the deploys that this command made; of everything, when it goes on with what was there. */
async function quiescent(space: Space, deploys: readonly Deploy[], failuresBefore: number): Promise<Report> {
  const all = deploys.length === space.deploys().length;
  const reports = all ? [await space.quiescent()] : await Promise.all(deploys.map((deploy) => deploy.quiescent()));
  const failures = reports.reduce((sum, report) => sum + report.failures, all ? -failuresBefore : 0);
  return { ...(await space.inspect()), failures, quiescent: reports.every((report) => report.quiescent) };
}

function concluded(terminal: Terminal, options: CommonOptions, deploys: readonly Deploy[], report: Report): number {
  const { failures } = report;
  const unfinished = !report.quiescent || deploys.some(isUnfinished);
  const code = unfinished ? EXIT.storage : failures > 0 ? EXIT.contract : EXIT.success;
  if (terminal.json) terminal.record({ type: 'report', ...report, exitCode: code });
  else tellReport(terminal, report);
  if (failures > 0 && !terminal.json) terminal.talk(failures === 1 ? '1 branch failed' : `${failures} branches failed`);
  return leftUnfinished(terminal, options, unfinished, code);
}

function leftUnfinished(terminal: Terminal, options: CommonOptions, unfinished: boolean, otherwise: number): number {
  if (!unfinished || options.data === undefined) return otherwise;
  terminal.talk(`work is left to do; go on with:\n  ${resumeLine(options)}`);
  return EXIT.storage;
}

/** After a storage error the next opening decides what happened, and resume is that opening. */
function withResumeLine(options: CommonOptions, error: unknown): unknown {
  if (!isPowerboxError(error) || options.data === undefined || exitCodeOf(error) !== EXIT.storage) return error;
  const hint = `opening it again decides what happened: ${resumeLine(options)}`;
  return new PowerboxError(error.code, error.message, { hint, cause: error.cause });
}

export function isUnfinished(deploy: Deploy): boolean {
  const { ready, outside, parked } = deploy.pending();
  return ready + outside + parked > 0;
}

function progressLine(deploys: readonly Deploy[]): string {
  let ready = 0;
  let outside = 0;
  for (const deploy of deploys) {
    const pending = deploy.pending();
    ready += pending.ready;
    outside += pending.outside;
  }
  return `working: ${ready} tasks ready, ${outside} effects under way`;
}

function interrupted(terminal: Terminal): { readonly signal: Promise<string>; stop(): void } {
  let stop = (): void => {};
  const signal = new Promise<string>((done) => {
    stop = terminal.onInterrupt(done);
  });
  return { signal, stop: () => stop() };
}

/** The line that goes on with this work. What was granted is remembered in the directory. */
function resumeLine({ data = '' }: CommonOptions): string {
  return `powerbox resume --data ${shellWord(data)}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The directories of all `--grant`s, by name. Standard input and output are granted anyway. */
function grantedFiles(texts: readonly string[] = []): NonNullable<Grants['files']> {
  const files = parseGrants(texts).filter((grant) => grant.kind === 'files');
  return Object.fromEntries(files.map(({ name, kind: _, ...options }) => [name, options]));
}
