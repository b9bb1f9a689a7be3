/**
 * Answers for the system process: hands out what stands in the handle it is called on, and nothing else. What
 * was not granted stands in no handle.
 */
import { describe, system } from '../channels/index.ts';
import type { Method } from '../channels/index.ts';
import { grantId, readSystemHandle } from '../src/capability/index.ts';
import type { SystemReference } from '../src/capability/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
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
      const { holder, streams } = readSystemHandle(call.handle);
      if (!streams.has('stdout') || !granted(grantId(holder, 'stdio'))) return notGranted('print', call);
      return writeText(console, 'stdout', call);
    },
  };
}

function handOut(call: NativeCall): NativeAnswer {
  const reference = readSystemHandle(call.handle);
  const { streams, files } = reference;
  switch (call.method) {
    case 'stdout':
    case 'stderr':
    case 'stdin': {
      const channel = streams.get(call.method);
      return channel === undefined ? notGranted(call.method, call) : { ok: channel };
    }
    case 'fileSystem': {
      const wanted = call.form === 0 ? usualOf(files) : files.find(([name]) => name === call.args[0]);
      if (wanted !== undefined) return { ok: wanted[1] };
      return notGranted(call.form === 0 ? 'fileSystem' : `the directory ${JSON.stringify(call.args[0])}`, call);
    }
    case 'methods':
      return { ok: describeMethods(reference) };
    default:
      throw new Error(`system has no method ${call.method} of effect none`);
  }
}

/** The directory that is handed out without a name: the one with the usual name, else the first. */
function usualOf(files: SystemReference['files']): readonly [string, Value] | undefined {
  return files.find(([name]) => name === 'files') ?? files[0];
}

function describeMethods(reference: SystemReference): Value {
  return map(heldMethods(reference).map((method) => [method.name, describeMethod(method)]));
}

function heldMethods({ streams, files }: SystemReference): Method[] {
  return [...system.methods.values()].filter(({ name }) => {
    if (name === 'methods') return true;
    if (name === 'fileSystem') return files.length > 0;
    return streams.has(name === 'print' ? 'stdout' : (name as 'stdout'));
  });
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

function notGranted(what: string, { handle }: NativeCall): NativeAnswer {
  const reference = readSystemHandle(handle);
  const held = heldMethods(reference).map(({ name }) => name);
  const directories = reference.files.map(([name]) => JSON.stringify(name));
  const more = directories.length === 0 ? '' : `, and the directories ${directories.join(', ')}`;
  return {
    error: {
      code: 'not_available',
      message: `${what} was not granted to this powerbox; it holds ${held.join(', ')}${more}`,
    },
  };
}
