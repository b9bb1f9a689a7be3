/**
 * Declarations as plain data: what a host announces, what an operator pins, and what a space remembers of a host that
 * is not there. Owns that form and its strict reading; a declaration that is read is made by `channels/`, so that it
 * is refused for the same reasons as one of this package.
 */
import { z } from 'zod';
import {
  type ChannelDeclaration,
  declareChannel,
  type Form,
  type Method,
  type MethodSource,
  type Type,
} from '../../channels/index.ts';
import { t } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';

const WORD = /^[a-z][A-Za-z0-9]{0,63}$/;
const word = z.string().regex(WORD, 'a letter a to z and at most 63 letters or digits are expected');
const argumentName = z
  .string()
  .regex(/^[a-z][A-Za-z0-9_]{0,63}$/, 'a letter a to z and at most 63 letters, digits or _ are expected');
const doc = z.string().min(1).max(limits.host_text_max);
const bound = z.int().optional();

/** A type by its word, or with its bounds. */
export type TypeSource =
  | string
  | {
      readonly type: string;
      readonly min?: number | undefined;
      readonly max?: number | undefined;
      readonly items?: TypeSource | undefined;
      readonly values?: readonly string[] | undefined;
      readonly choices?: readonly TypeSource[] | undefined;
      readonly channel?: readonly string[] | undefined;
    };

const PLAIN = ['nil', 'bool', 'bigint', 'float', 'uri', 'tuple', 'name', 'any'] as const;
const BOUNDED = ['int', 'string', 'bytes', 'list', 'set', 'map'] as const;

const typeSource: z.ZodType<TypeSource> = z.lazy(() =>
  z.union([
    z.enum([...PLAIN, ...BOUNDED]),
    z.strictObject({
      type: z.enum([...PLAIN, ...BOUNDED, 'either']),
      min: bound,
      max: bound,
      items: typeSource.optional(),
      values: z.array(z.string()).min(1).max(256).optional(),
      choices: z.array(typeSource).min(1).max(16).optional(),
      channel: z.array(word).max(16).optional(),
    }),
  ]),
);

const formSource = z.strictObject({
  args: z.array(z.strictObject({ name: argumentName, type: typeSource, doc: doc.optional() })).max(64),
  result: typeSource,
  doc: doc.optional(),
});

const methodSource = z.strictObject({
  doc,
  effect: z.enum(['none', 'observe', 'change']),
  recovery: z.enum(['repeat', 'ask', 'none']).optional(),
  patient: z.boolean().optional(),
  /** Null: its calls are in no order. */
  lane: z.string().max(64).nullable().optional(),
  forms: z.array(formSource).min(1).max(16),
});

export const declarationSource = z.strictObject({
  name: word,
  doc,
  methods: z.record(z.string(), methodSource),
});
export type DeclarationSource = z.output<typeof declarationSource>;

/** Refused with `declaration_invalid`, which says where. */
export function readDeclaration(source: unknown): ChannelDeclaration {
  const read = declarationSource.safeParse(source);
  if (!read.success) {
    const where = read.error.issues.slice(0, 4).map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
    throw new PowerboxError('declaration_invalid', `what a host announces is no declaration: ${where.join('; ')}`);
  }
  const { name, methods } = read.data;
  if (Object.keys(methods).length > limits.host_methods_max)
    throw new PowerboxError('declaration_invalid', `${name} announces more than ${limits.host_methods_max} methods`);
  return declareChannel({
    name,
    doc: read.data.doc,
    methods: Object.fromEntries(Object.entries(methods).map(([key, method]) => [key, methodOf(method)])),
  });
}

function methodOf({ doc, effect, recovery, patient, lane, forms }: z.output<typeof methodSource>): MethodSource {
  const rest = {
    doc,
    forms: forms.map(({ args, result, ...form }) => ({
      args: args.map(({ name, type, doc }) => ({ name, type: typeOf(type), ...(doc === undefined ? {} : { doc }) })),
      result: typeOf(result),
      ...(form.doc === undefined ? {} : { doc: form.doc }),
    })),
    ...(patient === undefined ? {} : { patient }),
    ...(lane === undefined ? {} : { lane }),
  };
  // A change without recovery, and a recovery without a change, are refused where every declaration is made.
  return { ...rest, effect, ...(recovery === undefined ? {} : { recovery }) } as MethodSource;
}

