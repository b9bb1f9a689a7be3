/**
 * Real nodes in processes of their own vote in two phases, and are killed with SIGKILL on the way: they agree all the
 * same, and each message was handled once.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeersConfigSource } from '../../src/capability/index.ts';
import { Random } from '../../src/platform/index.ts';
import { configurations } from '../resolvers/peers/support/nodes.ts';
import { program } from './build.ts';
import { onWholeLines } from './lines.ts';
import { exchangeProgram, outcomeOf, voterProgram, type VoterLine, type VoterOptions } from './votes.ts';

type Told = Extract<VoterLine, { readonly type: 'told' }>;

class Voter {
  decided = 0;
  asked = 0;
  readonly strange: VoterLine[] = [];
  readonly #process;
  readonly #closed: Promise<unknown>;
  readonly #listeners: (() => void)[] = [];
  #told: Told | null = null;
  #ended = false;

  constructor(options: VoterOptions) {
    this.#process = spawn(process.execPath, [...program('voter'), JSON.stringify(options)], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onWholeLines(this.#process.stdout, (text) => this.#hear(JSON.parse(text) as VoterLine));
    this.#process.stdin.on('error', () => {});
    this.#closed = new Promise<void>((resolve) =>
      this.#process.on('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      }),
    );
  }

  #hear(line: VoterLine): void {
    if (line.type === 'counts') ({ decided: this.decided, asked: this.asked } = line);
    else if (line.type === 'told') this.#told = line;
    else this.strange.push(line);
    this.#wake();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  async until(isSo: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (isSo()) resolve();
        else if (this.#ended || this.strange.length > 0) reject(new Error(`it ended: ${JSON.stringify(this.strange)}`));
      };
      this.#listeners.push(look);
      look();
    });
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }

  async tell(): Promise<Told> {
    this.#process.stdin.write('tell\n');
    await this.until(() => this.#told !== null);
    await this.#closed;
    return this.#told as Told;
  }
}

const SEED = Number(process.env['CRASH_SEED'] ?? 1);
const KILLS = Number(process.env['CRASH_PEERS_KILLS'] ?? 10);

describe('nodes that send each other messages', function () {
  this.timeout(300_000);
  const PROPOSALS = Array.from({ length: 24 }, (_, index) => index + 1);
  let directory: string;
  const voters: Voter[] = [];
  before(() => {
    program('voter');
    directory = mkdtempSync(join(tmpdir(), 'powerbox-votes-'));
  });
  after(async () => {
    for (const voter of voters) await voter.kill();
    rmSync(directory, { recursive: true, force: true });
  });

  it('come to one end when one after the other is killed in the middle of a two-phase vote', async () => {
    const config = await configurations('a', 'b', 'c');
    const start = (node: string): Voter => {
      const voter = new Voter({
        data: join(directory, node),
        config: config[node] as PeersConfigSource,
        program: voterProgram(node),
        proposals: node === 'a' ? PROPOSALS : [],
      });
      voters.push(voter);
      return voter;
    };
    let [a, b, c] = [start('a'), start('b'), start('c')];
    await b.until(() => b.decided >= 4);
    await b.kill();
    b = start('b');
    await c.until(() => c.decided >= 10);
    await Promise.all([a.kill(), c.kill()]);
    [a, c] = [start('a'), start('c')];
    await a.until(() => a.decided >= 16);
    await a.kill();
    a = start('a');
    for (const voter of [a, b, c]) await voter.until(() => voter.decided >= PROPOSALS.length);
    // What is on the way still has a little way to go; one that came twice would come now.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [toldA, toldB, toldC] = [await a.tell(), await b.tell(), await c.tell()];
    const agreed = PROPOSALS.map((proposal) => [proposal, outcomeOf(proposal)]);
    const sorted = (messages: readonly unknown[][]): unknown[][] =>
      messages.toSorted(([left], [right]) => Number(left) - Number(right));
    for (const { decided, strange } of [toldA, toldB, toldC]) {
      assert.deepEqual(sorted([...decided] as unknown[][]), agreed);
      assert.deepEqual(strange, []);
    }
    for (const { asked } of [toldB, toldC]) {
      assert.deepEqual(
        sorted([...asked] as unknown[][]),
        PROPOSALS.map((proposal) => [proposal]),
      );
    }
    assert.deepEqual(toldA.asked, []);
  });

  it(`hear each message once, through ${KILLS} kills of either at any time`, async () => {
    const random = new Random(SEED, 14);
    const config = await configurations('left', 'right');
    const sent = Array.from({ length: 200 }, (_, index) => index + 1);
    const start = (node: 'left' | 'right'): Voter => {
      const voter = new Voter({
        data: join(directory, node),
        config: config[node] as PeersConfigSource,
        program: exchangeProgram(node === 'left' ? 'right' : 'left'),
        proposals: sent,
      });
      voters.push(voter);
      return voter;
    };
    const nodes = { left: start('left'), right: start('right') };
    for (let kill = 0; kill < KILLS; kill++) {
      const node = random.chance(0.5) ? 'left' : 'right';
      const had = nodes[node].decided;
      const more = random.below(25);
      // Some way into its work, or anywhere at all when the work is done.
      await nodes[node].until(
        () => nodes[node].decided >= Math.min(had + more, sent.length) && nodes[node].decided > 0,
      );
      await new Promise((resolve) => setTimeout(resolve, random.below(30)));
      await nodes[node].kill();
      nodes[node] = start(node);
    }
    // That a message has arrived is known to who sent it a while later, and to nobody once the other one has left.
    for (const node of [nodes.left, nodes.right])
      await node.until(() => node.decided >= sent.length && node.asked >= sent.length);
    // One that came twice would come now.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const numbers = (messages: readonly (readonly unknown[])[]): number[] =>
      messages.map(([number]) => Number(number)).toSorted((left, right) => left - right);
    for (const told of [await nodes.left.tell(), await nodes.right.tell()]) {
      assert.deepEqual(numbers(told.decided), sent, 'messages that arrived');
      assert.deepEqual(numbers(told.asked), sent, 'messages of which the arrival was answered');
      assert.deepEqual(told.strange, []);
    }
  });
});
