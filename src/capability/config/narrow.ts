/**
 * A grant may narrow a power and never widen it. Owns what narrower means, field by field: an upper bound is lower,
 * a lower bound higher, a list holds nothing new, a directory lies below, a refusal stays one. A field of which
 * that cannot be said is as the power has it.
 */
import type { Power } from '../powers/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Flags by the value that allows less. Any other flag is as the power has it. */
const LESS: Readonly<Record<string, boolean>> = {
  readOnly: true,
  reply_only: true,
  acceptWeakConfinement: false,
};
/** Upper bounds that are not called `…_max`: what is allotted of a root. */
const ALLOTTED = new Set(['bytes', 'entries']);
/** Lists of what is refused: a narrower one is longer. */
const REFUSALS = new Set(['headersRefused']);
/** Lists that allow everything where they are absent. */
const OPEN = new Set(['nodes']);

/** What is wrong with each field of the narrowed power that is not narrower, by its path. */
export function widened(from: Power, to: Power): ReadonlyMap<string, string> {
  const wrong = new Map<string, string>();
  compare(from, to, '', wrong);
  return wrong;
}

/** The changes of a grant as the schema of the power reads them: an origin has what it does not change of its power's. */
export function narrowed(from: Fields, changes: Fields): Fields {
  const [known, wanted] = [from['origins'], changes['origins']];
  if (from['kind'] !== 'http' || !Array.isArray(known) || !Array.isArray(wanted)) return changes;
  return { ...changes, origins: wanted.map((one) => ({ ...sourceOf(one, known), ...one })) };
}

/** Of several with the same origin the one that has most of the methods and paths. */
function sourceOf(one: unknown, known: readonly unknown[]): object | null {
  const same = known.filter(
    (other): other is Fields => isFields(other) && isFields(one) && other['origin'] === one['origin'],
  );
  const faults = (other: Fields): number =>
    ['methods', 'paths'].filter((field) => {
      const [has, wants] = [other[field], isFields(one) ? one[field] : undefined];
      return Array.isArray(wants) && Array.isArray(has) && added(field, has, wants).length > 0;
    }).length;
  return same.toSorted((left, right) => faults(left) - faults(right))[0] ?? null;
}

function compare(from: Fields, to: Fields, base: string, wrong: Map<string, string>): void {
  for (const field of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (base === '' && (field === 'kind' || field === 'name')) continue;
    if (base === '' && field === 'origins') {
      compareOrigins(from[field] as readonly Fields[], to[field] as readonly Fields[], wrong);
      continue;
    }
    const reason = widening(field, from[field], to[field]);
    if (reason !== null) wrong.set(base + field, reason);
  }
}

/**
 * Each is one of the power's, made narrower. The first that covers a request says what it may do; so none that stands
 * before it in the power and speaks of the same requests may be left out.
 */
function compareOrigins(from: readonly Fields[], to: readonly Fields[], wrong: Map<string, string>): void {
  const kept: number[] = [];
  to.forEach((one, index) => {
    const results = from.map((known, position) => {
      const faults = new Map<string, string>();
      compare(known, one, `origins.${index}.`, faults);
      return { position, faults, isSame: known['origin'] === one['origin'] };
    });
    const fit = results.find(({ faults }) => faults.size === 0);
    if (fit === undefined) {
      const nearest = results
        .filter(({ isSame }) => isSame)
        .sort((left, right) => left.faults.size - right.faults.size)[0];
      if (nearest === undefined)
        wrong.set(
          `origins.${index}.origin`,
          `the power has the origins ${[...new Set(from.map((known) => JSON.stringify(known['origin'])))].join(', ')}, and a grant of it no other`,
        );
      for (const [field, reason] of nearest?.faults ?? []) wrong.set(field, reason);
      return;
    }
    kept.push(fit.position);
    const before = from.findIndex(
      (known, position) => position < fit.position && !kept.includes(position) && meets(known, one),
    );
    if (before >= 0)
      wrong.set(
        `origins.${index}.origin`,
        `the power has origins[${before}] first for some of these requests: a grant of this keeps it, before it`,
      );
  });
}

/** Whether some request could be covered by both. Patterns of hosts are taken to meet any other. */
function meets(left: Fields, right: Fields): boolean {
  const [one, other] = [String(left['origin']), String(right['origin'])];
  if (one !== other && !isPattern(one) && !isPattern(other)) return false;
  const methods = right['methods'] as readonly string[];
  if (!(left['methods'] as readonly string[]).some((method) => methods.includes(method))) return false;
  const paths = right['paths'] as readonly string[];
  return (left['paths'] as readonly string[]).some((path) =>
    paths.some((known) => path === known || isUnder(path, known) || isUnder(known, path)),
  );
}

function isPattern(origin: string): boolean {
  return /\*|:[\d,]*[-,][\d,-]*$/.test(origin);
}

function widening(field: string, from: unknown, to: unknown): string | null {
  if (isSame(from, to)) return null;
  if (field === 'below')
    return isBelow(from, to) ? null : `the power begins at ${JSON.stringify(from)}, and a grant of it there or below`;
  if (typeof to === 'number' && (from === undefined || typeof from === 'number')) {
    if (/(_max|_per_second)$/.test(field) || ALLOTTED.has(field))
      return from === undefined || to <= from ? null : `the power allows at most ${from}, and a grant of it no more`;
    if (field.endsWith('_min'))
      return from === undefined || to >= from ? null : `the power allows at least ${from}, and a grant of it no less`;
  }
  if (typeof to === 'boolean' && LESS[field] === to) return null;
  if (Array.isArray(to) && (Array.isArray(from) || OPEN.has(field))) {
    if (!Array.isArray(from)) return null;
    const more = REFUSALS.has(field) ? added(field, to, from) : added(field, from, to);
    if (more.length === 0) return null;
    const items = more.map((item) => JSON.stringify(item)).join(', ');
    return REFUSALS.has(field)
      ? `the power refuses ${items}, and so does a grant of it`
      : `the power does not have ${items}, and so no grant of it does`;
  }
  return 'this is as the power has it, and no grant changes it';
}

/** What the second list has and the first does not. */
function added(field: string, from: readonly unknown[], to: readonly unknown[]): unknown[] {
  return to.filter((item) => !from.some((known) => isSame(known, item) || (field === 'paths' && isUnder(known, item))));
}

/** Both are of one schema, so their fields stand in one order. */
function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

function isBelow(from: unknown, to: unknown): boolean {
  if (typeof from !== 'string' || typeof to !== 'string') return false;
  const isPlain = to.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isPlain && (from === '' || to.startsWith(`${from}/`));
}

/** Prefixes of paths of URLs, part by part: `/v1` covers `/v1/orders` and not `/v10`. */
function isUnder(known: unknown, item: unknown): boolean {
  if (typeof known !== 'string' || typeof item !== 'string') return false;
  return item.startsWith(known.endsWith('/') ? known : `${known}/`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
