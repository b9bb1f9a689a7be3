/**
 * A keyframe: all that a space holds behind one commit, so that a replay can begin there. It is written while the space goes
 * on, so turns that come later stand between its blocks. Owns what belongs to one, both ways, and the hash that holds it
 * together: the SHA-256 of the SHA-256 of each of its bodies but the last.
 */
import { limits } from '../limits.ts';
import { namedBlobs } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import { Decoder, Encoder } from '../values/index.ts';
import {
  type Block,
  type BlockKind,
  type BlockPlace,
  bodyAt,
  invalid,
  lastBlock,
  readBlocks,
  type TraceBytes,
  walkBlocks,
} from './blocks.ts';
import { PartWriter } from './parts.ts';
import type { KeyframePlace, TraceWriter } from './writer.ts';

type Row = { readonly key: Uint8Array; readonly value: Uint8Array };
type Entry = { readonly number: number; readonly entry: Uint8Array };

/** A store as it was at one moment, whatever becomes of it while this is read. */
export interface Capture {
  readonly rows: AsyncIterable<Row>;
  readonly journalFirst: number;
  readonly entries: AsyncIterable<Entry>;
  blob(hash: Uint8Array): Uint8Array;
}

const NO_PREFIX = new Uint8Array(0);

/**
 * Takes hold of rows and journal before it returns. The journal is forgotten only behind rows that are written, so the
 * two fit, also where a cut is being written at this moment.
 */
export function captureOf({ rows, journal, blobs }: Store): Capture {
  const journalFirst = journal.first;
  return {
    rows: begun(rows.scan(NO_PREFIX)),
    journalFirst,
    entries: begun(journal.read(journalFirst)),
    blob: (hash) => blobs.getSync(hash),
  };
}

