/**
 * Sessions that do anything in any order, over a real service, recorded: a replay without them comes to the same, from the
 * beginning and from the middle, and no query or estimate between changes a row. `SESSIONS_SEED` runs one seed again.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { internalsOf, type Space } from '../../src/embedding/index.ts';
import type { RunningService } from '../../src/service/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { encodeValue, list, tuple, type Value, Wildcard } from '../../src/values/index.ts';
import { Capability, Reference, type SessionKey } from '../../src/wire/index.ts';
import { replays } from '../trace/support.ts';
import type { Ask, RawClient } from './raw-client.ts';
import { Bench } from './support.ts';

const SEED = Number(process.env['SESSIONS_SEED'] ?? 1);
const RUNS = Number(process.env['SESSIONS_RUNS'] ?? 60);
const V2 = { versions: [2] };
const HOLDERS = ['alice', 'alice', 'bob'];
/** Nothing here hangs on time: what waits, waits until it is met, cancelled, or its session ends. */
const LONG_MS = 3_600_000;
const CHANNELS: readonly Value[] = ['a', 'b', 7, list(['a', 1])];
/** What lies here stays, and is only looked at: a contract that met such a message would go on for ever. */
const BOARD = 'board';
const MESSAGES: readonly (readonly Value[])[] = [[1], [2, 'two'], ['go', list([1, 2])], [tuple(['x', null])], []];
const PATTERNS: readonly Value[] = [null, list([1]), list([Wildcard.the]), list([], Wildcard.the)];

/** They end by themselves; some wait for each other, some stay. */
const PROGRAMS = [
  'Nil',
  '@"a"!(1) | @"b"!(2, "two")',
  'for (@x <- @"a"; @y <- @7) { @"b"!(x, y) }',
  'contract @"a"(@x, @y) = { @"b"!(y) }',
  'new held(`x:held`) in { held!("from a program", *held) | for (@x <- held) { @7!(x) } }',
  'new held(`x:held`) in { contract held(@x, ret) = { ret!([x, *held]) } }',
  'new box(`rho:powerbox`) in { for (t <- box!?("timer")) { for (@now <- t!?("now")) { @"a"!(now > 0) } } }',
  'for (@x <<- @"a") { @"b"!(x) } | for (@x <- @[ "a", 1 ]) { @7!(x) }',
  '@"b"!(1 + "no number")',
  'new x in {',
] as const;
const QUESTIONS = [
  'new answer(`rho:answer`) in { answer!(1 + 1) }',
  'new answer(`rho:answer`) in { for (@x <- @"a") { answer!(x) | @"b"!(x) } }',
  'new answer(`rho:answer`), held(`x:held`) in { for (ret <- held) { answer!(*ret) } | held!(1) }',
  '@"a"!(1, 2) | for (@x <- @7) { @"b"!(x) } | contract @"b"(@x) = { @7!(x) }',
  'new box(`rho:powerbox`) in { for (t <- box!?("timer")) { for (@n <- t!?("now")) { @"a"!(n) } } }',
  '@"b"!(1 + "no number")',
] as const;

const KINDS = [
  ...([
    'produce',
    'produce',
    'produce',
    'take',
    'peek',
    'consume',
    'watch',
    'call',
    'deploy',
    'deploy',
    'atomic',
  ] as const),
  ...(['names', 'attenuate', 'release', 'cancel', 'credit', 'reconnect', 'query', 'query', 'estimate', 'end'] as const),
];
type Kind = (typeof KINDS)[number];

interface Step {
  readonly who: number;
  readonly kind: Kind;
  /** Which of the things that there are then. */
  readonly dice: readonly [number, number, number];
}

const steps = fc.array(
  fc.record<Step>({
    who: fc.nat({ max: HOLDERS.length - 1 }),
    kind: fc.constantFrom(...KINDS),
    dice: fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat({ max: 999 })),
  }),
  { minLength: 10, maxLength: 40 },
);

const one = <T>(things: readonly T[], dice: number): T => things[dice % things.length] as T;

/** A session, and what its client knows. */
class Actor {
  readonly #bench: Bench;
  readonly #service: RunningService;
  readonly #holder: string;
  #client: RawClient | null = null;
  /** Said only once, when the session is new. */
  #key: SessionKey | null = null;
  #handled = 0;
  /** Ids that were used. */
  #asked: number[] = [];
  #held: Capability[] = [];

  constructor(bench: Bench, service: RunningService, holder: string) {
    this.#bench = bench;
    this.#service = service;
    this.#holder = holder;
  }

