/**
 * The powerbox of one holder: which channels it has, and what stands behind each.
 *
 * Each channel is an unforgeable name, made once for holder and grant and remembered as a fact
 * (`powerbox/<holder>/<channel>`), so a restart finds the same names and what programs kept of them still works.
 * Who can reach one: who was given its bundle here, at the deploy of a program of this holder, and whoever they
 * pass it on to. The bundles are write-only, so nobody but the native can receive there. A grant that is taken
 * back leaves its channel, which from then on is answered `not_available`.
 */
import { NATIVE_LABEL, nativeEnvironment, system } from '../../channels/index.ts';
import { ANY_MESSAGE } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Body, Turn } from '../space/index.ts';
import { Kind, bundle } from '../values/index.ts';
import type { Value } from '../values/index.ts';
import { grantId } from './grant.ts';
import type { Grant } from './grant.ts';
import { fileHandle, powerHandle, streamHandle, systemHandle } from './handle.ts';
import type { HeldPower } from './handle.ts';
import { powerNameOf, rootsOf, urisOf } from './powers/index.ts';
import type { Power } from './powers/index.ts';

/** The URI of a deploy's own powerbox. */
export const POWERBOX_URI = 'rho:powerbox';
/** The public name of the transitional access; only where the operator turns it on. */
export const PUBLIC_SYSTEM = 'system';

const HOLDER = /^[A-Za-z0-9_-]{1,64}$/;

/** The URIs that programs of a holder with these grants may name, for the message when they name another. */
export function grantedUris(grants: readonly Grant[]): string[] {
  const uris = [POWERBOX_URI];
  for (const grant of grants)
    uris.push(...(grant.kind === 'native' ? [grant.uri] : urisOf(grant).map(({ uri }) => uri)));
  return uris;
}

/** What a deploy's URIs are bound to: write-only bundles of this holder's channels, made where they are missing. */
export function uris(turn: Turn, holder: string, grants: readonly Grant[]): Map<string, Value> {
  requireHolder(holder);
  const bound = new Map<string, Value>([[POWERBOX_URI, powerboxChannel(turn, holder, grants)]]);
  for (const grant of grants) {
    if (grant.kind !== 'native') {
      const power = powerNameOf(grant);
      const id = grantId(holder, power);
      const handle = grant.kind === 'host' ? powerHandle(id) : id;
      for (const { uri, native } of urisOf(grant)) {
        if (!bound.has(uri)) bound.set(uri, channel(turn, holder, uri, power, native, handle));
      }
      continue;
    }
    if (bound.has(grant.uri)) throw new PowerboxError('config_invalid', `the URI ${grant.uri} is granted twice`);
    bound.set(grant.uri, channel(turn, holder, grant.uri, grant.uri, grant.native, grant.handle));
  }
  return bound;
}

/** The system process of a holder: what `rho:powerbox` is bound to, and a system contract's first argument. */
export function powerboxChannel(turn: Turn, holder: string, grants: readonly Grant[]): Value {
  requireHolder(holder);
  return channel(turn, holder, system.name, system.name, system.name, systemOf(turn, holder, grants));
}

/** Makes the public `@"system"` answer with this holder's powerbox: everybody has these grants from now on. */
export function openPublicSystem(turn: Turn, holder: string, grants: readonly Grant[]): void {
  requireHolder(holder);
  const cap = grantId(holder, system.name);
  turn.install(PUBLIC_SYSTEM, ANY_MESSAGE, nativeBody(system.name, systemOf(turn, holder, grants), cap));
}

function systemOf(turn: Turn, holder: string, grants: readonly Grant[]): Value {
  const powers = grants.flatMap((grant) => (grant.kind === 'native' ? [] : heldOf(turn, holder, grant)));
  return systemHandle({ holder, powers });
}

function heldOf(turn: Turn, holder: string, power: Power): HeldPower[] {
  const name = powerNameOf(power);
  const id = grantId(holder, name);
  return rootsOf(power).map(({ method, native }) => {
    const handle = rootHandle(power, id, method);
    const own = channel(turn, holder, `${method}/${name}`, name, native, handle);
    return { method, name, channel: own, native, handle };
  });
}

function rootHandle(power: Power, id: string, method: string): Value {
  switch (power.kind) {
    case 'stdio':
      return streamHandle(id, method);
    case 'files':
      return fileHandle(id, power.below === '' ? [] : power.below.split('/'));
    default:
      return powerHandle(id);
  }
}

function channelFact(holder: string, key: string): string {
  return `powerbox/${holder}/${key}`;
}

/** The fact that names the holder's powerbox, once it has been made. */
export function powerboxFact(holder: string): string {
  return channelFact(holder, system.name);
}

/** The holder's channel of this key: its name found or drawn, the native installed on it, a write-only bundle. */
function channel(turn: Turn, holder: string, key: string, power: string, native: string, handle: Value): Value {
  const fact = channelFact(holder, key);
  let name = turn.fact(fact);
  if (name === undefined) {
    name = turn.newName();
    turn.setFact(fact, name);
  } else if (name === null || typeof name !== 'object' || name.kind !== Kind.Name) {
    throw new PowerboxError('storage_corrupt', `the fact ${fact} holds no name`);
  }
  turn.install(name, ANY_MESSAGE, nativeBody(native, handle, grantId(holder, power)));
  return bundle(name, false, true);
}

function nativeBody(native: string, handle: Value, cap: string): Body {
  const environment = nativeEnvironment({ native, handle, id: '', cap });
  return { label: NATIVE_LABEL, term: null, place: 0, environment };
}

function requireHolder(holder: string): void {
  if (HOLDER.test(holder)) return;
  throw new PowerboxError(
    'config_invalid',
    `${JSON.stringify(holder)} is no name for a holder: letters, digits, - and _, at most 64`,
  );
}
