/**
 * The public name `@"system"` answers only where the operator turned it on. Elsewhere a program that sends to it
 * would wait in silence, so it is refused before anything runs. Owns that one check.
 */
import { PUBLIC_SYSTEM } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Compiled } from '../rholang/index.ts';
import { isNode, Kind, partsOf, type Value } from '../values/index.ts';

export function refuseSystemSends(term: Value, positions: Compiled['positions']): void {
  const waiting: Value[] = [term];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (!isNode(node)) continue;
    switch (node.kind) {
      case Kind.Send: {
        if (node.channel === PUBLIC_SYSTEM) throw notPublic(positions.get(node));
        waiting.push(node.channel, ...node.data);
        break;
      }
      // A pattern that looks like a send sends nothing.
      case Kind.Receive:
        waiting.push(node.body, ...node.binds.map(({ source }) => source));
        break;
      case Kind.Match:
        waiting.push(node.target, ...node.cases.map(({ body }) => body));
        break;
      case Kind.Matches:
        waiting.push(node.target);
        break;
      default:
        waiting.push(...partsOf(node));
    }
  }
}

function notPublic(position: { readonly line: number; readonly column: number } | undefined): PowerboxError {
  const where = position === undefined ? '' : `${position.line}:${position.column}: `;
  return new PowerboxError('not_available', `${where}nobody answers on @"${PUBLIC_SYSTEM}" here`, {
    hint: 'use new box(`rho:powerbox`) in { … }, or let the operator turn the public name on with --public-system',
  });
}
