/** Evaluation errors: what was done, to which types, and where in the source when that is known. */
import { PowerboxError } from '../../errors.ts';
import { Kind, kindOf } from '../../values/index.ts';
import type { ObjectValue, Value } from '../../values/index.ts';
import { open } from './walk.ts';

/** Where nodes of a term stood in the text it was compiled from. */
export interface SourcePositions {
  get(node: Value): { readonly line: number; readonly column: number } | undefined;
}

/** For nodes that this process compiled from text; a term read from disk has no positions. */
const known = new WeakMap<ObjectValue, SourcePositions>();

/** Remembers where the nodes of a term stood, for the messages of its errors. */
export function rememberPositions(term: Value, positions: SourcePositions): void {
  const stack: Value[] = [term];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (typeof node !== 'object' || node === null || known.has(node)) continue;
    known.set(node, positions);
    const opened = open(node);
    if (opened !== null) for (const part of opened.values) stack.push(part);
  }
}

export function fault(node: ObjectValue, message: string, hint = ''): PowerboxError {
  return new PowerboxError('evaluation_error', message, { hint, where: whereOf(node) });
}

/** ` (line 3, column 5)`, or empty where that is not known. */
export function whereOf(node: Value): string {
  const position = typeof node === 'object' && node !== null ? known.get(node)?.get(node) : undefined;
  return position === undefined ? '' : ` (line ${position.line}, column ${position.column})`;
}

const TYPE_NAMES: { readonly [kind: number]: string } = {
  [Kind.Nil]: 'Nil',
  [Kind.Boolean]: 'Bool',
  [Kind.Int]: 'Int',
  [Kind.BigInt]: 'BigInt',
  [Kind.Float]: 'Float',
  [Kind.String]: 'String',
  [Kind.Bytes]: 'ByteArray',
  [Kind.Uri]: 'Uri',
  [Kind.List]: 'List',
  [Kind.Tuple]: 'Tuple',
  [Kind.Set]: 'Set',
  [Kind.Map]: 'Map',
  [Kind.Name]: 'an unforgeable name',
  [Kind.Bundle]: 'a bundle',
};

export function typeName(value: Value): string {
  return TYPE_NAMES[kindOf(value)] ?? 'a process';
}
