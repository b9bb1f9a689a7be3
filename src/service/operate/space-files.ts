/**
 * Where a node keeps its spaces: below one data directory,
 *
 *   DIR/              the space `main`, a data directory as `powerbox run --data DIR` makes it
 *   DIR/spaces/NAME/  another space, a data directory, too
 *   DIR/spaces/NAME/space.json   what an operator said of it: owner, quotas, configuration
 *
 * Owns these places and `space.json`. A space is made and removed wholly or not at all; one that somebody holds is
 * never removed.
 */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type ConfigurationSource, type HolderQuota, holderName, holderQuotaSchema } from '../../capability/index.ts';
import { openSpace } from '../../embedding/index.ts';
import { isPowerboxError, PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { madeWhole } from '../../store/index.ts';
import { makePrivate } from '../node-directory.ts';
import { directoryOfSpace, isSpace, isSpaceName, MAIN_SPACE, SPACES } from '../space-places.ts';

const SETTINGS_FILE = 'space.json';
const REMOVED_PREFIX = '.powerbox-new-removed-';

const settingsSchema = z.strictObject({
  version: z.literal(1),
  owner: holderName.nullable(),
  quotas: holderQuotaSchema.nullable(),
  config: z.string().max(limits.path_bytes_max).nullable(),
});

/** What an operator said of a space. */
export interface SpaceSettings {
  /** Who alone may enter it; null: whoever may enter the node. */
  readonly owner: string | null;
  /** Of each of its holders; null: those of its configuration. */
  readonly quotas: HolderQuota | null;
  /** Its configuration, absolute; null: it has none, and its owner has no powers there. */
  readonly config: string | null;
}

export interface SpaceEntry extends SpaceSettings {
  readonly name: string;
  readonly directory: string;
}

const NOTHING_SAID: SpaceSettings = { owner: null, quotas: null, config: null };

/** What killed processes have left; called by who holds the node. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (name.startsWith('.powerbox-new-')) await rm(join(directory, name), { recursive: true, force: true });
}

/** Of every space that is there, `main` first. */
export async function listSpaces(data: string): Promise<readonly SpaceEntry[]> {
  const names = await directoriesIn(join(data, SPACES));
  const all = [MAIN_SPACE, ...names.filter((name) => name !== MAIN_SPACE)];
  const found: SpaceEntry[] = [];
  for (const name of all) {
    const directory = directoryOfSpace(data, name);
    if (isSpace(data, name)) found.push({ name, directory, ...(await readSettings(directory)) });
  }
  return found;
}

/** Refused with `config_invalid` where there is no such space. */
export async function findSpace(data: string, name: string): Promise<SpaceEntry> {
  const directory = directoryOfSpace(data, name);
  if (isSpace(data, name)) return { name, directory, ...(await readSettings(directory)) };
  const names = (await listSpaces(data)).map((entry) => entry.name);
  throw new PowerboxError('config_invalid', `there is no space ${name} in ${data}`, {
    hint: names.length === 0 ? `powerbox space create ${name} --data ${data}` : `there are ${names.join(', ')}`,
  });
}

async function readSettings(directory: string): Promise<SpaceSettings> {
  const path = join(directory, SETTINGS_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING_SAID;
    throw new PowerboxError('storage_failed', `${path} cannot be read`, { cause: error });
  }
  // Who may enter is said there: of one that cannot be read nobody may assume that it is everybody.
  const read = settingsSchema.safeParse(parsed(text));
  if (!read.success) throw new PowerboxError('storage_corrupt', `${path} does not say who owns the space`);
  const { owner, quotas, config } = read.data;
  return { owner, quotas, config };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Makes a space with its journal and keys. Refused with `config_invalid` where it is there, or there are too many. */
export async function createSpace(data: string, name: string, settings: SpaceSettings): Promise<SpaceEntry> {
  const directory = directoryOfSpace(data, name);
  if (settings.owner !== null && !holderName.safeParse(settings.owner).success)
    throw new PowerboxError('usage', `${JSON.stringify(settings.owner)} is no name of a holder`);
  const there = await listSpaces(data);
  if (there.some((entry) => entry.name === name))
    throw new PowerboxError('config_invalid', `there is a space ${name} in ${data} already`);
  if (there.length >= limits.node_spaces_max)
    throw new PowerboxError('config_invalid', `a node has ${limits.node_spaces_max} spaces at most`);
  if (name === MAIN_SPACE) {
    await made(directory, settings);
    return { name, directory, ...settings };
  }
  await makePrivate(join(data, SPACES));
  await madeWhole(directory, (room) => made(room, settings));
  return { name, directory, ...settings };
}

async function made(directory: string, settings: SpaceSettings): Promise<void> {
  const space = await openSpace({ data: directory, unfinished: 'hold', ...openingOf(settings) });
  await space.close();
  await writeFile(join(directory, SETTINGS_FILE), `${JSON.stringify({ version: 1, ...settings })}\n`, { mode: 0o600 });
}

/** How a space is opened, from what an operator said of it. */
export function openingOf({ owner, quotas, config }: SpaceSettings): {
  readonly config?: string | ConfigurationSource;
  readonly quotas?: { readonly default: HolderQuota };
} {
  return {
    ...(config !== null ? { config } : owner === null ? {} : { config: configOf(owner) }),
    ...(quotas === null ? {} : { quotas: { default: quotas } }),
  };
}

/** An owner without a configuration is a holder without powers. */
function configOf(owner: string): ConfigurationSource {
  return { version: 1, holders: { [owner]: {} } };
}

/**
 * Removes a space and all that is in it. Refused with `storage_locked` while somebody holds it, with `unfinished_work`
 * while work is left in it, unless `force` says that it is to go with it, and `main` never goes.
 */
export async function removeSpace(data: string, name: string, force: boolean): Promise<void> {
  const { directory } = await findSpace(data, name);
  if (name === MAIN_SPACE)
    throw new PowerboxError('config_invalid', 'the space main is the data directory itself: remove that', {
      hint: `rm -r ${data}`,
    });
  // Whoever holds it has the lock, and this one has it until the space is out of the way.
  const space = await openSpace({ data: directory, unfinished: 'hold', mustExist: true }).catch((error: unknown) => {
    if (force && isPowerboxError(error) && error.code !== 'storage_locked') return null;
    throw error;
  });
  const gone = join(data, SPACES, `${REMOVED_PREFIX}${basename(directory)}`);
  try {
    const unfinished = space?.deploys().filter((deploy) => {
      const { ready, outside, parked, sources } = deploy.pending();
      return ready + outside + parked + sources > 0;
    });
    if (!force && unfinished !== undefined && unfinished.length > 0) {
      const names = unfinished.map((deploy) => deploy.name).join(', ');
      throw new PowerboxError('unfinished_work', `the space ${name} has work that is not finished: ${names}`, {
        hint: 'With --force it goes with the space.',
      });
    }
    await rm(gone, { recursive: true, force: true });
    await rename(directory, gone);
  } finally {
    await space?.close();
  }
  await rm(gone, { recursive: true, force: true });
}

/** Names that spaces may have, of what is in a directory; none where it is not there. */
export async function directoriesIn(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw new PowerboxError('storage_failed', `${directory} cannot be read: ${error.code}`, { cause: error });
  });
  return found.flatMap((each) => (each.isDirectory() && isSpaceName(each.name) ? [each.name] : [])).sort();
}

/** The certificate and key that encrypt, read once. Refused with `config_invalid`. */
export async function readTls({ certificate, key }: { readonly certificate: string; readonly key: string }): Promise<{
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}> {
  const read = (path: string): Promise<Uint8Array> =>
    readFile(path).catch((error: NodeJS.ErrnoException) => {
      throw new PowerboxError('config_invalid', `${path} cannot be read: ${error.code ?? error.message}`, {
        cause: error,
      });
    });
  return { cert: await read(certificate), key: await read(key) };
}

/** Resident memory of a process, in bytes; null where the machine does not tell, or there is none. */
export async function memoryOfProcess(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** What this process is, and what it uses. */
export function processFigures(): {
  readonly pid: number;
  readonly uptime_ms: number;
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly external: number };
} {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { pid: process.pid, uptime_ms: Math.round(process.uptime() * 1000), memory: { rss, heapUsed, external } };
}
