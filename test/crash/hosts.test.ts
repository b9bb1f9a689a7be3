/**
 * A node and a host with a store of its own, in real processes, killed with SIGKILL at every step of what they do
 * together. `CRASH_HOST_KILLS` is how many kills; in CI two hundred.
 */
import assert from 'node:assert/strict';
import { DISPATCH_FAILPOINTS } from '../../src/dispatch/index.ts';
import { type HostsResult, hostsDirectory, noKills } from './hosts.ts';
import { program } from './build.ts';

const KILLS = Number(process.env['CRASH_HOST_KILLS'] ?? (process.env['CI'] === undefined ? 20 : 200));
const AT_ONCE = 3;
const SEED = Number(process.env['CRASH_HOST_SEED'] ?? 1);

describe('a host with a store and its node, killed on the way', function () {
  this.timeout(1_800_000);

  before(() => [program('hosts'), program('ledger')]);

  it(`agree on every change, through ${KILLS} kills of one or the other`, async () => {
    const sum = { nodeKills: 0, hostKills: 0, refused: 0, dropped: 0 };
    const nodeKilledAt = noKills();
    let seed = SEED;
    // Directory by directory, as many side by side as keep a machine of two cores busy.
    const rounds = Array.from({ length: AT_ONCE }, async () => {
      while (sum.nodeKills + sum.hostKills < KILLS) {
        const result: HostsResult = await hostsDirectory(seed++);
        for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result[key];
        for (const at of DISPATCH_FAILPOINTS) nodeKilledAt[at] += result.nodeKilledAt[at];
      }
    });
    await Promise.all(rounds);
    assert.ok(sum.nodeKills > 0 && sum.hostKills > 0, `only one of them was killed: ${JSON.stringify(sum)}`);
    // Six directories begin with each moment once; in fewer there may be none that had to be dropped.
    if (seed - SEED < 2 * DISPATCH_FAILPOINTS.length) return;
    assert.ok(sum.dropped > 0, 'nothing that was prepared had to be dropped: the kills prove little');
    const seldom = DISPATCH_FAILPOINTS.filter((at) => nodeKilledAt[at] === 0);
    assert.deepEqual(seldom, [], 'moments at which no node was killed');
  });
});
