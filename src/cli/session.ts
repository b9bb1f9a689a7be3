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
  readonly config?: string;
  readonly holder?: string;
  readonly untilQuiescent?: boolean;
  readonly strict?: boolean;
}

export async function open(
  terminal: Terminal,
  options: CommonOptions,
  unfinished: 'resume' | 'refuse' | 'hold',
): Promise<Space> {
  const { data, durability, grant, publicSystem, config, holder } = options;
  if (holder !== undefined && grant !== undefined) {
    throw new PowerboxError('usage', 'what a holder has is said by the configuration: give --holder or --grant', {
      hint: 'Add the power to the holder in the configuration, or leave --holder out.',
    });
  }
  const opening = openSpace({
    ...(data === undefined ? {} : { data }),
    ...(config === undefined ? {} : { config }),
    ...(durability === undefined ? {} : { durability }),
    grants: { ...granted(grant), publicSystem: publicSystem === true },
    // What an operator granted to the work of an earlier run is still its own.
    rememberGrants: true,
    mustExist: unfinished !== 'refuse',
    unfinished,
    ...(options.strict === true ? { strict: true } : {}),
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
  given: CommonOptions,
  space: Space,
  start: () => Promise<readonly Deploy[]>,
): Promise<number> {
  const options = space.data === null ? given : { ...given, data: given.data ?? space.data };
  const interruption = interrupted(terminal);
  try {
    const { failures } = await space.inspect();
    const deploys = await start();
    const stopProgress = terminal.progress(() => progressLine(deploys));
    const ended = await Promise.race([
      quiescent(space, deploys, failures, options.untilQuiescent !== true),
      interruption.signal,
    ]).finally(stopProgress);
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
async function quiescent(
  space: Space,
  deploys: readonly Deploy[],
  failuresBefore: number,
  silent: boolean,
): Promise<Report> {
  const all = deploys.length === space.deploys().length;
  const reports = all
    ? [await space.quiescent({ silent })]
    : await Promise.all(deploys.map((deploy) => deploy.quiescent({ silent })));
  const failures = reports.reduce((sum, report) => sum + report.failures, all ? -failuresBefore : 0);
  return { ...(await space.inspect()), failures, quiescent: reports.every((report) => report.quiescent) };
}

function concluded(terminal: Terminal, options: CommonOptions, deploys: readonly Deploy[], report: Report): number {
  const { failures } = report;
  const works = !report.quiescent || deploys.some(hasWork);
  // A source that is left goes on with the directory it is in; without one it is gone, as was asked for.
  const unfinished = works || (options.data !== undefined && deploys.some(isUnfinished));
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
  // That has its own way back, and resuming is not it.
  if (error.code === 'out_of_service') return error;
  const hint = `opening it again decides what happened: ${resumeLine(options)}`;
  return new PowerboxError(error.code, error.message, { hint, cause: error.cause });
}

/** Work is left, or a source that may still speak. */
export function isUnfinished(deploy: Deploy): boolean {
  return hasWork(deploy) || deploy.pending().sources > 0;
}

function hasWork(deploy: Deploy): boolean {
  const { ready, outside, parked } = deploy.pending();
  return ready + outside + parked > 0;
}

function progressLine(deploys: readonly Deploy[]): string {
  let [ready, outside, sources] = [0, 0, 0];
  for (const deploy of deploys) {
    const pending = deploy.pending();
    ready += pending.ready;
    outside += pending.outside;
    sources += pending.sources;
  }
  const open = sources === 0 ? '' : `, ${sources} sources open`;
  return ready + outside === 0 && sources > 0
    ? `serving: ${sources} sources open`
    : `working: ${ready} tasks ready, ${outside} effects under way${open}`;
}

function interrupted(terminal: Terminal): { readonly signal: Promise<string>; stop(): void } {
  let stop = (): void => {};
  const signal = new Promise<string>((done) => {
    stop = terminal.onInterrupt(done);
  });
  return { signal, stop: () => stop() };
}

/** The line that goes on with this work. What was granted, and the configuration, are remembered in the directory. */
function resumeLine({ data, config }: CommonOptions): string {
  if (data !== undefined) return `powerbox resume --data ${shellWord(data)}`;
  return `powerbox resume --config ${shellWord(config ?? '')}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What all `--grant`s say. Standard input and output are granted anyway. */
function granted(texts: readonly string[] = []): Pick<Grants, 'files' | 'powers'> {
  const all = parseGrants(texts);
  const files = all.filter((power) => power.kind === 'files');
  const powers = all.filter((power) => power.kind !== 'files' && power.kind !== 'stdio');
  return { files: Object.fromEntries(files.map(({ name, kind: _, ...options }) => [name, options])), powers };
}
