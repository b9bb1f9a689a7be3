/**
 * Answers on the channels of files. A channel's only state is its position, which the dispatcher keeps; no
 * descriptor outlives a call, so a channel is as good after a restart as before.
 */
import { constants } from 'node:fs';
import { file } from '../channels/index.ts';
import { PowerboxError } from '../src/errors.ts';
import { limits } from '../src/limits.ts';
import { NewChannel } from '../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import { bytes as bytesValue } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';
import { bytesOf } from './answer.ts';
import { replaceFile, truncateFile, writeInPlace } from './files/change.ts';
import { HEAD_BYTES, refuseBinary } from './files/binary.ts';
import { answering, askTree, changing, forgetEverywhere, placeOf, requireWritable } from './files/grant.ts';
import type { FileGrants, Place } from './files/grant.ts';
import { readUpTo } from './files/record.ts';
import { openFile, within } from './files/walk.ts';
import type { OpenFile } from './files/walk.ts';

/** The state of a channel that was closed; all others are a position. */
const CLOSED = 'closed';

export function fileNative(grants: FileGrants): Native {
  return {
    declaration: file,
    call: (call) => answering(shownPath(call), () => answer(placeOf(grants, call.handle), call)),
    ask: (call) => askTree(grants, call.handle, call.effectId),
    forget: (effectIds) => forgetEverywhere(grants, effectIds),
  };
}

async function answer(place: Place, call: NativeCall): Promise<NativeAnswer> {
  if (call.state === CLOSED) throw new PowerboxError('handle_closed', 'this channel of the file was closed');
  const position = typeof call.state === 'number' ? call.state : 0;
  switch (call.method) {
    case 'read': {
      const bytes = await readPart(place, call, position, call.args[0] as number);
      return { ok: bytesValue(bytes), state: position + bytes.length };
    }
    case 'readAt': {
      const [offset, count] = call.args as [number, number];
      return { ok: bytesValue(await readPart(place, call, offset, count)) };
    }
    case 'readAll':
      return { ok: asText((await readWhole(place, call)).bytes, call.form === 1, place) };
    case 'chunks':
      return chunks(
        place,
        call,
        position,
        call.args[0] as number,
        (call.args[1] as number | undefined) ?? limits.file_chunks_max,
      );
    case 'seek':
      return seek(place, call, position);
    case 'size':
      return { ok: await sizeOf(place, call) };
    case 'close':
      return { ok: null, state: CLOSED };
    default:
      requireWritable(place);
      return changing(place.path.join('/'), () => change(place, call));
  }
}

async function change(place: Place, call: NativeCall): Promise<void> {
  const { method, args } = call;
  const { tree, path, allotted } = place;
  switch (method) {
    case 'write': {
      const data = bytesOf(args[0]);
      return tree.change(call, allotted, (desk, id) => replaceFile(desk, id, path, data));
    }
    case 'append': {
      const data = bytesOf(args[0]);
      return tree.change(call, allotted, (desk, id) => writeInPlace(desk, id, path, null, data));
    }
    case 'writeAt': {
      const data = bytesOf(args[1]);
      return tree.change(call, allotted, (desk, id) => writeInPlace(desk, id, path, args[0] as number, data));
    }
    case 'truncate':
      return tree.change(call, allotted, (desk, id) => truncateFile(desk, id, path, args[0] as number));
    default:
      throw new Error(`file has no method ${method}`);
  }
}

function reading<T>(place: Place, call: NativeCall, use: (open: OpenFile) => Promise<T>): Promise<T> {
  const name = place.path[place.path.length - 1] ?? '';
  return place.tree.read(
    (root) =>
      within(root, place.path.slice(0, -1), async (folder) => {
        const open = await openFile(root, folder, name, constants.O_RDONLY, place.path.join('/'));
        try {
          return await use(open);
        } finally {
          await open.handle.close();
        }
      }),
    call,
  );
}

interface Part {
  readonly bytes: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
}

/** Bytes of a file that is no executable binary; of one that is, no part is answered. */
function readBytes(place: Place, call: NativeCall, offset: number, countOf: (size: number) => number): Promise<Part> {
  return reading(place, call, async (open) => {
    const size = Number(open.stat.size);
    const readAt = (from: number, length: number): Promise<Uint8Array> => readUpTo(open.handle, from, length);
    const count = inside(open, offset, countOf(size));
    const withHead = offset === 0 && count >= Math.min(HEAD_BYTES, size);
    const [bytes, head] = await Promise.all([readAt(offset, count), withHead ? null : readAt(0, HEAD_BYTES)]);
    await refuseBinary(head ?? bytes.subarray(0, HEAD_BYTES), readAt, place.path.join('/'));
    return { bytes, size };
  });
}

async function readPart(place: Place, call: NativeCall, offset: number, count: number): Promise<Uint8Array> {
  return (await readBytes(place, call, offset, () => count)).bytes;
}

function sizeOf(place: Place, call: NativeCall): Promise<number> {
  return reading(place, call, async (open) => Number(open.stat.size));
}

/** How much of `count` the file has: no buffer is made for bytes that are not there. */
function inside(open: OpenFile, offset: number, count: number): number {
  return Math.max(0, Math.min(count, Number(open.stat.size) - offset));
}

function readWhole(place: Place, call: NativeCall): Promise<Part> {
  return readBytes(place, call, 0, (size) => {
    if (size <= limits.read_bytes_max) return size;
    throw new PowerboxError(
      'value_too_large',
      `the file has ${size} bytes, and at most ${limits.read_bytes_max} are answered at once; read it in parts`,
    );
  });
}

function asText(bytes: Uint8Array, text: boolean, place: Place): Value {
  if (!text) return bytesValue(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PowerboxError(
      'value_unsupported',
      `${JSON.stringify(place.path.join('/'))} is not UTF-8 text; read it as bytes`,
      { cause },
    );
  }
}

async function chunks(
  place: Place,
  call: NativeCall,
  position: number,
  chunk_bytes: number,
  count: number,
): Promise<NativeAnswer> {
  const most = Math.min(limits.read_bytes_max, chunk_bytes * Math.min(count, limits.file_chunks_max));
  const { bytes, size: end } = await readBytes(place, call, position, () => most);
  const messages: Value[][] = [];
  for (let start = 0; start < bytes.length; start += chunk_bytes)
    messages.push([bytesValue(bytes.slice(start, start + chunk_bytes))]);
  const next = position + bytes.length;
  messages.push([next >= end ? null : next]);
  return { ok: new NewChannel(messages), state: next };
}

async function seek(place: Place, call: NativeCall, position: number): Promise<NativeAnswer> {
  const [offset, origin = 'start'] = call.args as readonly [number | bigint, string?];
  const size = origin === 'end' ? await sizeOf(place, call) : 0;
  const next = Number(offset) + (origin === 'end' ? size : origin === 'current' ? position : 0);
  if (next < 0 || next > limits.file_bytes_max) {
    throw new PowerboxError(
      'arguments_invalid',
      `a position lies between 0 and ${limits.file_bytes_max}; this would be ${next}`,
    );
  }
  return { ok: next, state: next };
}

function shownPath(call: NativeCall): string {
  const { handle } = call;
  return handle !== null && typeof handle === 'object' && 'items' in handle ? handle.items.slice(1).join('/') : '';
}
