/** The powers of a configuration, by name, and narrower ones made of them for grants. */
import { powerSchema } from '../powers/index.ts';
import type { Power } from '../powers/index.ts';
import { type Draft, isMap, list, section } from './draft.ts';
import { readBy } from './issues.ts';
import { meant, type Path, shown } from './mistake.ts';
import { narrowed, widened } from './narrow.ts';
import type { Fillings } from './secrets.ts';

/** Null: it is there, and something is wrong with it. */
export type ConfiguredPowers = ReadonlyMap<string, Power | null>;

/** Every power that stands there. What is wrong with one was told when the whole was read. */
export function readPowers(data: unknown, draft: Draft, fillings: Fillings): ConfiguredPowers {
  const powers = new Map<string, Power | null>();
  for (const [name, source] of Object.entries(section(data, 'powers') ?? {})) {
    const { value } = readBy(powerSchema, source, draft.text);
    const path: Path = ['powers', name];
    if (value === undefined) fillings.fillUnread(powerSchema, source, path);
    else fillings.fill(value, path);
    powers.set(name, value === undefined ? null : withPaths(value, draft));
  }
  return powers;
}

/** One grant of a holder, or null and a mistake. */
export function readGrant(
  source: unknown,
  path: Path,
  data: unknown,
  powers: ConfiguredPowers,
  draft: Draft,
  fillings: Fillings,
): Power | null {
  if (typeof source === 'string' && /\/$/.test(source)) {
    draft.refuse(path, 'expected a directory after the /', shown(source));
    return null;
  }
  const wanted = wantedBy(source, powers);
  if (wanted === null) return null;
  const { name, as, changes, namePath } = wanted;
  const from = powers.get(name);
  if (from === undefined) {
    const hint = meant(name, [...powers.keys()]);
    draft.refuse([...path, ...namePath], `expected one of the powers: ${list(powers.keys())}`, shown(name), { hint });
    return null;
  }
  if (from === null) return null;
  if (from.kind === 'stdio' && as !== undefined && as !== 'stdio') {
    draft.refuse([...path, 'as'], 'the power of kind stdio has no other name', shown(as));
    return null;
  }
  const original = section(data, 'powers')?.[name];
  const changed = Object.keys(changes);
  for (const field of changed.filter((one) => one === 'kind' || one === 'name')) {
    draft.refuse([...path, field], 'a grant does not change what a power is', shown(changes[field]), { part: 'key' });
    return null;
  }
  if (changed.length === 0) return from.kind === 'stdio' || as === undefined ? from : { ...from, name: as };
  const merged = { ...(isMap(original) ? original : {}), ...narrowed(isMap(original) ? original : {}, changes) };
  const { value, mistakes } = readBy(powerSchema, merged, draft.text, path);
  if (value === undefined) {
    draft.mistakes.push(...mistakes);
    return null;
  }
  fillings.fillAgain(value);
  const to = withPaths(value, draft);
  const wrong = widened(from, to);
  for (const [field, reason] of wrong) draft.refuse(fieldPath(source, path, field), reason, cameOf(to, field));
  if (wrong.size > 0) return null;
  return to.kind === 'stdio' || as === undefined ? to : { ...to, name: as };
}

interface Wanted {
  readonly name: string;
  readonly as: string | undefined;
  readonly changes: Readonly<Record<string, unknown>>;
  /** Where the name stands, below the grant. */
  readonly namePath: Path;
}

function wantedBy(source: unknown, powers: ConfiguredPowers): Wanted | null {
  if (typeof source === 'string') {
    const slash = source.indexOf('/');
    if (slash < 0) return { name: source, as: undefined, changes: {}, namePath: [] };
    const name = source.slice(0, slash);
    const power = powers.get(name);
    const inside = power?.kind === 'files' ? power.below : '';
    const below = [inside, source.slice(slash + 1)].filter((part) => part !== '').join('/');
    return { name, as: undefined, changes: { below }, namePath: [] };
  }
  if (!isMap(source) || typeof source['power'] !== 'string') return null;
  const { power, as, ...changes } = source;
  return { name: power, as: typeof as === 'string' ? as : undefined, changes, namePath: ['power'] };
}

function fieldPath(source: unknown, path: Path, field: string): Path {
  return typeof source === 'string'
    ? path
    : [...path, ...field.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))];
}

function cameOf(power: Power, field: string): string {
  let value: unknown = power;
  for (const part of field.split('.')) value = (value as Readonly<Record<string, unknown>> | undefined)?.[part];
  return Array.isArray(value) ? '' : shown(value);
}

const FILE_FIELDS = new Set(['ca', 'cert', 'key', 'clientCa']);

/** Files of this machine by their absolute path: what is relative is so to the configuration. */
function withPaths(power: Power, draft: Draft): Power {
  const resolve = (path: string): string => draft.surroundings.resolve(path);
  if (power.kind === 'files') return { ...power, root: resolve(power.root) };
  const inside = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return FILE_FIELDS.has(key) ? resolve(value) : value;
    if (Array.isArray(value)) return value.map((item) => inside(item, ''));
    if (!isMap(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, inside(below, name)]));
  };
  return power.kind === 'http' || power.kind === 'tcp' ? (inside(power, '') as Power) : power;
}
