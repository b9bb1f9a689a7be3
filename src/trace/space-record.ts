/**
 * What a trace says of its space before the first turn: whose runtime it was, the key that its names are made with, its
 * quotas, and where its journal stood. Never the key that seals what crosses the wire.
 */
import { Bytes, Decoder, Encoder, Tuple } from '../values/index.ts';
import { invalid } from './blocks.ts';

export interface SpaceRecord {
  /** The release that recorded it. */
  readonly runtime: string;
  readonly nameKey: Uint8Array;
  /** Settings of quotas as the space keeps them, or null. */
  readonly quotas: string | null;
  /** Number of the first entry of the journal that stands in the trace. */
  readonly journalFirst: number;
  /** What was left out: such a trace can be shown. */
  readonly without: 'nothing' | 'payloads' | 'values';
}

export function encodeSpace({ runtime, nameKey, quotas, journalFirst, without }: SpaceRecord): Uint8Array {
  const encoder = new Encoder();
  encoder.value(new Tuple([runtime, new Bytes(nameKey), quotas, journalFirst, without]));
  return encoder.finish();
}

const NO_NAMES = (): never => {
  throw invalid('a name where none may be');
};

export function decodeSpace(body: Uint8Array): SpaceRecord {
  const decoder = new Decoder(body, NO_NAMES);
  const value = decoder.value();
  decoder.end();
  const [runtime, nameKey, quotas, journalFirst, without] = value instanceof Tuple ? value.items : [];
  if (
    typeof runtime !== 'string' ||
    !(nameKey instanceof Bytes) ||
    nameKey.bytes.length !== 32 ||
    (quotas !== null && typeof quotas !== 'string') ||
    typeof journalFirst !== 'number' ||
    journalFirst < 1 ||
    (without !== 'nothing' && without !== 'payloads' && without !== 'values')
  )
    throw invalid('the record of the space has not the fields that it must have');
  return { runtime, nameKey: nameKey.bytes, quotas, journalFirst, without };
}
