/**
 * Worlds of holders, programs and messages, made at random: nobody holds what the rules of introduction do not give
 * them. A model follows what each may know by parenthood, endowment and introduction alone; whatever comes to a holder
 * must be just that, and whatever else is tried is refused. `POWERBOX_WORLDS=100000` runs as many.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { internalsOf } from '../../src/embedding/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { SpaceDesk } from '../../src/service/desk.ts';
import type { Ask, Operations } from '../../src/service/operations.ts';
import { bundle, type List, list, map, type Value } from '../../src/values/index.ts';
import { Capability } from '../../src/wire/index.ts';
import { Bench } from './support.ts';

const WORLDS = Number(process.env['POWERBOX_WORLDS'] ?? 150);
const HOLDERS = ['alice', 'bob', 'carol'] as const;
const READ = 1;
const WRITE = 2;

/** What the model knows of a channel: which one, and what may be done there. */
interface Known {
  readonly channel: number;
  readonly rights: number;
}

/** One step, in numbers that a world gives meaning to: so that every sequence is one. */
interface Step {
  readonly kind: 'make' | 'send' | 'take' | 'less' | 'steal' | 'bend' | 'release' | 'program';
  readonly who: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const step: fc.Arbitrary<Step> = fc.record(
  {
    kind: fc.constantFrom(
      'make',
      'send',
      'send',
      'send',
      'take',
      'take',
      'take',
      'less',
      'steal',
      'bend',
      'release',
      'program',
    ),
    who: fc.nat(HOLDERS.length - 1),
    a: fc.nat(1000),
    b: fc.nat(1000),
    c: fc.nat(1000),
  },
  { noNullPrototype: true },
);

/** A holder in a world: what it was given, by what the model calls it. */
class Player {
  readonly held = new Map<string, Capability>();
  readonly known: Known[] = [];
  readonly released: Capability[] = [];
  constructor(readonly operations: Operations) {}

  /** What came must be what the model says, and the same token whenever it says the same. */
  receive(known: Known, came: Value): void {
    assert.ok(came instanceof Capability, 'a channel came as something else');
    assert.equal((came.readable ? READ : 0) | (came.writable ? WRITE : 0), known.rights);
    const key = `${known.channel}/${known.rights}`;
    const before = this.held.get(key);
    if (before === undefined) {
      for (const other of this.held.values()) assert.notDeepEqual(other.token, came.token);
      this.known.push(known);
      this.held.set(key, came);
    } else assert.deepEqual(before.token, came.token);
  }

  pick(at: number, right = 0): readonly [Known, Capability] | null {
    const fitting = this.known.filter(({ rights }) => (rights & right) === right);
    if (fitting.length === 0) return null;
    const known = fitting[at % fitting.length] as Known;
    return [known, this.held.get(`${known.channel}/${known.rights}`) as Capability];
  }
}

class World {
  readonly #number: number;
  readonly #players: readonly Player[];
  readonly #messages = new Map<number | string, Known[][]>();
  /** From a channel to another, once: programs that wait there, oldest first. */
  readonly #programs = new Map<number | string, number[]>();
  #channels = 0;

  constructor(number: number, operations: readonly Operations[]) {
    this.#number = number;
    this.#players = operations.map((one) => new Player(one));
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const one of steps) await this.#step(one);
    await this.#everythingElseIsRefused();
    for (const { operations, held } of this.#players)
      await operations.ask({ kind: 'release', capabilities: [...held.values()], handled: Number.MAX_SAFE_INTEGER });
  }

  #step(one: Step): Promise<void> {
    const player = this.#players[one.who] as Player;
    switch (one.kind) {
      case 'make':
        return this.#make(player);
      case 'send':
        return this.#send(player, one);
      case 'take':
        return this.#take(player, one);
      case 'less':
        return this.#less(player, one);
      case 'steal':
        return this.#steal(player, one);
      case 'bend':
        return this.#bend(player, one);
      case 'release':
        return this.#release(player, one);
      case 'program':
        return this.#program(player, one);
    }
  }

