/** A trace that was changed, cut off, or is of another kind is refused, and it is said where. */
import assert from 'node:assert/strict';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { internalsOf } from '../../src/embedding/index.ts';
import { isPowerboxError, type PowerboxError } from '../../src/errors.ts';
import { Departure } from '../../src/trace/index.ts';
import { BLOCK_KINDS, readBlocks } from '../../src/trace/blocks.ts';
import { readRecords, RecordWriter, type TraceRecord, type WholeCommit } from '../../src/trace/records.ts';
import { bytesOf, MemoryTrace } from '../../src/trace/memory.ts';
import { TraceReader } from '../../src/trace/reader.ts';
import { TraceWriter } from '../../src/trace/writer.ts';
import { Encoder, Name } from '../../src/values/index.ts';
import { recorded, replays, replayTrace } from './support.ts';

async function refusal(trace: Uint8Array): Promise<PowerboxError> {
  try {
    await replayTrace(trace);
  } catch (error) {
    assert.ok(isPowerboxError(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was replayed' });
}

/** The same trace with other records, every checksum right. */
function rewritten(trace: Uint8Array, change: (records: TraceRecord[]) => TraceRecord[]): Uint8Array {
  const sink = new MemoryTrace();
  const blocks = new TraceWriter((bytes) => sink.write(bytes));
  for (const { kind, turn, body } of readBlocks(bytesOf(trace))) {
    if (kind === 'end') blocks.end(turn, []);
    else if (kind !== 'turns') blocks.block(kind, turn, body);
    else {
      const writer = new RecordWriter(turn);
      const records = [...readRecords(body, turn, (bytes) => new Name(null, 0, 0, bytes))];
      for (const record of change(records)) writer.write(record);
      blocks.block(kind, turn, writer.finish());
    }
  }
  return sink.bytes();
}

/** A trace that has one commit only, behind turn 2. */
function ofCommit(trace: Uint8Array, commit: WholeCommit): Uint8Array {
  const sink = new MemoryTrace();
  const blocks = new TraceWriter((bytes) => sink.write(bytes));
  for (const { kind, turn, body } of readBlocks(bytesOf(trace))) if (kind === 'space') blocks.block(kind, turn, body);
  const writer = new RecordWriter(2);
  writer.whole(commit);
  blocks.block('turns', 2, writer.finish());
  blocks.end(7, []);
  return sink.bytes();
}

/** The same trace as an older release wrote it: bodies by deflate, checksums that go on from 0. */
function olderOf(trace: Uint8Array, version: 1 | 2): Uint8Array {
  const parts = [Buffer.from([...Buffer.from('PBTRACE'), version])];
  let before = 0;
  let at = 8;
  for (const { kind, turn, body } of readBlocks(bytesOf(trace))) {
    if (kind.startsWith('keyframe')) continue;
    // Keyframes are not indexed: nothing begins there.
    const whole = kind === 'end' ? new Uint8Array(0) : body;
    const stored = deflateRawSync(whole, { level: 1 });
    const head = Buffer.alloc(21);
    head.writeUInt8(BLOCK_KINDS.indexOf(kind), 0);
    head.writeBigUInt64BE(BigInt(turn), 1);
    head.writeUInt32BE(whole.length, 9);
    head.writeUInt32BE(stored.length, 13);
    before = crc32(stored, crc32(head.subarray(0, 17), before));
    head.writeUInt32BE(before, 17);
    parts.push(head, stored);
    if (kind !== 'end') at += head.length + stored.length;
  }
  const tail = Buffer.alloc(8);
  tail.writeBigUInt64BE(BigInt(at));
  return new Uint8Array(Buffer.concat(version === 1 ? parts : [...parts, tail]));
}

describe('a trace that is not as it was recorded', () => {
  let trace = new Uint8Array();
  let seal = new Uint8Array();
  before(async () => {
    trace = new Uint8Array(
      await recorded(async (space) => {
        seal = new Uint8Array(internalsOf(space).sealKey);
        await space.run('new x in { x!(1) | for (@n <- x) { @"out"!(n) } }', { name: 'one.rho' });
        await space.produce('in', ['a message']);
        await space.quiescent();
      }),
    );
    await replays(trace);
  });

  it('is refused with one bit turned, and it is said where', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(trace.length - 1), fc.nat(7), async (at, bit) => {
        const changed = trace.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const { code, message } = await refusal(changed);
        assert.ok(code === 'trace_invalid' || code === 'trace_version', `${code}: ${message}`);
        // A version that is read, but not of this one: its first block says so.
        assert.match(message, at < 8 ? /PBTRACE|version|block at byte 8,/ : /byte \d+/);
      }),
      { numRuns: 100 },
    );
  });

  it('is refused when it breaks off, wherever that is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(trace.length - 1), async (length) => {
        const { code, message } = await refusal(trace.slice(0, length));
        assert.equal(code, 'trace_invalid');
        assert.match(message, length < 8 ? /no trace/ : new RegExp(`of ${length}`));
      }),
      { numRuns: 60 },
    );
  });

  it('is read when an older release wrote it, and refused when its version was turned into a newer one', async () => {
    for (const version of [1, 2] as const) {
      const older = olderOf(trace, version);
      assert.deepEqual(await replayTrace(older), await replayTrace(trace));
      older[7] = 3;
      assert.match((await refusal(older)).message, /the block at byte 8, .*its checksum is another/);
    }
  });

  it('is refused when a newer release wrote it, and when it is another file', async () => {
    const newer = trace.slice();
    newer[7] = 4;
    assert.equal((await refusal(newer)).code, 'trace_version');
    const other = await refusal(new TextEncoder().encode('#!/bin/sh\nexit 0\n'));
    assert.equal(other.code, 'trace_invalid');
  });

  it('departs where a cause says something else, with the turn, both sides and the chain', async () => {
    const changed = rewritten(trace, (records) =>
      records.map((record) =>
        record.type === 'cause' && record.message !== null ? { ...record, message: ['another message'] } : record,
      ),
    );
    const error = await refusal(changed);
    assert.ok(error instanceof Departure);
    assert.equal(error.code, 'trace_departed');
    const { chain, recorded: was, replayed: is } = error.departure;
    assert.notEqual(was, is);
    assert.match(chain.at(-1)?.what ?? '', /produce|deploy|task/);
  });

  it('departs where something else followed from its causes; of an older release only how much followed is compared', async () => {
    const changed = rewritten(trace, (records) =>
      records.map((record) => (record.type === 'commit' ? { ...record, digest: new Uint8Array(32) } : record)),
    );
    assert.equal((await refusal(changed)).code, 'trace_departed');
    for (const version of [1, 2] as const)
      assert.deepEqual(await replayTrace(olderOf(changed, version)), await replayTrace(trace));
    const counted = rewritten(trace, (records) =>
      records.map((record) =>
        record.type === 'commit'
          ? { ...record, header: { ...record.header, nextStamp: record.header.nextStamp + 1 } }
          : record,
      ),
    );
    assert.equal((await refusal(olderOf(counted, 2))).code, 'trace_departed');
  });

  it('departs where a cause was left out, or there is one more', async () => {
    const without = rewritten(trace, (records) => records.filter(({ type }) => type !== 'cause'));
    assert.equal((await refusal(without)).code, 'trace_departed');
    const twice = rewritten(trace, (records) =>
      records.flatMap((record) => (record.type === 'cause' && record.message !== null ? [record, record] : [record])),
    );
    assert.match((await refusal(twice)).code, /trace_departed|trace_invalid/);
  });

  it('is refused with a cause that this program does not know', async () => {
    const unknown = rewritten(trace, (records) =>
      records.map((record) => (record.type === 'cause' ? { ...record, kind: 'unheard-of', message: null } : record)),
    );
    const { code, message } = await refusal(unknown);
    assert.equal(code, 'trace_invalid');
    assert.match(message, /turn 1 is of kind "unheard-of"/);
  });

  it('is refused where a commit that is copied from its entry is not one, and it is said why', () => {
    const causes = (turn: number, payload = (encoder: Encoder): void => encoder.value(null)): WholeCommit => {
      const encoder = new Encoder();
      encoder.uint(1);
      encoder.uint(4 * (7 - turn) + 2);
      encoder.string('produce');
      encoder.uint(0);
      encoder.uint(0);
      payload(encoder);
      const header = { lastTurn: 7, nextTask: 1, nextStamp: 1 };
      const written = { version: 5, bytes: encoder.finish() };
      return { header, digest: new Uint8Array(32), marks: [], ended: [], causes: written };
    };
    const good = causes(5);
    const mark = { type: 'outside', turn: 6, task: 1 } as const;
    const bad: readonly (readonly [WholeCommit, RegExp])[] = [
      [causes(0), /turn 0 after turn 2, in the commit of the turns from 2 to 7/],
      [{ ...good, marks: [mark, { ...mark, turn: 5 }] }, /turn 5 after turn 6/],
      [causes(5, (encoder) => encoder.raw(Uint8Array.of(0xd4, 8, 1))), /bytes that stand elsewhere/],
      [{ ...good, causes: { ...good.causes, version: 99 } }, /a journal entry of version 99/],
      [{ ...good, causes: { ...good.causes, bytes: good.causes.bytes.subarray(0, 3) } }, /cannot be read/],
    ];
    const whole = new TraceReader(bytesOf(ofCommit(trace, good)));
    assert.equal([...whole.records((bytes) => new Name(null, 0, 0, bytes))].length, 2);
    for (const [commit, why] of bad) {
      const reader = new TraceReader(bytesOf(ofCommit(trace, commit)));
      const read = (): unknown => [...reader.records((bytes) => new Name(null, 0, 0, bytes))];
      assert.throws(read, { code: 'trace_invalid', message: why });
    }
  });

  it('reads a commit that is copied from its entry in the order of its turns, each cause with the task that it ends', () => {
    const encoder = new Encoder();
    encoder.uint(3);
    // The first says by how many turns it is earlier than the last one, each other how many come after the one before.
    for (const [turns, kind] of [
      [5, 'one'],
      [2, null],
      [3, 'other'],
    ] as const) {
      encoder.uint(4 * turns + (kind === null ? 0 : 2));
      if (kind !== null) {
        encoder.string(kind);
        encoder.uint(7);
        encoder.uint(1);
      }
      encoder.value(`after ${turns}`);
    }
    const writer = new RecordWriter(3);
    writer.whole({
      header: { lastTurn: 9, nextTask: 20, nextStamp: 30 },
      digest: new Uint8Array(32),
      marks: [
        { type: 'parked', turn: 5, task: 11 },
        { type: 'unparked', turn: 7, label: 'late' },
        { type: 'outside', turn: 8, task: 11 },
      ],
      ended: [2, 11],
      causes: { version: 5, bytes: encoder.finish() },
    });
    const read = [...readRecords(writer.finish(), 3, (bytes) => new Name(null, 0, 0, bytes))];
    assert.deepEqual(
      read.map((record) => [record.type, record.turn, record.type === 'cause' ? [record.kind, record.task] : null]),
      [
        ['cause', 4, ['one', 0]],
        ['parked', 5, null],
        ['cause', 6, ['one', 0]],
        ['unparked', 7, null],
        ['outside', 8, null],
        ['cause', 9, ['other', 11]],
        ['commit', 9, null],
      ],
    );
    assert.ok(read.every((record) => record.type !== 'cause' || record.mode === 'query'));
  });

  it('holds the key of names, and never the one that seals', () => {
    const whole = Buffer.concat([...readBlocks(bytesOf(trace))].map(({ body }) => body));
    assert.ok(seal.length === 32 && seal.some((byte) => byte !== 0));
    assert.equal(whole.includes(Buffer.from(seal)), false);
    assert.equal(whole.includes(Buffer.from(seal).subarray(0, 16)), false);
    assert.equal(whole.toString('latin1').includes(Buffer.from(seal).toString('hex')), false);
  });
});
