/**
 * Answers on the channel of standard input. Owns nothing: the console is handed in, and what it has not given out
 * yet is the console's. Lines that nobody asked for by a call arrive through a source, each a cause in the journal.
 */
import { errorResult, input } from '../channels/index.ts';
import { readStreamHandle } from '../src/capability/index.ts';
import { isPowerboxError } from '../src/errors.ts';
import { limits } from '../src/limits.ts';
import { NewSource } from '../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, NativeError, Source } from '../src/natives/index.ts';
import { bytes as bytesValue } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';
import type { Console } from './console.ts';
import { grantGone } from './granted.ts';
import type { OpenSources } from './granted.ts';

/** Bytes asked for at once when everything is wanted. */
const PART_BYTES = 64 * 1024;

export function inputNative(console: Console, granted: (id: string) => boolean, open: OpenSources): Native {
  return {
    declaration: input,
    async call(call) {
      const { grant } = readStreamHandle(call.handle);
      if (!granted(grant)) return { error: grantGone(grant) };
      try {
        return await answer(console, call);
      } catch (error) {
        return { error: failure(error) };
      }
    },
    open(source) {
      const { grant } = readStreamHandle(source.handle);
      if (granted(grant)) void open.during(grant, source, () => pushLines(console, source));
      else void source.fail(grantGone(grant));
    },
  };
}

async function answer(console: Console, call: NativeCall): Promise<NativeAnswer> {
  const { method, args, handle, form } = call;
  const signal = call.signal ?? new AbortController().signal;
  switch (method) {
    case 'readLine':
      return { ok: await console.readLine(signal) };
    case 'read':
      if (console.readBytes === undefined) return { error: linesOnly() };
      return { ok: bytesValue((await console.readBytes(args[0] as number, signal)) ?? new Uint8Array(0)) };
    case 'readAll':
      if (console.readBytes === undefined) return { error: linesOnly() };
      return readAll((count) => (console.readBytes as NonNullable<Console['readBytes']>)(count, signal), form === 1);
    case 'readLines':
      return { ok: new NewSource(input.name, handle, { unread_max: limits.lines_unread_max }) };
    case 'close':
      return { ok: null, closes: args[0] as Value };
    default:
      throw new Error(`input has no method ${method}`);
  }
}

async function readAll(read: (count: number) => Promise<Uint8Array | null>, asText: boolean): Promise<NativeAnswer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = await read(PART_BYTES);
    if (part === null) break;
    length += part.length;
    if (length > limits.read_bytes_max) {
      const message = `the input has more than ${limits.read_bytes_max} bytes, the most that are answered at once; read it in parts`;
      return { error: { code: 'value_too_large', message } };
    }
    parts.push(part);
  }
  const all = new Uint8Array(Buffer.concat(parts));
  if (!asText) return { ok: bytesValue(all) };
  try {
    return { ok: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(all) };
  } catch {
    return { error: { code: 'value_unsupported', message: 'the input is not UTF-8 text; read it as bytes' } };
  }
}

/** Until the input or the source ends. A line is taken only when there is room for it. */
async function pushLines(console: Console, source: Source): Promise<void> {
  for (;;) {
    let line: Value;
    try {
      line = await console.readLine(source.signal);
    } catch (error) {
      if (source.signal.aborted) return;
      const { code, message } = failure(error);
      if (code !== 'value_too_large') {
        await source.fail({ code, message });
        return;
      }
      line = errorResult(code, message, input.name, 'readLines');
    }
    if (line === null) {
      await source.push([null], { last: true });
      return;
    }
    if (!(await source.push([line]))) return;
  }
}

function failure(error: unknown): NativeError {
  if (isPowerboxError(error)) return { code: error.code, message: error.message };
  const why = error instanceof Error ? error.message : 'closed';
  return { code: 'file_failed', message: `standard input could not be read: ${why}` };
}

function linesOnly(): NativeError {
  return { code: 'not_available', message: 'the standard input of this program has lines only, and no bytes' };
}
