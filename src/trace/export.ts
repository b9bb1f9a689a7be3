/**
 * A trace made fit to be given away: without large messages, or with every payload replaced by its digest and length.
 * Such a trace has no state to begin with and no key of names; it can be shown, and not replayed.
 */
import { limits } from '../limits.ts';
import { Encoder, List, NameMaker, type Value } from '../values/index.ts';
import type { TraceBytes } from './blocks.ts';
import { TraceReader } from './reader.ts';
import { RecordWriter, type TraceRecord } from './records.ts';
import { encodeSpace } from './space-record.ts';
import { type TraceSink, TraceWriter } from './writer.ts';

export interface ExportOptions {
  /** What is left out: large messages, or everything that was said. */
  readonly without: 'payloads' | 'values';
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
}

export function exportTrace(trace: TraceBytes, sink: TraceSink, { without, sha256 }: ExportOptions): void {
  const reader = new TraceReader(trace);
  const blocks = new TraceWriter((bytes) => sink.write(bytes));
  const encoder = new Encoder(4096);
  const digest = (value: Value): Value => {
    encoder.reset();
    encoder.value(value);
    const bytes = encoder.finish();
    if (without === 'payloads' && bytes.length <= limits.inline_bytes_max) return value;
    return `${hex(sha256(bytes))}, ${bytes.length} bytes`;
  };
  const { runtime, journalFirst } = reader.space;
  const space = encodeSpace({ runtime, nameKey: new Uint8Array(32), quotas: null, journalFirst, without });
  blocks.block('space', 0, space);
  for (const kind of ['rows', 'journal'] as const) for (const _ of reader.parts(kind));
  let from = 0;
  let turn = 0;
  let writer = new RecordWriter(0);
  const flush = (): void => {
    if (writer.length === 0) return;
    blocks.block('turns', from, writer.finish());
    from = turn;
    writer = new RecordWriter(turn);
  };
  const names = new NameMaker(reader.space.nameKey, { sha256 });
  for (const record of reader.records((bytes) => names.read(bytes))) {
    if (record.type === 'blob' || record.type === 'keyframe' || record.type === 'keyframe-end') continue;
    writer.write(redacted(record, digest));
    turn = record.turn;
    if (writer.length >= limits.trace_block_bytes) flush();
  }
  flush();
  blocks.end(turn, []);
  sink.close();
}

function redacted(record: TraceRecord, digest: (value: Value) => Value): TraceRecord {
  if (record.type !== 'cause') return record;
  const { message, payload } = record;
  return { ...record, payload: digest(payload), message: message === null ? null : [digest(new List(message))] };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
