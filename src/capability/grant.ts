/**
 * What an operator gives to a holder: the one checker of this input, from the command line or a configuration.
 * Nothing is granted that is not named.
 */
import { z } from 'zod';
import { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';
import { isPowerName } from './powers/name.ts';
import { powerSchema } from './powers/index.ts';
import type { Power, PowerOf, PowerSource } from './powers/index.ts';
import { HTTP_METHODS } from './powers/http.ts';

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

const HINT =
  'For example --grant files=./data, --grant docs:ro=/srv/docs, --grant timer, --grant http=https://api.example.com/v1, or --grant tcp=example.com:443.';

/** Kinds that are granted by their name alone. */
const PLAIN = ['stdio', 'timer', 'random', 'crypto', 'hardware'] as const;
/** What may follow the kind, and under which field of the power what follows the `=` is listed. */
const LISTS = {
  tcp: { '': 'connect', connect: 'connect', listen: 'listen' },
  udp: { '': 'send', send: 'send', bind: 'bind' },
} as const;

/**
 * One `--grant` of a command line: `stdio`, `timer`, `random`, `crypto`, `hardware`; `http[:ro]=URL`;
 * `tcp[:listen]=ADDRESS:PORT`; `udp[:bind]=ADDRESS:PORT`; or `NAME[:ro][:weak]=DIR`, where `files` is the usual name.
 * Refused with `usage`, naming what was expected.
 */
export function parseGrant(text: string): PowerSource {
  const plain = PLAIN.find((kind) => kind === text);
  if (plain !== undefined) return checked(text, { kind: plain });
  const equals = text.indexOf('=');
  if (equals < 0) return refuse(text, `expected NAME=DIR, http=URL, tcp=HOST:PORT, udp=HOST:PORT, ${PLAIN.join(', ')}`);
  const [name = '', ...options] = text.slice(0, equals).split(':');
  const value = text.slice(equals + 1);
  if (!isPowerName(name))
    return refuse(
      text,
      `${JSON.stringify(name)} is no name for a grant: a letter a to z and at most 31 letters or digits`,
    );
  if (PLAIN.some((kind) => kind === name)) return refuse(text, `${name} takes no directory and nothing else after =`);
  if (name === 'http') return checked(text, httpGrant(text, options, value));
  if (name === 'tcp' || name === 'udp') return checked(text, listedGrant(text, name, options, value));
  if (value === '') return refuse(text, 'the directory after = is missing');
  for (const option of options) {
    if (option !== 'ro' && option !== 'weak')
      return refuse(text, `no option ${JSON.stringify(option)}: there are ro (for reading only) and weak`);
  }
  return checked(text, {
    kind: 'files',
    name,
    root: value,
    readOnly: options.includes('ro'),
    acceptWeakConfinement: options.includes('weak'),
  });
}

function httpGrant(text: string, options: readonly string[], value: string): PowerSource {
  const url = /^([a-z]+:\/\/[^/?#]+)(\/[^?#]*)?$/i.exec(value);
  if (url === null) return refuse(text, 'a URL of http or https without ? and # is expected after =');
  const [other] = options.filter((option) => option !== 'ro');
  if (other !== undefined)
    return refuse(text, `no option ${JSON.stringify(other)}: there is ro (for GET and HEAD only)`);
  const path = (url[2] ?? '/').replace(/(.)\/+$/, '$1');
  const methods = options.length > 0 ? (['GET', 'HEAD'] as const) : HTTP_METHODS;
  return { kind: 'http', origins: [{ origin: url[1] ?? '', methods: [...methods], paths: [path] }] };
}

function listedGrant(text: string, kind: 'tcp' | 'udp', options: readonly string[], value: string): PowerSource {
  const lists: Readonly<Record<string, string>> = LISTS[kind];
  const [option = '', ...more] = options;
  const field = more.length > 0 ? undefined : lists[option];
  if (field === undefined || !Object.hasOwn(lists, option)) {
    const known = Object.keys(lists).filter((one) => one !== '');
    return refuse(text, `no option ${JSON.stringify(options.join(':'))}: there are ${known.join(' and ')}`);
  }
  return { kind, [field]: [value] };
}

/** As it was written, once its kind has been asked. */
function checked(text: string, source: PowerSource): PowerSource {
  const read = powerSchema.safeParse(source);
  if (read.success) return source;
  return refuse(text, read.error.issues[0]?.message ?? 'it cannot be read');
}

function refuse(text: string, why: string): never {
  throw new PowerboxError('usage', `--grant ${text}: ${why}`, { hint: HINT });
}

/** All the `--grant`s of a command line, in their order; those of one network kind are one power. */
export function parseGrants(texts: readonly string[]): PowerSource[] {
  const grants: PowerSource[] = [];
  for (const grant of texts.map(parseGrant)) {
    const index = grants.findIndex((known) => known.kind === grant.kind);
    const known = grants[index];
    const both = known === undefined ? null : together(known, grant);
    if (both === null) grants.push(grant);
    else grants[index] = both;
  }
  const twice = repeated(grants);
  if (twice !== null) throw new PowerboxError('usage', `--grant ${twice}: it is granted twice`, { hint: HINT });
  return grants;
}

function together(left: PowerSource, right: PowerSource): PowerSource | null {
  if (left.kind === 'http' && right.kind === 'http') return { ...left, origins: [...left.origins, ...right.origins] };
  if (left.kind === 'tcp' && right.kind === 'tcp')
    return { ...left, connect: joined(left.connect, right.connect), listen: joined(left.listen, right.listen) };
  if (left.kind === 'udp' && right.kind === 'udp')
    return { ...left, send: joined(left.send, right.send), bind: joined(left.bind, right.bind) };
  return null;
}

function joined(left: readonly string[] = [], right: readonly string[] = []): string[] {
  return [...left, ...right];
}

function repeated(grants: readonly (Power | PowerSource)[]): string | null {
  const seen = new Set<string>();
  for (const grant of grants) {
    const key = nameOf(grant);
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return null;
}

function nameOf(grant: Power | PowerSource): string {
  return grant.kind === 'stdio' ? grant.kind : (grant.name ?? grant.kind);
}

/** Under which natives find a holder's grant, and audit names it; also the root of every capability of it. */
export function grantId(holder: string, name: string): string {
  return `${holder}/${name}`;
}
