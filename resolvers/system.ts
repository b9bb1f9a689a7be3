/**
 * Answers for the system process: hands out what stands in the handle it is called on, and nothing else. What
 * was not granted stands in no handle.
 */
import { describe, system } from '../channels/index.ts';
import type { Method } from '../channels/index.ts';
import { grantId, readSystemHandle } from '../src/capability/index.ts';
import type { HeldPower, SystemReference } from '../src/capability/index.ts';
import { NewObject } from '../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, NativeResult } from '../src/natives/index.ts';
import { list, map } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';
import { writeText } from './stdio.ts';
import type { Console } from './console.ts';

export interface SystemOptions {
  readonly console: Console;
  /** Whether this grant of standard input and output stands. */
  readonly granted: (grant: string) => boolean;
}

export function systemNative({ console, granted }: SystemOptions): Native {
  return {
    declaration: system,
    inline: handOut,
    async call(call) {
      const { holder, powers } = readSystemHandle(call.handle);
      if (!powers.some(({ method }) => method === 'stdout') || !granted(grantId(holder, 'stdio')))
        return notGranted('print', call);
      return writeText(console, 'stdout', call);
    },
  };
}

function handOut(call: NativeCall): NativeAnswer {
  const reference = readSystemHandle(call.handle);
  if (call.method === 'methods') return { ok: describeMethods(permitted(reference, call), call) };
  const held = reference.powers.filter(({ method }) => method === call.method);
  const usual = USUAL_NAMES[call.method] ?? call.method;
  const wanted =
    call.form === 0
      ? (held.find(({ name }) => name === usual) ?? held[0])
      : held.find(({ name }) => name === call.args[0]);
  if (wanted !== undefined) return { ok: handedOut(reference.holder, wanted, call.cap) };
  return notGranted(call.form === 0 ? call.method : `${call.method} ${JSON.stringify(call.args[0])}`, call);
}

/** Who has the powerbox whole gets the channel itself; who has a part of it, no more than such a part. */
function handedOut(
  holder: string,
  { name, channel, native, handle }: HeldPower,
  cap: string | undefined,
): NativeResult {
  if (cap === undefined || cap === grantId(holder, system.name)) return channel;
  return new NewObject(native, handle, undefined, grantId(holder, name));
}

/** Of powers that are not called like the method that hands them out. */
const USUAL_NAMES: Readonly<Record<string, string>> = {
  fileSystem: 'files',
  httpClient: 'http',
  tcpClient: 'tcp',
  tcpListener: 'tcp',
};

/** What of it the caller may use: a grant that was revoked is held no more. */
function permitted({ holder, powers }: SystemReference, { may }: NativeCall): SystemReference {
  return { holder, powers: powers.filter(({ name }) => may === undefined || may.use(grantId(holder, name))) };
}

function describeMethods(reference: SystemReference, { may }: NativeCall): Value {
  const methods = heldMethods(reference).filter(({ name }) => may === undefined || may.call(name));
  return map(methods.map((method) => [method.name, describeMethod(method)]));
}

function heldMethods({ powers }: SystemReference): Method[] {
  const held = new Set(powers.map(({ method }) => method));
  held.add('methods');
  if (held.has('stdout')) held.add('print');
  return [...system.methods.values()].filter(({ name }) => held.has(name));
}

function describeMethod(method: Method): Value {
  const forms = method.forms.map((form) => {
    const args = form.args.map((arg) => `${arg.name}: ${describe(arg.type)}`).join(', ');
    return `(${args}) answers ${describe(form.result)}`;
  });
  return map([
    ['doc', method.doc],
    ['effect', method.effect],
    ['forms', list(forms)],
  ]);
}

function notGranted(what: string, call: NativeCall): NativeAnswer {
  const reference = readSystemHandle(call.handle);
  const held = heldMethods(reference).map(({ name }) => name);
  const names = reference.powers.filter(({ method }) => method === call.method).map(({ name }) => JSON.stringify(name));
  const more = names.length === 0 ? '' : `, and for ${call.method} the names ${names.join(', ')}`;
  return {
    error: {
      code: 'not_available',
      message: `${what} was not granted to this powerbox; it holds ${held.join(', ')}${more}`,
    },
  };
}
