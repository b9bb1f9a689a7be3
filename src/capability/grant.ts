/**
 * What an operator gives to a holder: the one checker of this input, from the command line or a configuration.
 * Nothing is granted that is not named.
 */
import { z } from 'zod';
import { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';
import { isPowerName } from './powers/name.ts';
import { powerNameOf, powerSchema } from './powers/index.ts';
import type { Power, PowerOf } from './powers/index.ts';

/** Grants as a configuration file writes them. */
export const grantsSchema = z.array(powerSchema).superRefine((grants, context) => {
  const twice = repeated(grants);
  if (twice !== null) context.addIssue({ code: 'custom', message: `${twice} is granted twice` });
});

export type FilesGrant = PowerOf<'files'>;
export type StdioGrant = PowerOf<'stdio'>;

/** An object of some native, under a URI of its own: how an embedding program grants what it implements. */
export interface NativeGrant {
  readonly kind: 'native';
  readonly uri: string;
  /** Name of the native's declaration. */
  readonly native: string;
  readonly handle: Value;
}

export type Grant = Power | NativeGrant;

/** Grants from a configuration. Refused with `config_invalid`, naming each place that is wrong. */
export function readGrants(configuration: unknown): Power[] {
  const read = grantsSchema.safeParse(configuration);
  if (read.success) return read.data;
  const where = read.error.issues.map((issue) => `${['grants', ...issue.path].join('.')}: ${issue.message}`);
  throw new PowerboxError('config_invalid', `the grants cannot be read: ${where.join('; ')}`, {
    hint: 'For example [{"kind": "stdio"}, {"kind": "files", "name": "files", "root": "./data"}].',
  });
}

const HINT = 'For example --grant files=./data, --grant docs:ro=/srv/docs, or --grant stdio.';

/**
 * One `--grant` of a command line: `stdio`, or `NAME[:ro][:weak]=DIR`, where `files` is the usual name. Refused
 * with `usage`, naming what was expected.
 */
export function parseGrant(text: string): FilesGrant | StdioGrant {
  if (text === 'stdio') return { kind: 'stdio' };
  const equals = text.indexOf('=');
  if (equals < 0) return refuse(text, 'expected stdio or NAME=DIR');
  const [name = '', ...options] = text.slice(0, equals).split(':');
  const root = text.slice(equals + 1);
  if (!isPowerName(name))
    return refuse(
      text,
      `${JSON.stringify(name)} is no name for a grant: a letter a to z and at most 31 letters or digits`,
    );
  if (name === 'stdio') return refuse(text, 'stdio takes no directory');
  if (root === '') return refuse(text, 'the directory after = is missing');
  for (const option of options) {
    if (option !== 'ro' && option !== 'weak')
      return refuse(text, `no option ${JSON.stringify(option)}: there are ro (for reading only) and weak`);
  }
  return {
    kind: 'files',
    name,
    root,
    below: '',
    readOnly: options.includes('ro'),
    acceptWeakConfinement: options.includes('weak'),
  };
}

function refuse(text: string, why: string): never {
  throw new PowerboxError('usage', `--grant ${text}: ${why}`, { hint: HINT });
}

/** All the `--grant`s of a command line, in their order. */
export function parseGrants(texts: readonly string[]): (FilesGrant | StdioGrant)[] {
  const grants = texts.map(parseGrant);
  const twice = repeated(grants);
  if (twice !== null) throw new PowerboxError('usage', `--grant ${twice}: it is granted twice`, { hint: HINT });
  return grants;
}

function repeated(grants: readonly Power[]): string | null {
  const seen = new Set<string>();
  for (const grant of grants) {
    const key = powerNameOf(grant);
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return null;
}

/** Under which natives find a holder's grant, and audit names it; also the root of every capability of it. */
export function grantId(holder: string, name: string): string {
  return `${holder}/${name}`;
}
