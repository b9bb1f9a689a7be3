/**
 * JSON Schema (2020-12) of declared types, for tools and typed clients that speak JSON. Kinds that JSON lacks are
 * written as it is usual: byte arrays as base64, and channels as opaque text that only their holder can use.
 */
import type { Form } from './declare.ts';
import type { Type } from './types.ts';

export type JsonSchema = { readonly [key: string]: unknown };

export function jsonSchema(type: Type): JsonSchema {
  if (type.choices !== null) return { anyOf: type.choices.map(jsonSchema) };
  switch (type.word) {
    case 'nil':
      return { type: 'null' };
    case 'bool':
      return { type: 'boolean' };
    case 'int':
      return { type: 'integer', ...range(type, 'minimum', 'maximum') };
    case 'bigint':
      return { type: 'string', pattern: '^-?[0-9]+$' };
    case 'float':
      return { type: 'number' };
    case 'string':
      // JSON Schema counts characters; a string of so many bytes has at most so many.
      return type.values === null
        ? { type: 'string', ...range(type, null, 'maxLength') }
        : { type: 'string', enum: [...type.values] };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' };
    case 'uri':
      return { type: 'string', format: 'uri' };
    case 'list':
    case 'tuple':
      return { type: 'array', ...items(type, 'items'), ...range(type, 'minItems', 'maxItems') };
    case 'set':
      return { type: 'array', uniqueItems: true, ...items(type, 'items'), ...range(type, 'minItems', 'maxItems') };
    case 'map':
      return {
        type: 'object',
        ...items(type, 'additionalProperties'),
        ...range(type, 'minProperties', 'maxProperties'),
      };
    case 'name':
      return { type: 'string', description: 'a channel' };
    case 'process':
      return { type: 'string', description: 'a process in Rholang syntax' };
    case 'any':
    case 'either':
      return {};
    default: {
      const never: never = type.word;
      throw new Error(`no such type: ${String(never)}`);
    }
  }
}

/** The arguments of a form as one object, by name. */
export function argumentsSchema(form: Form): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      form.args.map(({ name, type, doc }) => [
        name,
        doc === undefined ? jsonSchema(type) : { ...jsonSchema(type), description: doc },
      ]),
    ),
    required: form.args.map(({ name }) => name),
    additionalProperties: false,
  };
}

function items(type: Type, key: string): JsonSchema {
  return type.items === null ? {} : { [key]: jsonSchema(type.items) };
}

function range({ min, max }: Type, least: string | null, most: string): JsonSchema {
  return { ...(min === null || least === null ? {} : { [least]: min }), ...(max === null ? {} : { [most]: max }) };
}
