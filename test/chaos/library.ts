/**
 * Programs that use the client of the package over bad lines to a server that is killed: each promise that the client gives
 * is held or the campaign fails. Run by the suite and by `npm run soak:chaos -- --library`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/node.ts';
import { randomOf } from '../fuzz/frames.ts';
import { Actor, boxOf, CELLS } from './actor.ts';
import { Ledger } from './ledger.ts';
import { BadLine } from './line.ts';
import { HASTE, Mortal } from './mortal.ts';
import { type ChaosPlant, Server, STEP_MS_MAX, until } from './server.ts';

export interface LibraryOptions {
  readonly seed: number;
  readonly clients: number;
  /** Times at which the server is killed and started again. */
  readonly serverKills: number;
  /** What each client does. */
  readonly steps: number;
  readonly plant?: ChaosPlant;
}

export interface LibraryResult {
  readonly cuts: number;
  readonly serverKills: number;
  readonly clientKills: number;
  /** The least of the connections with which one client has gone on. */
  readonly resumed: number;
  /** What came to its end, by kind. */
  readonly ended: Readonly<Record<string, number>>;
}

const HOLDERS = 10;
/** Of so many clients one is a reader that is killed. */
const MORTAL_EVERY = 4;

export async function libraryChaos(options: LibraryOptions): Promise<LibraryResult> {
  const { seed, clients, serverKills, steps, plant } = options;
  const directory = mkdtempSync(join(tmpdir(), 'powerbox-chaos-'));
  const server = new Server(join(directory, 'space'), plant);
  try {
    return await campaign(options, server);
  } catch (error) {
    const line = `run it again: npm run soak:chaos -- --library --seed ${seed} --clients ${clients} --kills ${serverKills} --requests ${steps}${plant === undefined ? '' : ` --plant ${plant}`}`;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${line}`, { cause: error });
  } finally {
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function campaign(options: LibraryOptions, server: Server): Promise<LibraryResult> {
  const { seed, clients, serverKills, steps } = options;
  const random = randomOf(seed);
  const ledger = new Ledger();
  await server.start();
  const line = await BadLine.open(() => server.port, random);
  line.calm = true;
  const url = `ws://127.0.0.1:${line.port}`;
  const mortals: Mortal[] = [];
  const actors: Actor[] = [];
  const resumed = new Map<Actor, number>();
  let isOver = false;
  try {
    for (let index = 0; index < Math.ceil(clients / MORTAL_EVERY); index++) {
      const mortal = new Mortal(`mortal ${index}`, url, `holder${index % HOLDERS}`, ledger, random);
      mortals.push(mortal);
      await mortal.start();
    }
    for (let index = 0; index < clients; index++) {
      const box = await connect(url, { token: `holder${index % HOLDERS}`, client: `actor ${index}`, ...HASTE });
      const names = mortals.map(({ name }) => name);
      const actor = new Actor({ index, actors: clients, box, ledger, random, steps, mortals: names });
      actors.push(actor);
      box.on('unheard', (error) => ledger.broken(`nobody asked client ${index}`, error));
      box.on('state', (state) => {
        if (state.state !== 'connected') return;
        if (!state.resumed) ledger.broken(`client ${index} has lost its session`);
        resumed.set(actor, (resumed.get(actor) ?? 0) + 1);
      });
    }
    const [first] = actors as [Actor];
    await first.box.deploy(CELLS, { name: 'cells' });
    line.calm = false;
    let done = false;
    const lives = Promise.all(actors.map((actor) => actor.live())).then(() => {
      done = true;
    });
    const killing = killAll(mortals, random, () => done || isOver || ledger.failures.length > 0);
    let kills = 0;
    for (; kills < serverKills; kills++) {
      const left = clients * steps * (1 - (kills + 0.5 + random() * 0.5) / (serverKills + 1));
      await until(() => ledger.failures.length > 0 || actors.reduce((sum, actor) => sum + actor.left, 0) <= left);
      assert.equal(server.failure, null);
      await server.kill();
      await server.start();
    }
    await settled(() => done, actors, ledger);
    ledger.judge();
    await lives;
    await killing;
    line.calm = true;
    // A line that was cut a moment ago may not have been missed yet; one that has carried an answer since is good.
    const boxes = [...actors.map(({ box }) => box), ...mortals.flatMap(({ box }) => (box === undefined ? [] : [box]))];
    for (const box of boxes) assert.equal(await box.take('nothing is here'), null);
    const read = [...actors.map((_, index) => boxOf(index)), ...mortals.map(({ name }) => name)];
    await settled(() => read.every((box) => ledger.unread(box) === 0), actors, ledger);
    for (const mortal of mortals) await mortal.close();
    await Promise.all(actors.map((actor) => actor.leave()));
    await settled(() => actors.every(({ box }) => box.unanswered === 0), actors, ledger);
    await judge(first, actors, mortals, ledger);
    // Everything was given back: nothing is held but what is given to everybody.
    await eventually(async () => {
      const { held } = await server.counts();
      return held === 0 ? null : `${held} names are held that were given back`;
    });
    await Promise.all(actors.map(({ box }) => box.close()));
    await eventually(async () => {
      const { sessions } = await server.counts();
      return sessions === 0 ? null : `${sessions} sessions are kept that were ended`;
    });
    await server.stop();
    return {
      cuts: line.cuts,
      serverKills: kills,
      clientKills: mortals.reduce((sum, mortal) => sum + mortal.kills, 0),
      resumed: Math.min(...actors.map((actor) => resumed.get(actor) ?? 0)),
      ended: Object.fromEntries(ledger.ended),
    };
  } finally {
    isOver = true;
    line.calm = true;
    await Promise.all([...actors.map(({ box }) => box.close()), ...mortals.map((mortal) => mortal.close())]);
    await line.close();
  }
}

/** Each once for certain, and on as long as the others live. */
async function killAll(mortals: readonly Mortal[], random: () => number, isOver: () => boolean): Promise<void> {
  for (let round = 0; round === 0 || !isOver(); round++)
    for (const mortal of mortals) {
      await new Promise((resolve) => setTimeout(resolve, random() * 100));
      if (round > 0 && isOver()) return;
      await mortal.kill();
    }
}

/** Waits while anything comes to its end; what never does is told by what it is. */
async function settled(what: () => boolean, actors: readonly Actor[], ledger: Ledger): Promise<void> {
  let ended = -1;
  for (let since_ms = performance.now(); !what() && ledger.failures.length === 0; ) {
    const now = [...ledger.ended.values()].reduce((sum, count) => sum + count, 0);
    if (now !== ended) since_ms = performance.now();
    ended = now;
    if (performance.now() - since_ms > STEP_MS_MAX) {
      const open = actors.map((actor) => `${actor.open}+${actor.box.unanswered}`).join(' ');
      throw new Error(`somebody waits for what never comes: ${open}; unread: ${ledger.allUnread()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function eventually(what: () => Promise<string | null>): Promise<void> {
  const begun_ms = performance.now();
  for (;;) {
    const why = await what();
    if (why === null) return;
    assert(performance.now() - begun_ms < STEP_MS_MAX, why);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function judge(
  { box }: Actor,
  actors: readonly Actor[],
  mortals: readonly Mortal[],
  ledger: Ledger,
): Promise<void> {
  for (let isThere = true; isThere; ) {
    const invoked = performance.now();
    const found = await box.take('bag');
    ledger.taken(found?.[0] ?? null, invoked);
    isThere = found !== null;
  }
  const marks: unknown[] = [];
  for (let mark = await box.take('marks'); mark !== null; mark = await box.take('marks')) marks.push(mark[0]);
  ledger.judgeMarks(marks);
  ledger.judgeBag();
  for (const [index, { isFickle }] of actors.entries()) ledger.judgeBox(boxOf(index), isFickle ? 'once' : 'ordered');
  for (const { name } of mortals) ledger.judgeBox(name, 'again');
  for (const name of [...actors.map((_, index) => boxOf(index)), ...mortals.map((mortal) => mortal.name)]) {
    const left = await box.take(name);
    if (left !== null) ledger.broken(`${name}: ${JSON.stringify(left)} is still there`);
  }
  ledger.judge();
}