/** Asks for the first of them now: that is when a store takes its snapshot. */
function begun<T>(from: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = from[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<T>> | null = iterator.next();
  // Whoever reads hears of it; before that it is nobody's failure.
  first.catch(() => {});
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = first ?? iterator.next();
        first = null;
        return next;
      },
      return: async () => {
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

export interface KeyframeParts {
  readonly capture: Capture;
  readonly turn: number;
  readonly standing: Uint8Array;
  readonly trace: TraceWriter;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /** The trace has ended, so nobody waits for it any more. */
  readonly isOver: () => boolean;
  /** Hears where it stands, as soon as it is whole. */
  readonly whole: (place: KeyframePlace) => void;
}

/** Resolves when it is whole, or the trace has ended before. */
export async function writeKeyframe(parts: KeyframeParts): Promise<void> {
  const { capture, turn, standing, trace, sha256, isOver } = parts;
  const hashes = new Encoder();
  // Of its own blocks: what else is recorded meanwhile must not hold it up for ever.
  let waiting_bytes = 0;
  const block = (kind: BlockKind, body: Uint8Array, placed?: (place: BlockPlace) => void): void => {
    hashes.raw(sha256(body));
    waiting_bytes += body.length;
    trace.block(kind, turn, body, (place) => {
      waiting_bytes -= body.length;
      placed?.(place);
    });
  };
  const room = async (): Promise<void> => {
    await trace.drained();
    while (waiting_bytes > limits.trace_keyframe_ahead_bytes_max && !isOver()) await trace.ready();
  };
  const found: { place: BlockPlace | null } = { place: null };
  const head = new Encoder();
  head.uint(capture.journalFirst);
  head.bytes(standing);
  block('keyframe', head.finish(), (place) => {
    found.place = place;
  });
  const named = new Map<string, Uint8Array>();
  const blobs = namedBlobs(sha256, (hash) => named.set(Buffer.from(hash).toString('latin1'), hash));
  const rows = new PartWriter((body) => block('keyframe-rows', body));
  for await (const { key, value } of capture.rows) {
    rows.add(key, value);
    blobs.row(key, value);
    await room();
    if (isOver()) return;
  }
  rows.end();
  const entries = new PartWriter((body) => block('keyframe-journal', body));
  for await (const { entry } of capture.entries) {
    entries.add(entry);
    blobs.entry(entry);
    await room();
    if (isOver()) return;
  }
  entries.end();
  const large = new PartWriter((body) => block('keyframe-blobs', body));
  for (const hash of named.values()) {
    large.add(hash, capture.blob(hash));
    await room();
    if (isOver()) return;
  }
  large.end();
  const hash = sha256(hashes.finish());
  await new Promise<void>((resolve) => {
    trace.block('keyframe-end', turn, hash, () => {
      if (found.place !== null) parts.whole({ turn, ...found.place });
      resolve();
    });
  });
}

// ------------------------------------------------------------------ reading

/** What stands in a keyframe, in its order. */
export type KeyframePart =
  | { readonly kind: 'head'; readonly journalFirst: number; readonly standing: Uint8Array }
  | { readonly kind: 'keyframe-rows' | 'keyframe-journal' | 'keyframe-blobs'; readonly bytes: Uint8Array };

/** Reads the keyframe that begins at a place; whatever does not belong to it is passed over. */
export function* readKeyframe(
  bytes: TraceBytes,
  { turn, ...place }: KeyframePlace,
  sha256: (bytes: Uint8Array) => Uint8Array,
): Generator<KeyframePart> {
  const hashes = new Encoder();
  let isBegun = false;
  for (const block of readBlocks(bytes, place)) {
    if (!isBegun && (block.kind !== 'keyframe' || block.turn !== turn))
      throw invalid(`there is no keyframe of turn ${turn} at byte ${block.at}`);
    if (block.kind === 'keyframe-end') {
      if (equal(sha256(hashes.finish()), block.body)) return;
      throw invalid(`the keyframe of turn ${turn} at byte ${place.at} is not as it was written: its hash is another`);
    }
    if (isBegun && block.kind === 'keyframe') break;
    if (!block.kind.startsWith('keyframe')) continue;
    isBegun = true;
    const { kind, body, at } = block;
    hashes.raw(sha256(body));
    yield* partsOf({ kind, body, at });
  }
  throw invalid(`the keyframe of turn ${turn} at byte ${place.at} is not whole`);
}

function* partsOf({ kind, body, at }: Pick<Block, 'kind' | 'body' | 'at'>): Generator<KeyframePart> {
  const decoder = new Decoder(body, () => {
    throw invalid(`a name where none may be, in the keyframe at byte ${at}`);
  });
  if (kind === 'keyframe') {
    yield { kind: 'head', journalFirst: decoder.uint(), standing: decoder.bytes() };
    return;
  }
  while (!decoder.atEnd) yield { kind: kind as 'keyframe-rows', bytes: decoder.bytes() };
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/**
 * The last keyframe from which all turns from `turn` on can be replayed, or null. By the index at the end of the trace; one
 * without an end has its blocks walked through, and their bodies are not read.
 */
export function keyframeBefore(bytes: TraceBytes, turn: number): KeyframePlace | null {
  let found: KeyframePlace | null = null;
  for (const keyframe of keyframesOf(bytes)) if (keyframe.turn < turn) found = keyframe;
  return found;
}

function* keyframesOf(bytes: TraceBytes): Generator<KeyframePlace> {
  const end = lastBlock(bytes);
  if (end === null) {
    yield* walkedKeyframes(bytes);
    return;
  }
  const index = new Decoder(bodyAt(bytes, end), () => {
    throw invalid(`a name where none may be, in the last block at byte ${end}`);
  });
  while (!index.atEnd) yield { turn: index.uint(), at: index.uint(), before: index.uint() };
}

/** Of those that are whole. */
function* walkedKeyframes(bytes: TraceBytes): Generator<KeyframePlace> {
  let last: KeyframePlace | null = null;
  for (const { kind, turn, at, before } of walkBlocks(bytes)) {
    if (kind === 'keyframe') last = { turn, at, before };
    else if (kind === 'keyframe-end' && last !== null) yield last;
  }
}
