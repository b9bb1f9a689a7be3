/**
 * The reference page of `powerbox.yaml` and its JSON Schema for editors, both from the schema that checks it. What a
 * field means stands beside it in the source: as its description, or as the comment before it.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { configurationSchema } from '../src/capability/index.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly [key: string]: unknown;
}

const SOURCES = {
  powers: 'src/capability/powers/',
  quotas: 'src/capability/quota.ts',
  peers: 'src/capability/peers-config.ts',
  machine: 'src/capability/machine-config.ts',
};

/** For editors: `# yaml-language-server: $schema=…` at the top of a configuration. */
export function configurationJsonSchema(root: string): string {
  return `${JSON.stringify(schemaOf(root), null, 2)}\n`;
}

function schemaOf(root: string): Schema {
  const made = z.toJSONSchema(configurationSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  const sections = Object.entries(made.properties ?? {}).map(([name, section]): [string, Schema] => {
    if (name === 'powers') {
      const kinds = (section.additionalProperties as Schema).oneOf ?? [];
      return [name, { ...section, additionalProperties: { oneOf: kinds.map((kind) => powerOf(kind, root)) } }];
    }
    if (name === 'holders' || name === 'quotas') return [name, described(section, commentsOf(root, SOURCES.quotas))];
    if (name === 'peers' || name === 'machine') return [name, described(section, commentsOf(root, SOURCES[name]))];
    return [name, section];
  });
  return { title: 'powerbox.yaml', ...made, properties: Object.fromEntries(sections) };
}

/** Its name is its key, so it has no field for it. */
function powerOf(kind: Schema, root: string): Schema {
  const { name: _, ...properties } = kind.properties ?? {};
  const word = String(properties['kind']?.const);
  const source = readFileSync(`${root}${SOURCES.powers}${word}.ts`, 'utf8');
  const shared = source.includes("'./sockets.ts'") ? commentsOf(root, `${SOURCES.powers}sockets.ts`) : new Map();
  const comments = new Map([...shared, ...commentsIn(source)]);
  const description = /^\/\*\*\s*(?:\* )?([\s\S]*?)\*\//.exec(source)?.[1];
  return described(
    { ...kind, ...(description === undefined ? {} : { description: plain(description) }), properties },
    comments,
  );
}

function described(schema: Schema, comments: ReadonlyMap<string, string>): Schema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, field]): [string, Schema] => {
    const below = described(field, comments);
    const comment = comments.get(name);
    return [
      name,
      below.description !== undefined || comment === undefined ? below : { ...below, description: comment },
    ];
  });
  const { items, additionalProperties } = schema;
  return {
    ...schema,
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(items === undefined ? {} : { items: described(items, comments) }),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: described(additionalProperties, comments) }
      : {}),
  };
}

function commentsOf(root: string, path: string): ReadonlyMap<string, string> {
  return commentsIn(readFileSync(`${root}${path}`, 'utf8'));
}

/** By the field that follows. Of a name that stands for several fields nobody can say which one is meant. */
function commentsIn(source: string): ReadonlyMap<string, string> {
  const found = [...source.matchAll(/(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*)?^\s*(\w+): ?(?:[a-z]|$)/gm)];
  const count = (name: string): number => found.filter((match) => match[2] === name).length;
  return new Map(
    found.flatMap(([, text, name = '']) => (text === undefined || count(name) > 1 ? [] : [[name, plain(text)]])),
  );
}

function plain(comment: string): string {
  return comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim();
}

export function configurationPage(root: string): string {
  const schema = schemaOf(root);
  const { powers, ...sections } = schema.properties ?? {};
  const kinds = ((powers?.additionalProperties as Schema | undefined)?.oneOf ?? []).toSorted((left, right) =>
    kindOf(left) < kindOf(right) ? -1 : 1,
  );
  return [
    '# powerbox.yaml',
    '',
    'Every field of the configuration, made by `npm run docs` from the schema that checks it; do not edit it by hand.',
    'What powers, holders and grants are, how secrets are filled in and what is refused is said in',
    '[config](../config.md). For editors there is a [JSON Schema](powerbox.schema.json).',
    '',
    '## Sections',
    '',
    ...table(
      Object.entries({ ...sections, powers: { description: 'What may be granted: see below.', type: 'object' } }),
    ),
    ...Object.entries(sections).flatMap(([name, section]) => sectionOf(name, section)),
    '',
    '## Powers',
    '',
    powers?.description ?? '',
    'Each has a `kind`, and the fields of that kind.',
    ...kinds.flatMap((kind) => kindSection(kind)),
    '',
  ].join('\n');
}

function kindOf(schema: Schema): string {
  return String(schema.properties?.['kind']?.const);
}

function kindSection(kind: Schema): string[] {
  const rows = rowsOf('', kind).filter(([path]) => path !== 'kind');
  const head = ['', `### ${kindOf(kind)}`, '', kind.description ?? ''];
  return rows.length === 0 ? head : [...head, '', ...table(rows)];
}

function sectionOf(name: string, section: Schema): string[] {
  const rows = rowsOf('', section);
  if (rows.length === 0) return [];
  return ['', `## ${name}`, '', section.description ?? '', '', ...table(rows)];
}

type Row = readonly [path: string, schema: Schema];

/** The fields below, each with its path. */
function rowsOf(base: string, schema: Schema): Row[] {
  const rows: Row[] = [];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = base === '' ? name : `${base}.${name}`;
    rows.push([path, field], ...rowsOf(path, field));
  }
  if (schema.items !== undefined) rows.push(...rowsOf(`${base}[]`, schema.items));
  if (typeof schema.additionalProperties === 'object')
    rows.push(...rowsOf(`${base}${base === '' ? '' : '.'}NAME`, schema.additionalProperties));
  for (const choice of schema.anyOf ?? []) rows.push(...rowsOf(base, choice));
  return rows;
}

function table(rows: readonly Row[]): string[] {
  return [
    '| field | is | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      ([path, schema]) =>
        `| \`${path}\` | ${typeText(schema)} | ${defaultText(schema)} | ${cell(schema.description ?? '')} |`,
    ),
  ];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function defaultText({ default: value }: Schema): string {
  return value === undefined || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
    ? ''
    : `\`${cell(JSON.stringify(value))}\``;
}

function typeText(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  switch (schema.type) {
    case 'string':
      return schema['writeOnly'] === true ? 'secret' : 'text';
    case 'integer':
      return `whole number${boundsText(schema)}`;
    case 'number':
      return `number${boundsText(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${schema.items === undefined ? 'anything' : plural(schema.items)}`;
    case 'object':
      return 'map';
    default:
      return schema.anyOf !== undefined ? [...new Set(schema.anyOf.map(typeText))].join(' or ') : 'any value';
  }
}

function plural(schema: Schema): string {
  return schema.type === 'string' && schema.enum === undefined
    ? 'texts'
    : schema.type === 'object'
      ? 'maps'
      : typeText(schema);
}

function boundsText({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const least = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : exclusiveMinimum;
  if (least !== undefined && isBounded) return `, ${least} to ${maximum}`;
  if (least !== undefined) return `, ${least} or more`;
  return isBounded ? `, at most ${maximum}` : '';
}
