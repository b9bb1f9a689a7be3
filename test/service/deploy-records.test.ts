/**
 * What stays on record of programs that clients start: the newest that are at rest and all that are not, however many
 * there were; and what an older one has left behind is its holder's still, in usage, audit, failures and a replay.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenOptions, Space } from '../../src/embedding/index.ts';
import { limits } from '../../src/limits.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { list, type MapValue, type Value } from '../../src/values/index.ts';
import type { Capability } from '../../src/wire/index.ts';
import { replays } from '../trace/support.ts';
import type { RawClient } from './raw-client.ts';
import { Bench, HOLDERS } from './support.ts';

const none = { persist: false, lease_ms: null } as const;
const KEPT = limits.client_deploys_kept;
const AT_ONCE = 32;

/** Its number, once its place is durable. */
async function deploy(client: RawClient, text: string, uris: Record<string, Value> = {}): Promise<number> {
  const started = (await client.ask({
    kind: 'deploy',
    text,
    name: 'one of many',
    uris: new Map(Object.entries(uris)),
  })) as MapValue;
  return started.items[started.keys.indexOf('deploy')] as number;
}

async function deployMany(client: RawClient, count: number, text = 'Nil'): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => deploy(client, text)));
}

function take(client: RawClient, channel: Value): Promise<Value> {
  return client.ask({ kind: 'take', slots: [{ channel, pattern: null, peek: false }], limit_ms: 60_000 });
}

const programs = (space: Space): readonly number[] =>
  space
    .deploys()
    .filter(({ name }) => name === 'one of many')
    .map(({ id }) => id);

const bytesOf = (space: Space, deployed: number | null = null): number | undefined =>
  space.usage().find((usage) => usage.holder === 'alice' && usage.deploy === deployed)?.bytes;

describe('records of programs that clients start', function () {
  this.timeout(300_000);
  const bench = new Bench();
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-deploys-'));
  });
  afterEach(async () => {
    await bench.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (options: OpenOptions = {}): Promise<{ space: Space; client: RawClient }> => {
    const space = await bench.space({ config: HOLDERS, onFailure: () => {}, ...options });
    return { space, client: await bench.connect(await bench.serve(space), { versions: [2] }) };
  };

  it('the newest stay, and those that are not at rest; what older ones left works and is theirs', async () => {
    const data = join(folder, 'space');
    const quotas = { holders: { alice: { bytes_max: 1_000_000 } } };
    const { space, client } = await open({ data, durability: 'os', quotas });
    const [echo, left, rung] = (await client.names(3)) as [Capability, Capability, Capability];
    await deployMany(client, 3, 'new x in { x!(1 + "a") }');
    await deploy(client, 'new echo(`x:echo`) in { contract echo(@x, ret) = { ret!(x) } }', { 'x:echo': echo });
    const before = bytesOf(space) as number;
    const leaver = await deploy(client, 'new left(`x:left`) in { left!("what was left") }', { 'x:left': left });
    assert.ok((bytesOf(space) as number) > before);
    const waits = await deploy(
      client,
      'new box(`rho:powerbox`), rung(`x:rung`) in { for (t <- box!?("timer")) { for (_ <- t!?("after", 3600000)) { rung!(1) } } }',
      { 'x:rung': rung },
    );
    const { failures } = await space.inspect();
    assert.equal(failures, 3);
    await deployMany(client, 2 * KEPT);
    await space.quiescent();
    // Each new one looks at two old ones: those that were busy when they were looked at go in the next round.
    await deployMany(client, KEPT);
    const ids = programs(space);
    assert.deepEqual(ids.slice(0, 1), [waits]);
    assert.equal(ids.length, KEPT + 1);
    assert.ok(!ids.includes(leaver));
    assert.equal(new Set(ids).size, ids.length);
    // A contract of one that is on record no more answers, what it left is counted as before, its failures are told.
    const answer = await client.ask({ kind: 'call', target: echo, method: null, args: ['hi'], limit_ms: 60_000 });
    assert.equal(answer, 'hi');
    assert.equal((await space.inspect()).failures, 3);
    const full = bytesOf(space) as number;
    // Its message is met by a program that asks the clock: on its account, which is known by its number alone.
    await deploy(
      client,
      'new box(`rho:powerbox`), left(`x:left`), rung(`x:rung`) in { for (@what <- left; t <- box!?("timer")) { for (_ <- t!?("now")) { rung!(what) } } }',
      { 'x:left': left, 'x:rung': rung },
    );
    assert.deepEqual(await take(client, rung), list([list(['what was left'])]));
    await space.quiescent();
    assert.ok((bytesOf(space) as number) < full);
    for await (const row of space.audit({ follow: false })) assert.equal(row.holder, 'alice', JSON.stringify(row));
    const used = bytesOf(space);
    const last = programs(space);
    await bench.close();
    // The next opening finds the same records and usage, and gives no number twice.
    const again = await open({ data, durability: 'os', quotas });
    assert.deepEqual(programs(again.space), last);
    assert.equal(bytesOf(again.space), used);
    const next = await deploy(again.client, 'Nil');
    assert.ok(next > Math.max(...last), `${next} after ${last.at(-1)}`);
    assert.equal(programs(again.space).length, KEPT + 1);
  });

  it('with a quota of its own, one stays as long as something of it is counted', async () => {
    const quotas = { holders: { alice: { bytes_max: 1_000_000, eachDeploy: { bytes_max: 10_000 } } } };
    const { space, client } = await open({ quotas });
    const [left] = (await client.names(1)) as [Capability];
    const leaver = await deploy(client, 'new left(`x:left`) in { left!("what was left") }', { 'x:left': left });
    await deployMany(client, 2 * KEPT);
    assert.deepEqual(programs(space).slice(0, 1), [leaver]);
    assert.ok((bytesOf(space, leaver) as number) > 0);
    assert.deepEqual(await take(client, left), list([list(['what was left'])]));
    await deployMany(client, KEPT);
    assert.ok(!programs(space).includes(leaver));
    assert.equal(programs(space).length, KEPT);
    // Nor is its purse: there are those of deploys that are on record, and the holder's.
    const onRecord = new Set<number | null>([null, ...space.deploys().map(({ id }) => id)]);
    for (const usage of space.usage()) assert.ok(onRecord.has(usage.deploy), JSON.stringify(usage));
  });

  it('a replay drops the same, also of atomic ones and from the middle of the record', async () => {
    const trace = new MemoryTrace();
    const { space, client } = await open({ trace, trace_keyframe_bytes: 20_000 });
    await deployMany(client, KEPT, 'new x in { x!(1) | for (_ <- x) { Nil } }');
    const atomic = { kind: 'deploy', name: 'one of many', uris: new Map<string, Value>(), atomic: true } as const;
    for (let count = 0; count < 8; count++) await client.ask({ ...atomic, text: 'Nil' });
    // One that fails takes a number and leaves no record.
    await assert.rejects(client.ask({ ...atomic, text: 'new x in { x!(1 + "a") }' }));
    await deployMany(client, KEPT);
    assert.equal(programs(space).length, KEPT);
    await client.ask({ kind: 'produce', channel: 'done', message: [1], ...none });
    await bench.close();
    await replays(trace.bytes());
  });
});