  async #make(player: Player): Promise<void> {
    const names = (await player.operations.ask({ kind: 'names', count: 1 })) as List;
    player.receive({ channel: this.#channels++, rights: READ | WRITE }, names.items[0] as Value);
  }

  /** A channel of the holder's, or a public one that all know. */
  #place(player: Player, at: number, right: number): readonly [number | string, Value] {
    const own = at % 3 === 0 ? null : player.pick(at, right);
    if (own !== null) return [own[0].channel, own[1]];
    const name = `world ${this.#number} ${at % 2}`;
    return [name, name];
  }

  async #send(player: Player, { a, b, c }: Step): Promise<void> {
    const [place, channel] = this.#place(player, a, WRITE);
    const said: Known[] = [];
    const parts: Value[] = [];
    for (const at of [b, c].slice(0, b % 3)) {
      const picked = player.pick(at);
      if (picked === null) continue;
      const [known, capability] = picked;
      // A client may put a bundle around what it has: that takes away, and never adds.
      const kept = at % 4;
      said.push({ channel: known.channel, rights: known.rights & kept });
      parts.push(bundle(capability, (kept & READ) !== 0, (kept & WRITE) !== 0));
    }
    const message = [list(parts.map((part, index) => (index % 2 === 0 ? part : map([['in', part]]))))];
    await player.operations.ask({ kind: 'produce', channel, message, persist: false, lease_ms: null });
    this.#arrive(place, said);
  }

  #arrive(place: number | string, said: Known[]): void {
    const programs = this.#programs.get(place);
    const next = programs?.shift();
    if (next !== undefined) {
      this.#arrive(next, said);
      return;
    }
    const waiting = this.#messages.get(place) ?? [];
    waiting.push(said);
    this.#messages.set(place, waiting);
  }

  async #take(player: Player, { a }: Step): Promise<void> {
    const [place, channel] = this.#place(player, a, READ);
    const waiting = this.#messages.get(place) ?? [];
    // Where the model knows of a message, a program may just be about to pass it on.
    const limit_ms = waiting.length > 0 ? 60_000 : 0;
    const slots = [{ channel, pattern: null, peek: false }];
    const found = (await player.operations.ask({ kind: 'take', slots, limit_ms })) as List | null;
    const expected = waiting.shift();
    if (expected === undefined) {
      assert.equal(found, null);
      return;
    }
    assert.ok(found !== null, 'a message has not come');
    const [said] = (found.items[0] as List).items as [List];
    assert.equal(said.items.length, expected.length);
    for (const [index, known] of expected.entries()) {
      const item = said.items[index] as Value;
      player.receive(known, index % 2 === 0 ? item : ((item as { items: readonly Value[] }).items[0] as Value));
    }
  }

  async #less(player: Player, { a, b }: Step): Promise<void> {
    const picked = player.pick(a);
    if (picked === null) return;
    const [known, capability] = picked;
    const kept = b % 4;
    const ask: Ask = { kind: 'attenuate', capability, read: (kept & READ) !== 0, write: (kept & WRITE) !== 0 };
    player.receive({ channel: known.channel, rights: known.rights & kept }, await player.operations.ask(ask));
  }

  /** Another holder's token, or one of one's own with other bits: neither is anything. */
  async #steal(player: Player, { a, b }: Step): Promise<void> {
    const other = this.#players[(this.#players.indexOf(player) + 1 + (a % 2)) % this.#players.length] as Player;
    const picked = other.pick(b);
    if (picked !== null) await refused(player, picked[1]);
  }

  async #bend(player: Player, { a, b, c }: Step): Promise<void> {
    const picked = player.pick(a);
    if (picked === null) return;
    const token = new Uint8Array(picked[1].token);
    token[b % token.length] = (token[b % token.length] as number) ^ (1 << (c % 8));
    // With another holder's, or this one's, rights it may be a token that was given: that is no theft.
    const isGiven = [...player.held.values()].some(({ token: held }) => Buffer.from(held).equals(token));
    if (!isGiven) await refused(player, new Capability(token));
  }

  async #release(player: Player, { a }: Step): Promise<void> {
    const picked = player.pick(a);
    if (picked === null) return;
    const [known, capability] = picked;
    await player.operations.ask({ kind: 'release', capabilities: [capability], handled: Number.MAX_SAFE_INTEGER });
    player.known.splice(player.known.indexOf(known), 1);
    player.held.delete(`${known.channel}/${known.rights}`);
    await refused(player, capability);
  }

  /** A program that is endowed with two channels, and passes on from one to the other what it is told, once. */
  async #program(player: Player, { a, b }: Step): Promise<void> {
    const source = player.pick(a, READ);
    const target = player.pick(b, WRITE);
    if (a % 4 !== 0 || source === null || target === null || source[0].channel === target[0].channel) return;
    const text = 'new from(`app:from`), to(`app:to`) in { for (@x <- from) { to!(x) } }';
    const uris = new Map<string, Value>([
      ['app:from', source[1]],
      ['app:to', target[1]],
    ]);
    await player.operations.ask({ kind: 'deploy', text, name: 'pass on', uris });
    const waiting = this.#messages.get(source[0].channel)?.shift();
    if (waiting !== undefined) {
      this.#arrive(target[0].channel, waiting);
      return;
    }
    const programs = this.#programs.get(source[0].channel) ?? [];
    programs.push(target[0].channel);
    this.#programs.set(source[0].channel, programs);
    await this.#settled();
  }

  /** Until the program waits: a turn after its deploy. */
  async #settled(): Promise<void> {
    for (const { operations } of this.#players)
      await operations.ask({ kind: 'names', count: 1 }).then((names) => this.#giveBack(operations, names));
  }

  async #giveBack(operations: Operations, names: Value): Promise<void> {
    await operations.ask({ kind: 'release', capabilities: (names as List).items, handled: Number.MAX_SAFE_INTEGER });
  }

  async #everythingElseIsRefused(): Promise<void> {
    for (const player of this.#players)
      for (const other of this.#players) {
        if (other === player) continue;
        for (const capability of other.held.values()) await refused(player, capability);
      }
    for (const player of this.#players)
      for (const known of player.known) {
        const capability = player.held.get(`${known.channel}/${known.rights}`) as Capability;
        if ((known.rights & READ) === 0) await refused(player, capability, 'take');
        if ((known.rights & WRITE) === 0) await refused(player, capability, 'produce');
      }
  }
}

async function refused({ operations }: Player, capability: Capability, only?: 'take' | 'produce'): Promise<void> {
  const slots = [{ channel: capability, pattern: null, peek: false }];
  const asks: readonly Ask[] = [
    { kind: 'take', slots, limit_ms: 0 },
    { kind: 'produce', channel: capability, message: [], persist: false, lease_ms: null },
  ];
  for (const ask of asks) {
    if (only !== undefined && ask.kind !== only) continue;
    await assert.rejects(operations.ask(ask), (error) => isPowerboxError(error) && error.code === 'capability_refused');
  }
}

describe('in every world', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it(`nobody holds what nobody gave them (${WORLDS} worlds)`, async function () {
    this.timeout(Math.max(300_000, WORLDS * 300));
    const space = await bench.space();
    const desk = new SpaceDesk('default', space, true);
    const operations = await Promise.all(HOLDERS.map((holder) => desk.operations(holder)));
    let world = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) =>
        new World(world++, operations).run(steps),
      ),
      { numRuns: WORLDS, endOnFailure: true },
    );
    for (const holder of HOLDERS)
      assert.equal(internalsOf(space).sessions.holder(holder)?.holdings.count, 1, 'what was released is gone');
  });
});
