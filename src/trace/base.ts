/**
 * What a replay begins with, laid into a store in memory: the rows and the journal with which a trace begins, or one of its
 * keyframes. Owns neither the store nor what is opened on it.
 */
import { inertPlatform } from '../platform/index.ts';
import { openMemoryStore, type Store } from '../store/index.ts';
import { decodeValue, Name, type Value } from '../values/index.ts';
import { invalid, type TraceBytes } from './blocks.ts';
import { readKeyframe } from './keyframe.ts';
import type { TraceReader } from './reader.ts';
import type { SpaceRecord } from './space-record.ts';
import type { KeyframePlace } from './writer.ts';

export interface Base {
  readonly store: Store;
  /** What stood in memory behind the last turn; absent: the space is opened as for itself. */
  readonly standing?: Value;
}

/** Rows that are written at a time. */
const ROWS_A_BATCH = 1024;

/** Of a trace that has been opened and of which no record has been read. */
export async function baseOf(bytes: TraceBytes, reader: TraceReader): Promise<Base> {
  if (reader.keyframe !== null) return keyframeBase(bytes, reader.space, reader.keyframe);
  const { nameKey, journalFirst } = reader.space;
  const store = openMemoryStore(inertPlatform(), { nameKey, journalFirst, isReadOnce: true });
  const base = new BaseWriter(store);
  for (const part of reader.parts('rows')) if (base.row(part)) await base.written();
  await base.end();
  for (const entry of reader.parts('journal')) await base.entry(entry);
  for (const { hash, bytes: large } of reader.firstBlobs()) await store.blobs.put(hash, large);
  return { store };
}

/** The state behind the turn of a keyframe, whose hash is checked. */
export async function keyframeBase(bytes: TraceBytes, { nameKey }: SpaceRecord, place: KeyframePlace): Promise<Base> {
  const platform = inertPlatform();
  let found: { readonly store: Store; readonly standing: Value; readonly base: BaseWriter } | null = null;
  for (const part of readKeyframe(bytes, place, (body) => platform.hashing.sha256(body))) {
    if (part.kind === 'head') {
      const { journalFirst, standing } = part;
      const store = openMemoryStore(platform, { nameKey, journalFirst, isReadOnce: true });
      const value = decodeValue(standing, (name) => new Name(null, 0, 0, name));
      found = { store, standing: value, base: new BaseWriter(store) };
      continue;
    }
    if (found === null) throw invalid(`the keyframe of turn ${place.turn} at byte ${place.at} has no beginning`);
    const { base } = found;
    if (part.kind === 'keyframe-rows') {
      if (base.row(part.bytes)) await base.written();
    } else if (part.kind === 'keyframe-journal') await base.entry(part.bytes);
    else await base.blob(part.bytes);
  }
  if (found === null) throw invalid(`the keyframe of turn ${place.turn} at byte ${place.at} is empty`);
  await found.base.end();
  return { store: found.store, standing: found.standing };
}

/** Puts together what stands in a trace one after the other: keys and values, hashes and bytes. */
class BaseWriter {
  readonly #store: Store;
  #rows: { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
  #key: Uint8Array | null = null;
  #hash: Uint8Array | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** True: there are so many that they should be written. */
  row(part: Uint8Array): boolean {
    if (this.#key === null) this.#key = part;
    else {
      this.#rows.push({ key: this.#key, value: part });
      this.#key = null;
    }
    return this.#rows.length >= ROWS_A_BATCH;
  }

  async written(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    await this.#store.rows.write(rows, false);
  }

  async entry(entry: Uint8Array): Promise<void> {
    await this.#store.journal.append(this.#store.journal.last, entry);
  }

  async blob(part: Uint8Array): Promise<void> {
    if (this.#hash === null) this.#hash = part;
    else {
      await this.#store.blobs.put(this.#hash, part);
      this.#hash = null;
    }
  }

  async end(): Promise<void> {
    if (this.#key !== null) throw invalid('a row without its value');
    if (this.#hash !== null) throw invalid('a large message without its bytes');
    await this.written();
  }
}
