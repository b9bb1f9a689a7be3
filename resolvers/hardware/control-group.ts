/**
 * What the control group of this process leaves it of the machine, from the files in which Linux says so: version 2,
 * version 1, and both at once. Each group up to the root of its tree can be the narrowest one. It reads through a
 * function that it is given, so that a test brings the files of other machines; what cannot be read limits nothing.
 */
import { limits } from '../../src/limits.ts';

/** The text of a file, or null where there is none or it may not be read. */
export type ReadText = (path: string) => string | null;

/** Null: no limit. */
export interface GroupLimits {
  /** Cores, also with a fraction, by quota and by the set of processors. */
  readonly cores: number | null;
  readonly memory_bytes: number | null;
  /** Of that memory, what cannot be taken back from its users; null when it is not told. */
  readonly memory_used_bytes: number | null;
}

interface Tree {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** Which group stands at the mount point. */
  readonly root: string;
}

export function groupLimits(read: ReadText): GroupLimits {
  const trees = treesOf(read('/proc/self/mountinfo') ?? '');
  const groups = groupsOf(read('/proc/self/cgroup') ?? '');
  const folders = (controller: string): readonly (readonly [version: 1 | 2, folder: string])[] =>
    trees
      .filter((tree) => tree.version === 2 || tree.controllers.includes(controller))
      .flatMap((tree) => {
        const group = groups.get(tree.version === 2 ? '' : controller);
        return group === undefined ? [] : foldersOf(tree, group).map((folder) => [tree.version, folder] as const);
      });

  const quotas = folders('cpu').map(([version, folder]) =>
    version === 2 ? quota2(read, folder) : quota1(read, folder),
  );
  const sets = folders('cpuset').map(([version, folder]) =>
    countOf(
      read(`${folder}/cpuset.cpus.effective`) ??
        read(`${folder}/cpuset.effective_cpus`) ??
        (version === 1 ? read(`${folder}/cpuset.cpus`) : null),
    ),
  );
  const memories = folders('memory').map(([version, folder]) =>
    version === 2
      ? memoryOf(read, folder, 'memory.max', 'memory.current', 'inactive_file')
      : memoryOf(read, folder, 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
  );
  const narrowest = memories.reduce<Memory | null>(
    (least, memory) =>
      memory.limit_bytes !== null && (least?.limit_bytes ?? Infinity) > memory.limit_bytes ? memory : least,
    null,
  );
  return {
    cores: leastOf([...quotas, ...sets]),
    memory_bytes: narrowest?.limit_bytes ?? null,
    memory_used_bytes: narrowest?.used_bytes ?? null,
  };
}

/** `/proc/self/mountinfo`: id parent device root mountpoint options [tags…] - type source options. */
function treesOf(mounts: string): Tree[] {
  return mounts.split('\n').flatMap((line): Tree[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', mountPoint = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    return [
      {
        version: type === 'cgroup2' ? 2 : 1,
        controllers: options.split(','),
        mountPoint: unescaped(mountPoint),
        root: unescaped(root),
      },
    ];
  });
}

/** `/proc/self/cgroup`: hierarchy:controllers:group; of version 2 without controllers. By controller. */
function groupsOf(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, hierarchy, controllers = '', group = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (hierarchy === undefined) continue;
    for (const controller of controllers.split(',')) groups.set(controller, group);
  }
  return groups;
}

/** The folder of a group and of those above it. Where the group lies outside the mount, only the mount is there. */
function foldersOf({ mountPoint, root }: Tree, group: string): string[] {
  const prefix = root === '/' ? '' : root;
  const inside = group === prefix || group.startsWith(`${prefix}/`) ? group.slice(prefix.length) : '';
  const parts = inside.split('/').filter((part) => part !== '' && part !== '..');
  const folders: string[] = [];
  for (let count = Math.min(parts.length, limits.machine_groups_max); count >= 0; count--)
    folders.push([mountPoint, ...parts.slice(0, count)].join('/'));
  return folders;
}

/** Spaces and the like stand in mountinfo as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function quota2(read: ReadText, folder: string): number | null {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(/\s+/).map(Number);
  return share(quota, period ?? 100_000);
}

function quota1(read: ReadText, folder: string): number | null {
  return share(numberIn(read(`${folder}/cpu.cfs_quota_us`)), numberIn(read(`${folder}/cpu.cfs_period_us`)));
}

function share(quota: number | null | undefined, period: number | null | undefined): number | null {
  return quota && period && quota > 0 && period > 0 ? quota / period : null;
}

/** How many processors a list such as `0-3,8` names; null when it names none. */
function countOf(list: string | null): number | null {
  let count = 0;
  for (const range of (list ?? '').trim().split(',')) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first !== undefined) count += Math.max(0, Number(last ?? first) - Number(first) + 1);
  }
  return count === 0 ? null : count;
}

interface Memory {
  readonly limit_bytes: number | null;
  readonly used_bytes: number | null;
}

/** A page of a file that nobody looked at lately is given back when memory is short, so it is not used up. */
function memoryOf(read: ReadText, folder: string, limit: string, used: string, inactive: string): Memory {
  const limit_bytes = numberIn(read(`${folder}/${limit}`));
  const current_bytes = numberIn(read(`${folder}/${used}`));
  if (limit_bytes === null || limit_bytes > limits.machine_bytes_max) return { limit_bytes: null, used_bytes: null };
  const found = new RegExp(`^${inactive} (\\d+)$`, 'm').exec(read(`${folder}/memory.stat`) ?? '');
  const inactive_bytes = Number(found?.[1] ?? 0);
  return { limit_bytes, used_bytes: current_bytes === null ? null : Math.max(0, current_bytes - inactive_bytes) };
}

/** Null for a word such as `max`. */
function numberIn(text: string | null): number | null {
  return /^-?\d+$/.test(text?.trim() ?? '') ? Number(text) : null;
}

function leastOf(numbers: readonly (number | null)[]): number | null {
  const there = numbers.filter((number) => number !== null);
  return there.length === 0 ? null : Math.min(...there);
}
