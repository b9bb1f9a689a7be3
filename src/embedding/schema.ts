/**
 * From a zod schema to the type that a declaration shows and the dispatcher checks first. Only as exact as a
 * declaration can be: the schema itself has the last word, when the native is called. Owns no state.
 */
import { z } from 'zod';
import { anyBut, t, type Type } from '../../channels/index.ts';

/** The part of JSON Schema that says something about the kind of a value. */
interface Shape {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Shape[];
}

/** What a result may be whose schema leaves the kind open. */
const ANY_RESULT = anyBut('tuple');

export function argumentType(schema: z.ZodType): Type {
  return typeOf(shapeOf(schema, 'input')) ?? t.any;
}

export function resultType(schema: z.ZodType): Type {
  return typeOf(shapeOf(schema, 'output')) ?? ANY_RESULT;
}

function shapeOf(schema: z.ZodType, io: 'input' | 'output'): Shape {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any', cycles: 'ref', reused: 'inline' }) as Shape;
}

/** Null where the schema leaves the kind open. */
function typeOf(shape: Shape): Type | null {
  if (shape.anyOf !== undefined) return eitherOf(shape.anyOf);
  const words = shape.enum ?? (shape.const === undefined ? undefined : [shape.const]);
  if (words?.every((word) => typeof word === 'string')) return t.word(...words);
  switch (shape.type) {
    case 'string':
      return t.string();
    case 'integer':
      return t.int(boundsOf(shape));
    case 'number':
      return t.either(t.int(), t.float);
    case 'boolean':
      return t.bool;
    case 'null':
      return t.nil;
    case 'array':
      return t.list();
    case 'object':
      return t.map();
    default:
      return null;
  }
}

/** A declaration's choices are of different kinds; where two are of one kind, the kind is left open. */
function eitherOf(shapes: readonly Shape[]): Type | null {
  const choices: Type[] = [];
  let mask = 0;
  for (const shape of shapes) {
    const choice = typeOf(shape);
    if (choice === null || (mask & choice.mask) !== 0) return null;
    mask |= choice.mask;
    choices.push(choice);
  }
  return t.either(...choices);
}

/** Integers of JavaScript end at 2^53: that bound says nothing. */
function boundsOf({ minimum, maximum }: Shape): { min?: number; max?: number } {
  return {
    ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? { min: minimum } : {}),
    ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? { max: maximum } : {}),
  };
}