function typeOf(source: TypeSource): Type {
  const given = typeof source === 'string' ? { type: source } : source;
  const { type, min, max, items, values, choices, channel } = given;
  const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  const inner = items === undefined ? null : typeOf(items);
  switch (type) {
    case 'either':
      return t.either(...(choices ?? []).map(typeOf));
    case 'name':
      return channel === undefined ? t.name : t.channel(...channel);
    case 'int':
      return t.int(bounds);
    case 'string':
      return values === undefined ? t.string(bounds) : t.word(...values);
    case 'bytes':
      return t.bytes(bounds);
    case 'list':
      return t.list(inner, bounds);
    case 'set':
      return t.set(inner, bounds);
    case 'map':
      return t.map(inner, bounds);
    case 'nil':
    case 'bool':
    case 'bigint':
    case 'float':
    case 'uri':
    case 'tuple':
    case 'any':
      return t[type];
    default:
      throw new PowerboxError(
        'declaration_invalid',
        `there is no type ${JSON.stringify(type)} for what goes to a host`,
      );
  }
}

/** The inverse of `readDeclaration`. A type for processes is left out of an `either`: none goes to a host. */
export function writeDeclaration(declaration: ChannelDeclaration): DeclarationSource {
  return {
    name: declaration.name,
    doc: declaration.doc,
    methods: Object.fromEntries([...declaration.methods].map(([name, method]) => [name, methodSourceOf(method)])),
  };
}

function methodSourceOf({ doc, effect, recovery, patient, lane, forms }: Method): DeclarationSource['methods'][string] {
  return {
    doc,
    effect,
    ...(recovery === null ? {} : { recovery }),
    ...(patient ? { patient } : {}),
    ...(lane === '' ? {} : { lane }),
    forms: forms.map((form) => formSourceOf(form)),
  };
}

function formSourceOf({ args, result, doc }: Form): DeclarationSource['methods'][string]['forms'][number] {
  return {
    args: args.map(({ name, type, doc }) => ({
      name,
      type: typeSourceOf(type),
      ...(doc === undefined ? {} : { doc }),
    })),
    result: typeSourceOf(result),
    ...(doc === undefined ? {} : { doc }),
  };
}

function typeSourceOf(type: Type): TypeSource {
  const { word, min, max, items, values, choices, channel } = type;
  if (word === 'either') {
    const kept = (choices ?? []).filter((choice) => choice.word !== 'process');
    return { type: 'either', choices: kept.map(typeSourceOf) };
  }
  const rest = {
    ...(min === null ? {} : { min }),
    ...(max === null ? {} : { max }),
    ...(items === null ? {} : { items: typeSourceOf(items) }),
    ...(values === null ? {} : { values: [...values] }),
    ...(channel === null ? {} : { channel: [...channel] }),
  };
  return Object.keys(rest).length === 0 ? word : { type: word, ...rest };
}

/**
 * As it stands in the space. What a host only computes is answered outside of the turn, so its answer is journaled: a
 * replay needs no host.
 */
export function hosted(source: DeclarationSource): DeclarationSource {
  return {
    ...source,
    methods: Object.fromEntries(
      Object.entries(source.methods).map(([name, method]) => [
        name,
        method.effect === 'none' ? { ...method, effect: 'observe' } : method,
      ]),
    ),
  };
}

/** One text for each interface, the same for the same: what is pinned, remembered and compared. */
export function canonicalText(declarations: readonly DeclarationSource[]): string {
  return stableText([...declarations].sort(({ name: left }, { name: right }) => (left < right ? -1 : 1)));
}

/** JSON with its keys in order. */
function stableText(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
}

/** Where two interfaces differ, both sides in words; empty where they do not. Documentation is no difference. */
export function differences(expected: readonly DeclarationSource[], came: readonly DeclarationSource[]): string[] {
  const [wanted, given] = [shapesOf(expected), shapesOf(came)];
  const found: string[] = [];
  for (const key of [...new Set([...wanted.keys(), ...given.keys()])].sort()) {
    const [left, right] = [wanted.get(key), given.get(key)];
    if (left !== right) found.push(`${key}: ${left ?? 'nothing'} is expected, ${right ?? 'nothing'} is announced`);
  }
  return found;
}

/** Each method as one line, by `native.method`. */
function shapesOf(declarations: readonly DeclarationSource[]): Map<string, string> {
  const shapes = new Map<string, string>();
  for (const { name, methods } of declarations) {
    for (const [method, { effect, recovery, patient, lane, forms }] of Object.entries(methods)) {
      const words = forms.map(
        ({ args, result }) => `(${args.map(({ type }) => shapeOf(type)).join(', ')}) answers ${shapeOf(result)}`,
      );
      const rest = [
        recovery === undefined ? effect : `${effect}, ${recovery}`,
        ...(patient === true ? ['patient'] : []),
        ...(lane === undefined ? [] : [`lane ${lane}`]),
      ];
      shapes.set(`${name}.${method}`, `${words.join(' or ')} [${rest.join('; ')}]`);
    }
  }
  return shapes;
}

function shapeOf(type: TypeSource): string {
  return typeof type === 'string' ? type : stableText(type);
}
