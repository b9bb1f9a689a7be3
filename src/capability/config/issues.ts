/**
 * What a schema refuses, in the words of a configuration: where it stands, what was expected, what came. Owns the
 * wording of every refusal for which a schema has no words of its own.
 */
import { z } from 'zod';
import { kindOf, meant, type Mistake, type Path, pathText, shown } from './mistake.ts';
import type { ConfigurationText } from './text.ts';

type Issue = z.core.$ZodIssue;

/** Reads `data` by the schema; what is refused becomes mistakes, each at its place below `base`. */
export function readBy<S extends z.ZodType>(
  schema: S,
  data: unknown,
  text: ConfigurationText,
  base: Path = [],
): { readonly value: z.output<S> | undefined; readonly mistakes: readonly Mistake[] } {
  const read = schema.safeParse(data, { error: wording });
  if (read.success) return { value: read.data, mistakes: [] };
  return {
    value: undefined,
    mistakes: read.error.issues.flatMap((issue) => mistakesOf(issue, { schema, data, text, base })),
  };
}

/** What is read, and by what. */
interface Subject {
  readonly schema: z.ZodType;
  readonly data: unknown;
  readonly text: ConfigurationText;
  readonly base: Path;
}

function mistakesOf(issue: Issue, subject: Subject): Mistake[] {
  const { data, text, base } = subject;
  const path = [...base, ...issue.path];
  const value = at(data, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = KNOWN_KEYS.exec(issue.message)?.[1]?.split(', ') ?? [];
        const place = text.placeOf([...path, key]);
        const expected = known.length === 0 ? 'no key is expected here' : `expected ${issue.message}`;
        return {
          path: pathText([...path, key]),
          ...place,
          expected,
          came: JSON.stringify(key),
          hint: meant(key, known),
        };
      });
    case 'invalid_union': {
      const nearest = nearestBranch(issue.errors);
      if (nearest !== null)
        return nearest.flatMap((inner) => mistakesOf({ ...inner, path: [...issue.path, ...inner.path] }, subject));
      const options = issue.message.split(' or ');
      const isKind = 'options' in issue;
      const place = text.placeOf(path, value === undefined ? 'key' : 'value');
      const hint = isKind && typeof value === 'string' ? meant(value, options) : '';
      return [{ path: pathText(path), ...place, expected: `expected ${issue.message}`, came: shown(value), hint }];
    }
    case 'invalid_key': {
      const [reason] = issue.issues;
      const key = String(issue.path.at(-1));
      return [
        {
          path: pathText(path),
          ...text.placeOf(path),
          expected: reason?.message ?? issue.message,
          came: shown(key),
          hint: '',
        },
      ];
    }
    case 'invalid_value': {
      const options = issue.values.map(String);
      // A number that was written as a text is none that is only near.
      const hint = typeof value !== 'string' ? '' : options.includes(value) ? 'without quotes' : meant(value, options);
      return [simple(issue, value, subject, hint)];
    }
    default:
      return [simple(issue, value, subject, '')];
  }
}

function simple(issue: Issue, value: unknown, { schema, text, base }: Subject, hint: string): Mistake {
  const { message: expected } = issue;
  const path = [...base, ...issue.path];
  // Where a map or a list belongs a secret may stand by mistake.
  const isHidden = isSecretAt(schema, issue.path) || /^expected a (map|list)/.test(expected);
  const isCounted = Array.isArray(value) && (issue.code === 'too_small' || issue.code === 'too_big');
  const came = isCounted ? `a list of ${value.length}` : isHidden ? kindOf(value) : shown(value);
  return { path: pathText(path), ...text.placeOf(path, value === undefined ? 'key' : 'value'), expected, came, hint };
}

/** What a schema is made of, as far as the way to a field goes. */
interface Definition {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

/** Whether a secret stands there, by the schema: also where it is one that is refused. */
export function isSecretAt(schema: z.ZodType | undefined, path: Path): boolean {
  if (schema === undefined) return false;
  if (path.length === 0 && z.globalRegistry.get(schema)?.['writeOnly'] === true) return true;
  const { shape, element, valueType, innerType, in: input, options } = schema._zod.def as Definition;
  const wrapped = innerType ?? input;
  if (wrapped !== undefined) return isSecretAt(wrapped, path);
  if (options !== undefined) return options.some((option) => isSecretAt(option, path));
  const [part, ...rest] = path;
  if (part === undefined) return false;
  // What a configuration calls a field may be called so in every object.
  const field = shape !== undefined && Object.hasOwn(shape, part) ? shape[String(part)] : undefined;
  return isSecretAt(field ?? element ?? valueType, rest);
}

/** Of several readings the one that came furthest: the one of the same kind of value. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const near = branches.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return near.length === 1 ? (near[0] ?? null) : null;
}

const KNOWN_KEYS = /^one of (.*)$/;

/** For issues of schemas that have no words of their own. */
function wording(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `expected ${JSON.stringify(issue.values[0])}`
        : `expected one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return `expected ${bound('at least', issue.minimum, issue.origin)}`;
    case 'too_big':
      return `expected ${bound('at most', issue.maximum, issue.origin)}`;
    case 'unrecognized_keys': {
      const keys = keysOf(issue.inst);
      return keys.length === 0 ? '' : `one of ${keys.join(', ')}`;
    }
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue['options'])
        ? issue['options'].join(' or ')
        : 'one of the forms that the reference of the configuration shows';
    default:
      return `expected ${issue.code === 'invalid_format' ? `a text in the form of ${issue.format}` : 'another value'}`;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  never: 'nothing',
};

function bound(words: string, limit: number | bigint, origin: string): string {
  if (origin === 'string') return `a text of ${words} ${limit} characters`;
  if (origin === 'array') return `a list of ${words} ${limit} item${Number(limit) === 1 ? '' : 's'}`;
  return `a number of ${words} ${limit}`;
}

function keysOf(schema: unknown): string[] {
  const shape = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape).filter((key) => key !== 'name' || !('kind' in shape));
}

function at(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
