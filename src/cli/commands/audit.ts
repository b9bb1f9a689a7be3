/** `powerbox audit`: which calls of natives were made, for whom, under which grant. A thin call of the public API. */
import { isPowerboxError, PowerboxError } from '../../errors.ts';
import type { Admin, AuditOptions, AuditRecord } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

interface AuditCommandOptions extends Pick<CommonOptions, 'data' | 'space' | 'config'> {
  readonly holder?: string;
  readonly grant?: string;
  readonly method?: string;
  readonly since?: string;
  readonly limit?: string;
  readonly follow?: boolean;
}

export const registerAudit: Register = (program, { terminal, leave }) => {
  place(program.command('audit'))
    .description('show the calls that were made to the world: for whom, under which grant, what came of them')
    .option('--holder <name>', 'calls of programs of this holder')
    .option('--grant <holder/power>', 'calls under this grant, also by channels that were derived from it')
    .option('--method <name>', 'calls of this method: get, or httpClient.get')
    .option('--since <time>', 'calls from then on: 2026-01-31, or 2026-01-31T12:00:00Z')
    .option('--limit <n>', 'the newest so many of them')
    .option('--follow', 'go on with the work of the directory, and show calls as they are made')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('audit --data ./space --limit 20', 'audit --data ./space --grant alice/files --json'))
    .action((options: AuditCommandOptions) => leave(audit(terminal, options)));
};

function query({ holder, grant, method, since, limit }: AuditCommandOptions): AuditOptions {
  return {
    ...(holder === undefined ? {} : { holder }),
    ...(grant === undefined ? {} : { grant }),
    ...(method === undefined ? {} : { method }),
    ...(since === undefined ? {} : { since_ms: readTime(since) }),
    ...(limit === undefined ? {} : { limit: readCount(limit) }),
  };
}

function readTime(text: string): number {
  const since_ms = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(since_ms)) return since_ms;
  throw new PowerboxError('usage', `--since ${JSON.stringify(text)} is no time`, {
    hint: 'For example --since 2026-01-31, or --since 2026-01-31T12:00:00Z.',
  });
}

function readCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new PowerboxError('usage', `--limit ${JSON.stringify(text)} is no whole number`, {
    hint: 'For example --limit 20.',
  });
}

async function audit(terminal: Terminal, options: AuditCommandOptions): Promise<number> {
  requirePlace(options);
  const asked = query(options);
  const { data, space, config, follow = false } = options;
  const where = {
    ...(data === undefined ? {} : { data }),
    ...(space === undefined ? {} : { space }),
    ...(config === undefined ? {} : { config }),
  };
  const admin = await open(terminal, where, follow ? 'resume' : 'hold');
  try {
    if (follow) await tellLive(terminal, admin, asked);
    else for await (const row of admin.audit(asked)) tell(terminal, row);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

/** Until nothing moves any more and nothing may, or until it is interrupted. */
async function tellLive(terminal: Terminal, admin: Admin, asked: AuditOptions): Promise<void> {
  let last = -1;
  const tellNew = async (rows: AsyncIterable<AuditRecord>): Promise<void> => {
    for await (const row of rows) {
      if (row.number <= last) continue;
      last = row.number;
      tell(terminal, row);
    }
  };
  const following = tellNew(admin.audit({ ...asked, follow: true }));
  let stop = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    stop = terminal.onInterrupt(() => resolve());
  });
  try {
    await Promise.race([admin.quiescent({ silent: true }), interrupted, following]);
    // What became durable last may not have been told yet.
    const { limit: _, ...all } = asked;
    await tellNew(admin.audit(all));
  } finally {
    stop();
    await admin.close();
    // Of a space that another process holds, what is told ends with the connection.
    await following.catch(ignoreEnd);
  }
}

function ignoreEnd(error: unknown): void {
  if (!isPowerboxError(error) || error.code !== 'space_closed') throw error;
}

function tell(terminal: Terminal, row: AuditRecord): void {
  if (terminal.json) {
    terminal.record({ type: 'call', ...row });
    return;
  }
  const { time, holder, deploy, grant, capability, native, method, result, bytes, duration_ms, digest } = row;
  const by = capability === grant ? '' : ` by ${capability}`;
  const who = holder === '' ? 'this program' : `${holder}, deploy ${deploy}`;
  const what = `${native}.${method} ${result}, ${bytes} bytes, ${duration_ms} ms`;
  terminal.data(`${time} ${who}: ${what}, under ${grant}${by}, arguments ${digest.slice(0, 16)}\n`);
}
