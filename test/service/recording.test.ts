/** Recording a space from a client: who may, what comes, and what a slow client, a lost line or a hostile one does. */
import assert from 'node:assert/strict';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Box, connect, isPowerboxError } from '../../src/client/node.ts';
import { replayTrace, type Space } from '../../src/embedding/index.ts';
import { limits } from '../../src/limits.ts';
import type { RunningService } from '../../src/service/index.ts';
import { Bench, HOLDERS } from './support.ts';

const RECORDING = { ...HOLDERS, holders: { ...HOLDERS.holders, carol: { grants: [], record: true } } };

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isPowerboxError(error) && error.code === code;

describe('recording from a client', () => {
  const bench = new Bench();
  const boxes: Box[] = [];
  let folder = '';
  let space: Space;
  let service: RunningService;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-recording-'));
    space = await bench.space({ config: RECORDING });
    service = await bench.serve(space);
  });
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box.close();
    await bench.close();
    rmSync(folder, { recursive: true });
  });

  async function box(holder: string): Promise<Box> {
    const one = await connect(service.address.url, { token: holder, backoff_ms: 5, backoff_ms_max: 50 });
    boxes.push(one);
    return one;
  }

  async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of stream) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  it('is for holders whom the configuration lets, and for nobody else', async () => {
    const alice = await box('alice');
    await assert.rejects(collect(alice.record()), coded('not_permitted'));
    // It goes on.
    await alice.produce('x', [1]);
    assert.deepEqual(await alice.take('x'), [1]);
    const plain = await bench.serve(await bench.space());
    const carol = await connect(plain.address.url, { token: 'carol' });
    boxes.push(carol);
    await assert.rejects(collect(carol.record()), coded('not_permitted'));
  });

  it('begins with what is there, has what others do, and is whole when it was stopped', async () => {
    const [alice, carol] = [await box('alice'), await box('carol')];
    await alice.produce('hall', ['before'], { persist: true });
    const recording = carol.record();
    const bytes = collect(recording);
    await carol.produce('mine', [1]);
    await alice.deploy('for (@n <- @"mine") { @"done"!(n) }');
    assert.deepEqual(await alice.take('done', { limit_ms: 60_000 }), [1]);
    await recording.stop();
    const trace = await bytes;
    assert.equal((await replayTrace(trace)).complete, true);
    // One after the other, as often as one likes.
    const again = carol.record();
    const more = collect(again);
    await again.stop();
    assert.equal((await replayTrace(await more)).complete, true);
  });

  it('is written to a file as streams are, and ended by a signal', async () => {
    const carol = await box('carol');
    const file = join(folder, 'run.trace');
    const stop = new AbortController();
    const written = pipeline(carol.record({ signal: stop.signal }), createWriteStream(file));
    await carol.produce('x', [1]);
    stop.abort();
    await written;
    assert.equal((await replayTrace(file)).complete, true);
  });

  it('one at a time over a connection; who leaves the loop may begin anew', async () => {
    const carol = await box('carol');
    const first = carol.record();
    assert.throws(() => carol.record(), coded('rate_limited'));
    for await (const _ of first) break;
    for (let times = 0; times <= limits.recorders_max; times++) for await (const _ of carol.record()) break;
    const raw = await bench.connect(service, { token: 'carol', versions: [1, 2] });
    raw.say({ kind: 'record', credit: 1 });
    raw.say({ kind: 'record', credit: 1 });
    assert.equal((await raw.closed).reason, 'wire_invalid');
    const old = await bench.connect(service, { token: 'carol' });
    old.say({ kind: 'record', credit: 1 });
    assert.equal((await old.closed).reason, 'wire_invalid');
    // What is said of none says nothing.
    const idle = await bench.connect(service, { token: 'carol', versions: [1, 2] });
    idle.say({ kind: 'record-credit', more: 5 });
    idle.say({ kind: 'record-end' });
    await idle.ask({ kind: 'produce', channel: 'y', message: [1], persist: false, lease_ms: null });
  });

  it('no more comes than was let come, and the space waits for nobody', async () => {
    const slow = await bench.connect(service, { token: 'carol', versions: [1, 2] });
    slow.say({ kind: 'record', credit: 100 });
    await slow.until((message) => message.kind === 'recorded');
    const alice = await box('alice');
    for (let sent = 0; sent < 20; sent++) await alice.produce('x', [sent]);
    const came = (): number =>
      slow.came.reduce((sum, message) => sum + (message.kind === 'recorded' ? message.bytes.length : 0), 0);
    assert.ok(came() <= 100, String(came()));
    slow.say({ kind: 'record-credit', more: limits.wire_record_credit_max });
    slow.say({ kind: 'record-end' });
    const over = await slow.until((message) => message.kind === 'record-over');
    assert.deepEqual(over, { kind: 'record-over', error: null });
    const parts = slow.came.flatMap((message) => (message.kind === 'recorded' ? [message.bytes] : []));
    assert.equal((await replayTrace(new Uint8Array(Buffer.concat(parts)))).complete, true);
  });

  it('ends with its connection, and the client hears why', async () => {
    const carol = await box('carol');
    const recording = carol.record();
    const broken = assert.rejects(collect(recording), coded('interrupted'));
    await carol.produce('x', [1]);
    await service.close();
    await broken;
    // Nobody records any more: as many may as ever.
    for (let count = 0; count < limits.recorders_max; count++) await space.recordStream();
    await assert.rejects(space.recordStream(), coded('rate_limited'));
  });

  it('ends with the space, whole', async () => {
    const carol = await box('carol');
    const bytes = collect(carol.record()).catch((error: unknown) => error);
    await carol.produce('x', [1]);
    await space.close();
    const ended = await bytes;
    // The line may be cut before the last of it has come: then it says so.
    if (ended instanceof Uint8Array) assert.equal((await replayTrace(ended)).complete, true);
    else assert.ok(isPowerboxError(ended));
  });
});
