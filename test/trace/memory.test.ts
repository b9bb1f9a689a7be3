/** A trace is shown in little memory, however large its messages and commits are, and however long it is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpace } from '../../src/embedding/index.ts';

const MESSAGE_CHARS = 1_000_000;
/** Sent at once, so that they are one commit, and stand in the space until their tasks have run. */
const AT_ONCE = 64;
/** Sent one after the other: each is gone before the next one comes. */
const AFTERWARDS = 160;
/** Beside what loading the program took at most: the commit, its messages in the space and garbage, and not what goes by. */
const GROWTH_MIB_MAX = 180;

/** Prints how many turns it was shown, and the most MiB that were resident, at first and at last. */
const SHOWN = `
  import { readFileSync } from 'node:fs';
  import { showTrace } from '${new URL('../../src/embedding/index.ts', import.meta.url)}';
  // Of this program alone: the most that a process is said to have had begins with that of the one that started it.
  const most = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) >> 10;
  const first = most();
  let turns = 0;
  for await (const { events } of showTrace(process.argv[1])) turns += events.length > 0 ? 1 : 0;
  process.stdout.write(JSON.stringify({ turns, first, last: most() }));
`;

describe('the memory that a trace takes', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-trace-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('is that of the space, and not that of a commit of 64 MB or of the 224 MB of all messages', async () => {
    const trace = join(directory, 'large.trace');
    const space = await openSpace({ trace, grants: { stdio: false } });
    await space.run('contract @"in"(@n, @x) = { @"got"!(n, x.length()) }');
    const produce = (n: number): Promise<void> => space.produce('in', [n, `${n % 10}`.repeat(MESSAGE_CHARS)]);
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => produce(n)));
    for (let n = 0; n < AFTERWARDS; n++) await produce(n);
    await space.quiescent();
    await space.close();
    // So little is there for strings that what is not let go of would end the process.
    const limited = ['--max-old-space-size=160', '--import', 'tsx', '--input-type=module', '--eval', SHOWN, trace];
    const { stdout, stderr, status } = spawnSync(process.execPath, limited, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const { turns, first, last } = JSON.parse(stdout) as { turns: number; first: number; last: number };
    assert.ok(turns > 2 * (AT_ONCE + AFTERWARDS), `${turns} turns`);
    assert.ok(last - first < GROWTH_MIB_MAX, `from ${first} to ${last} MiB`);
  });
});
