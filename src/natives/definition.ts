/** What a module exports to be a host: `host`, a definition, or `native`, the one native of it. */
import type { Native } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import type { HostDefinition } from './serve.ts';

/** Refused with `config_invalid`, which says what was expected. */
export function definitionOf(exported: Readonly<Record<string, unknown>>): HostDefinition {
  const { host, native } = exported;
  if (isDefinition(host)) return host;
  if (isNative(native)) return { natives: [native] };
  throw new PowerboxError(
    'config_invalid',
    `the module of a host exports host, with its natives, or native; this one exports ${Object.keys(exported).join(', ') || 'nothing'}`,
  );
}

function isDefinition(thing: unknown): thing is HostDefinition {
  const { natives } = (thing ?? {}) as { readonly natives?: unknown };
  return Array.isArray(natives) && natives.length > 0 && natives.every(isNative);
}

function isNative(thing: unknown): thing is Native {
  const { declaration } = (thing ?? {}) as { readonly declaration?: { readonly methods?: unknown } };
  return declaration?.methods instanceof Map;
}
