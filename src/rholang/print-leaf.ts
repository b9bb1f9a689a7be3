/**
 * The small change of printing: values that hold no other, and the level of precedence at which each kind prints.
 * Owns the spelling of literals, the inverse of syntax/lexer.ts.
 */
import { Kind, kindOf } from '../values/index.ts';
import type { BigInteger, Bytes, Float, Name, TypeWord, Uri, Value } from '../values/index.ts';

/** A string literal: quotes, backslashes and control characters are escaped, all else stands as it is. */
export function printString(text: string): string {
  return `"${text.replaceAll(ESCAPED, escapeCharacter)}"`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const ESCAPED = /["\\\u0000-\u001f\u007f]/g;

function escapeCharacter(character: string): string {
  switch (character) {
    case '"':
      return '\\"';
    case '\\':
      return '\\\\';
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default:
      return `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
  }
}

/** A value that holds no other, or null. */
export function printLeaf(value: Value): string | null {
  switch (kindOf(value)) {
    case Kind.Nil:
      return 'Nil';
    case Kind.Boolean:
    case Kind.Int:
      return String(value);
    case Kind.String:
      return printString(value as string);
    case Kind.BigInt:
      return `${(value as BigInteger).value}n`;
    case Kind.Float:
      return printFloat((value as Float).value);
    case Kind.Bytes:
      return hex((value as Bytes).bytes, Number.POSITIVE_INFINITY);
    case Kind.Uri:
      return `\`${(value as Uri).text.replaceAll(/[`\\]/g, '\\$&')}\``;
    case Kind.Name:
      return `Unforgeable(0x${hex((value as Name).bytes, NAME_BYTES_SHOWN)}…)`;
    case Kind.TypeWord:
      return (value as TypeWord).word;
    case Kind.Wildcard:
      return '_';
    default:
      return null;
  }
}

/** Enough to tell names of one report apart, too few to be the name. */
const NAME_BYTES_SHOWN = 4;

function printFloat(number: number): string {
  const text = String(number);
  return Number.isInteger(number) && !text.includes('e') ? `${text}.0` : text;
}

function hex(bytes: Uint8Array, countMax: number): string {
  let text = '';
  for (let index = 0; index < Math.min(bytes.length, countMax); index++)
    text += (bytes[index] as number).toString(16).padStart(2, '0');
  return text;
}

/** Levels of precedence that matter here (spec/rholang.md, "Grammar"). */
export const LEVEL_ANY = 0;
export const LEVEL_SEND = 3;
export const LEVEL_OPERAND = 10;
export const LEVEL_CASE = 13;
export const LEVEL_NEGATION = 15;
export const LEVEL_ATOM = 16;

/** The level of precedence at which a value prints. */
export function levelOf(value: Value): number {
  switch (kindOf(value)) {
    case Kind.Int:
      return (value as number | bigint) < 0 ? 10 : LEVEL_ATOM;
    case Kind.BigInt:
      return (value as BigInteger).value < 0n ? 10 : LEVEL_ATOM;
    case Kind.Float:
      return (value as Float).value < 0 ? 10 : LEVEL_ATOM;
    case Kind.Par:
      return 0;
    case Kind.New:
      return 1;
    case Kind.Receive:
    case Kind.Match:
    case Kind.Bundle:
      return 2;
    case Kind.Send:
      return LEVEL_SEND;
    case Kind.Method:
      return 11;
    case Kind.BoundVariable:
      return 12;
    case Kind.VariableReference:
      return LEVEL_CASE;
    case Kind.Negation:
      return LEVEL_NEGATION;
    default:
      return LEVEL_ATOM;
  }
}