  /** A session, where there is none. */
  async enter(): Promise<void> {
    if (this.#client !== null) return;
    this.#client = await this.#bench.connect(this.#service, { ...V2, token: this.#holder });
    this.#key = this.#client.key(0);
    this.#asked = [];
    this.#handled = 0;
    this.#held = [];
  }

  /** Resolves when it has been applied, whatever has come of it. */
  async step({ kind, dice: [first, second, third] }: Step): Promise<void> {
    const client = this.#client as RawClient;
    const target = this.#channel(first);
    const uris = new Map<string, Value>([['x:held', target]]);
    const slots = Array.from({ length: 1 + (third % 2) }, (_, index) => ({
      channel: index === 0 ? target : this.#channel(second),
      pattern: one(PATTERNS, second),
      peek: kind === 'peek' || third % 7 === 0,
    }));
    const earlier = one([...this.#asked, 1], second);
    // A take of no time is over in its turn; a call of none would be over a moment later.
    const limit_ms = kind === 'call' ? one([null, LONG_MS], third) : one([0, 0, null, LONG_MS], third);
    switch (kind) {
      case 'produce': {
        const message = [...one(MESSAGES, second)];
        if (third % 3 === 0) message.push(this.#channel(third));
        if (third % 5 === 0) message.push(new Reference(earlier, []));
        const lease_ms = third % 4 === 0 ? LONG_MS : null;
        const persist = third % 6 === 0;
        return this.#ask({ kind, channel: persist ? BOARD : target, message, persist, lease_ms });
      }
      case 'peek':
        if (first % 3 === 0)
          return this.#ask({ kind, slots: [{ channel: BOARD, pattern: null, peek: true }], limit_ms });
        return this.#ask({ kind, slots, limit_ms });
      case 'take':
        return this.#ask({ kind, slots, limit_ms });
      case 'consume':
        return this.#ask({ kind, slots, persist: third % 2 === 0, credit: third % 4 });
      case 'watch':
        return this.#ask({ kind, channel: first % 3 === 0 ? BOARD : target, credit: third % 4 });
      case 'call':
        return this.#ask({ kind, target, method: one([null, 'methods', 'go'], second), args: ['hi'], limit_ms });
      case 'deploy':
      case 'atomic':
        return this.#ask({ kind: 'deploy', text: one(PROGRAMS, second), name: '', uris, atomic: kind === 'atomic' });
      case 'names':
        return this.#ask({ kind, count: 1 + (first % 2) });
      case 'attenuate':
        return this.#ask({ kind, capability: target, read: first % 2 === 0, write: second % 2 === 0 });
      case 'release':
        return this.#ask({ kind, capabilities: [target], handled: client.newest });
      case 'cancel':
        return this.#ask({ kind, of: earlier });
      case 'credit':
        return this.#ask({ kind, of: earlier, more: 1 + (third % 3), ...(second % 3 === 0 ? { anew: true } : {}) });
      case 'query':
      case 'estimate':
        return this.#ask({ kind, text: one(QUESTIONS, second), name: '', uris, limit_ms: null, cost_max: null }, true);
      case 'reconnect': {
        if (first % 2 === 0) this.#handled = client.newest;
        await client.drop();
        const session = { ...(this.#key as SessionKey), handled: this.#handled };
        this.#client = await this.#bench.connect(this.#service, { ...V2, token: this.#holder, session });
        assert.equal(this.#client.welcome?.resumed, true);
        return;
      }
      case 'end': {
        client.say({ kind: 'end' });
        await client.closed;
        this.#client = null;
        return;
      }
      default:
        kind satisfies never;
    }
  }

  #channel(dice: number): Value {
    const powerbox = this.#client?.powerbox;
    const held = [...this.#held, ...(powerbox === undefined ? [] : [powerbox])];
    return dice % 3 === 0 ? one(CHANNELS, dice) : one([...held, ...CHANNELS], dice);
  }

  async #ask(ask: Ask, isAnswered = false): Promise<void> {
    const client = this.#client as RawClient;
    const id = client.id();
    client.say({ ...ask, id } as Parameters<RawClient['say']>[0]);
    this.#asked.push(id);
    await client.until(
      (message) =>
        (message.kind === 'applied' && message.id >= id && !isAnswered) ||
        ((message.kind === 'deliver' || message.kind === 'error') && message.id === id),
    );
    for (const message of client.came) if (message.kind === 'deliver') this.#keep(message.value);
  }

  #keep(value: Value): void {
    if (value instanceof Capability) {
      if (this.#held.length < 8) this.#held.push(value);
    } else if (value !== null && typeof value === 'object' && 'items' in value)
      for (const item of value.items) this.#keep(item as Value);
  }
}

/** All that lies, waits and is on record, but for what a session itself was asked and answered. */
async function rowsOf(space: Space): Promise<unknown> {
  const { engine } = internalsOf(space);
  const { channels, truncated, pending, failures } = await space.inspect();
  assert.equal(truncated, false);
  const facts = [...engine.facts('')].filter(([key]) => !key.startsWith('ws/'));
  return {
    channels,
    pending,
    failures,
    deploys: space.deploys().map(({ id }) => id),
    facts: facts.map(([key, value]) => [key, Buffer.from(encodeValue(value)).toString('hex')]),
  };
}

async function run(plan: readonly Step[]): Promise<void> {
  const bench = new Bench();
  const trace = new MemoryTrace();
  try {
    const space = await bench.space({ trace, trace_keyframe_bytes: 30_000, onFailure: () => {} });
    const service = await bench.serve(space);
    const actors = HOLDERS.map((holder) => new Actor(bench, service, holder));
    for (const step of plan) {
      const actor = actors[step.who] as Actor;
      await actor.enter();
      const isQuestion = step.kind === 'query' || step.kind === 'estimate';
      await space.quiescent();
      const before = isQuestion ? await rowsOf(space) : null;
      await actor.step(step);
      if (isQuestion) assert.deepEqual(await rowsOf(space), before, `after ${step.kind}`);
    }
    await space.quiescent();
  } finally {
    await bench.close();
  }
  await replays(trace.bytes());
}

describe('random sessions', function () {
  this.timeout(600_000);

  it(`of ${RUNS} services with any operations, each replays to the same; queries between change nothing (seed ${SEED})`, async () => {
    await fc.assert(fc.asyncProperty(steps, run), { numRuns: RUNS, seed: SEED, endOnFailure: true });
  });
});
