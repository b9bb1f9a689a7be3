/** The natives of a configuration: their secrets, their paths, what they are pinned to, and who is granted one. */
import { limits } from '../../limits.ts';
import { type NativeConfig, nativeSection } from '../natives-config.ts';
import type { Power } from '../powers/index.ts';
import { type Draft, list, section } from './draft.ts';
import { readBy } from './issues.ts';
import { meant, type Path, shown } from './mistake.ts';
import type { Fillings } from './secrets.ts';

/** Null: it is there, and something is wrong with it; what, was told when the whole was read. */
export type ConfiguredNatives = ReadonlyMap<string, NativeConfig | null>;

export function readNatives(data: unknown, draft: Draft, fillings: Fillings): ConfiguredNatives {
  const natives = new Map<string, NativeConfig | null>();
  let forArguments: string | null = null;
  for (const [name, source] of Object.entries(section(data, 'natives') ?? {})) {
    const path: Path = ['natives', name];
    const { value } = readBy(nativeSection, source, draft.text);
    if (value === undefined) {
      fillings.fillUnread(nativeSection, source, path);
      natives.set(name, null);
      continue;
    }
    fillings.fill(value, path);
    if (value.arguments === true && forArguments !== null) {
      const expected = `expected one native that gets the arguments of the command line, and ${forArguments} gets them`;
      draft.refuse([...path, 'arguments'], expected, shown(true));
    }
    if (value.arguments === true) forArguments ??= name;
    const { surroundings } = draft;
    const resolved = (given: string | undefined): string | undefined =>
      given === undefined ? undefined : surroundings.resolve(given);
    const pinned =
      value.declaration === undefined ? undefined : pinnedIn(value.declaration, [...path, 'declaration'], draft);
    const [program = '', ...rest] = value.command ?? [];
    natives.set(name, {
      ...value,
      name,
      module: resolved(value.module),
      command:
        value.command === undefined
          ? undefined
          : [program.includes('/') ? surroundings.resolve(program) : program, ...rest],
      folder: surroundings.resolve(value.folder ?? '.'),
      ca: resolved(value.ca),
      ...(pinned === undefined ? {} : { pinned }),
    });
  }
  return natives;
}

/** Plain data; what it says is checked by whoever knows declarations, when the host is made. */
function pinnedIn(file: string, path: Path, draft: Draft): unknown {
  const text = draft.file(path, file, 'a declaration', limits.document_bytes_max);
  if (text === null) return undefined;
  try {
    const data: unknown = JSON.parse(text);
    return Array.isArray(data) ? data : [data];
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    draft.refuse(path, `expected a declaration as JSON: ${reason}`, shown(file));
    return undefined;
  }
}

export function requireNative(name: string, power: Power | null, natives: ConfiguredNatives, draft: Draft): void {
  if (power?.kind !== 'host' || natives.has(power.native)) return;
  draft.refuse(
    ['powers', name, 'native'],
    `expected one of the natives: ${list(natives.keys())}`,
    shown(power.native),
    { hint: meant(power.native, [...natives.keys()]) },
  );
}
