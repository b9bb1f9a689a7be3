/**
 * What commands that open a space have in common: their options, the opening, running to quiescence with progress
 * and interruption, and what is said and left at the end. Decides nothing that the space decides.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import type { Admin, DeployReport, Durability, Grants, Report } from '../index.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { nodeService, publicApi } from './loading.ts';
import { tellFailure, tellReport } from './report.ts';
import type { Terminal } from './terminal.ts';

export interface CommonOptions {
  readonly data?: string;
  readonly space?: string;
  readonly grant?: readonly string[];
  readonly durability?: Durability;
  readonly publicSystem?: boolean;
  readonly config?: string;
  readonly holder?: string;
  readonly untilQuiescent?: boolean;
  readonly strict?: boolean;
  /** A file into which all that comes from outside is recorded. */
  readonly trace?: string;
  /** Where another process has the space, the trace is begun later. */
  readonly joins?: boolean;
}

export async function open(
  terminal: Terminal,
  options: CommonOptions,
  unfinished: 'resume' | 'refuse' | 'hold' | 'look',
): Promise<Admin> {
  const { durability, grant, publicSystem, config, holder } = options;
  const data = await directoryOf(options);
  if (holder !== undefined && grant !== undefined) {
    throw new PowerboxError('usage', 'what a holder has is said by the configuration: give --holder or --grant', {
      hint: 'Add the power to the holder in the configuration, or leave --holder out.',
    });
  }
  const { openAdmin, processConsole } = await publicApi();
  const opening = openAdmin(
    {
      ...(data === undefined ? {} : { data }),
      ...(config === undefined ? {} : { config }),
      ...(durability === undefined ? {} : { durability }),
      grants: { ...(await grantsOf(options)), publicSystem: publicSystem === true },
      // What an operator granted to the work of an earlier run is still its own.
      rememberGrants: true,
      mustExist: unfinished !== 'refuse',
      unfinished,
      ...(options.strict === true ? { strict: true } : {}),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      console: terminal.console(processConsole()),
      ...(terminal.hostArguments.length === 0 ? {} : { hostArguments: terminal.hostArguments }),
      onHostLine: ({ native, level, text }) => terminal.talk(`${native}: ${level}: ${text}`),
      onFailure: (failure) => tellFailure(terminal, failure),
    },
    { joins: options.joins === true },
  );
  return opening.catch((error: unknown) => {
    if (!isPowerboxError(error) || error.code !== 'unfinished_work') throw error;
    const hint = `go on with it: ${resumeLine(options)}\nor run beside it: --also`;
    throw new PowerboxError('unfinished_work', error.message, { hint, cause: error.cause });
  });
}

/** Runs to quiescence, with progress and interruption, reports and lets go. */
export async function working(
  terminal: Terminal,
  given: CommonOptions,
  admin: Admin,
  start: () => Promise<readonly number[] | 'all'>,
): Promise<number> {
  const options = admin.data === null ? given : { ...given, data: given.data ?? admin.data };
  const interruption = interrupted(terminal);
  try {
    const { failures } = await admin.inspect();
    const started = await start();
    const stopProgress = terminal.progress(async () => progressLine(await reportsOf(admin, started)));
    const ended = await Promise.race([
      quiescent(admin, started, failures, options.untilQuiescent !== true),
      interruption.signal,
    ]).finally(stopProgress);
    if (typeof ended !== 'string') return await concluded(terminal, options, { admin, started }, ended);
    terminal.talk(
      admin.owner === null
        ? `${ended}: finishing the commit`
        : `${ended}: process ${admin.owner}, which has the directory open, goes on`,
    );
    // What a program hangs on is what whoever interrupted it wants to know.
    const report = await admin.inspect();
    await admin.close();
    // Closing lets changes under way finish; a space that another process holds goes on.
    const isUnfinished = admin.owner !== null || (await reportsOf(admin, started)).some(hasMore);
    const code = isUnfinished && options.data !== undefined ? EXIT.storage : EXIT.interrupted;
    if (terminal.json) terminal.record({ type: 'report', ...report, exitCode: code });
    else tellReport(terminal, report);
    return leftUnfinished(terminal, options, isUnfinished, code);
  } catch (error) {
    throw withResumeLine(options, error);
  } finally {
    interruption.stop();
    await admin.close();
  }
}

async function reportsOf(admin: Admin, started: readonly number[] | 'all'): Promise<readonly DeployReport[]> {
  const all = await admin.deploys();
  return started === 'all' ? all : all.filter(({ id }) => started.includes(id));
}

/** Of the deploys that this command made; of everything, when it goes on with what was there. */
async function quiescent(
  admin: Admin,
  started: readonly number[] | 'all',
  failuresBefore: number,
  silent: boolean,
): Promise<Report> {
  const report = await admin.quiescent(started === 'all' ? { silent } : { silent, deploys: started });
  const failures = report.failures - (started === 'all' ? failuresBefore : 0);
  return { ...(await admin.inspect()), failures, quiescent: report.quiescent };
}

async function concluded(
  terminal: Terminal,
  options: CommonOptions,
  { admin, started }: { readonly admin: Admin; readonly started: readonly number[] | 'all' },
  report: Report,
): Promise<number> {
  const { failures } = report;
  const deploys = await reportsOf(admin, started);
  const works = !report.quiescent || deploys.some(hasWork);
  // A source that is left goes on with the directory it is in; without one it is gone, as was asked for.
  const unfinished = works || (options.data !== undefined && deploys.some(hasMore));
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
export function hasMore(deploy: DeployReport): boolean {
  return hasWork(deploy) || deploy.sources > 0;
}

function hasWork({ ready, outside, parked }: DeployReport): boolean {
  return ready + outside + parked > 0;
}

function progressLine(deploys: readonly DeployReport[]): string {
  let [ready, outside, sources] = [0, 0, 0];
  for (const deploy of deploys) {
    ready += deploy.ready;
    outside += deploy.outside;
    sources += deploy.sources;
  }
  const told = `${sources} ${sources === 1 ? 'source' : 'sources'} open`;
  const open = sources === 0 ? '' : `, ${told}`;
  return ready + outside === 0 && sources > 0
    ? `serving: ${told}`
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
function resumeLine({ data, space, config }: CommonOptions): string {
  const which = space === undefined ? '' : ` --space ${space}`;
  if (data !== undefined) return `powerbox resume --data ${shellWord(data)}${which}`;
  return `powerbox resume --config ${shellWord(config ?? '')}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The directory of the space that is meant. */
export async function directoryOf({ data, space }: Pick<CommonOptions, 'data' | 'space'>): Promise<string | undefined> {
  if (space === undefined) return data;
  if (data !== undefined) return (await (await nodeService()).findSpace(data, space)).directory;
  throw new PowerboxError('usage', '--space is a space of a node: --data says which', {
    hint: `For example --data ./node --space ${space}.`,
  });
}

/** What programs are granted that are run without a holder: what all `--grant`s say, beside standard input and output. */
export async function grantsOf({ grant }: CommonOptions): Promise<Grants> {
  const { parseGrants } = await publicApi();
  const all = parseGrants(grant ?? []);
  const files = all.filter((power) => power.kind === 'files');
  const powers = all.filter((power) => power.kind !== 'files' && power.kind !== 'stdio');
  return { files: Object.fromEntries(files.map(({ name, kind: _, ...options }) => [name, options])), powers };
}
