/**
 * Many clients at one service over real sockets, whose lines are cut, who are killed, and whose server is killed, at
 * random; and the laws that hold over everything that they saw. Run by the suite and by `npm run soak:chaos`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { List, type Value } from '../../src/values/index.ts';
import { randomOf } from '../fuzz/frames.ts';
import { type BagOperation, bagViolations } from './bag.ts';
import { type ChaosPlant, Server, shuffled, STEP_MS_MAX, until } from './server.ts';
import { type Delivered, type Watcher, WireClient } from './wire-client.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly clients: number;
  /** Times at which the server is killed and started again. */
  readonly serverKills: number;
  /** Requests of each client. */
  readonly requests: number;
  /** A bug that the server has, to see whether it is found. */
  readonly plant?: ChaosPlant;
}

export interface ChaosResult {
  readonly sent: number;
  readonly taken: number;
  readonly empty: number;
  readonly cuts: number;
  readonly clientKills: number;
  readonly serverKills: number;
  readonly resumed: number;
  readonly repeated: number;
}

/** Everybody takes out of the first as it comes; what is sent to the second waits there until the end, through all kills. */
const BAGS = ['bag', 'store'] as const;
type Bag = (typeof BAGS)[number];
const HOLDERS = 10;
/** A client stops asking while so many of its requests wait. */
const OUTSTANDING_MAX = 16;
/** What of ten requests a client makes. More takes that do not wait than sends: some of them find nothing. */
const KINDS = ['send', 'send', 'store', 'take', 'take', 'take', 'take', 'wait', 'wait', 'consume'] as const;

interface Asked {
  readonly kind: 'send' | 'take' | 'consume';
  readonly bag: Bag;
  readonly value: number;
  readonly invoked: number;
}

/** Everything that was asked and seen, by the one clock of this process. */
class History implements Watcher {
  readonly operations: Readonly<Record<Bag, BagOperation<number>[]>> = { bag: [], store: [] };
  readonly #asked = new Map<WireClient, Map<number, Asked>>();
  /** Deliveries of consumes, which take more than once. */
  #applied = new Map<WireClient, number>();
  readonly failures: string[] = [];
  /** Promises of the server that were broken, and mistakes of this test. */
  readonly errors: unknown[] = [];
  /** Takes that have no answer. */
  waiting = 0;

  ask(client: WireClient, id: number, kind: Asked['kind'], bag: Bag, value = 0): void {
    const of = this.#asked.get(client) ?? new Map<number, Asked>();
    this.#asked.set(client, of);
    of.set(id, { kind, bag, value, invoked: performance.now() });
    if (kind !== 'send') this.waiting++;
  }

  applied(client: WireClient, id: number): void {
    const responded = performance.now();
    const of = this.#asked.get(client);
    for (let number = (this.#applied.get(client) ?? 0) + 1; number <= id; number++) {
      const asked = of?.get(number);
      if (asked?.kind === 'send')
        this.operations[asked.bag].push({ kind: 'send', value: asked.value, invoked: asked.invoked, responded });
    }
    this.#applied.set(client, id);
  }

  broken(error: unknown): void {
    this.errors.push(error);
  }

  handled(client: WireClient, number: number, { id, value, error }: Delivered): void {
    const asked = this.#asked.get(client)?.get(id);
    if (asked === undefined || error !== null) {
      this.failures.push(`${client.name}: the delivery ${number} of ${id}: ${error?.code ?? 'nothing was asked'}`);
      return;
    }
    this.waiting--;
    const times = { invoked: asked.invoked, responded: performance.now() };
    const taken = valueTaken(value);
    const operations = this.operations[asked.bag];
    if (taken === null) operations.push({ kind: 'empty', ...times });
    else operations.push({ kind: 'take', value: taken, ...times });
  }
}

/** A delivery holds, for each slot, the message that was taken; Nil when there was none. */
function valueTaken(value: Value): number | null {
  if (value === null) return null;
  let found: Value = value;
  while (found instanceof List) found = found.items[0] ?? null;
  assert(typeof found === 'number', 'what was taken is no number that was sent');
  return found;
}

export async function chaos({ seed, clients, serverKills, requests, plant }: ChaosOptions): Promise<ChaosResult> {
  const random = randomOf(seed);
  const directory = mkdtempSync(join(tmpdir(), 'powerbox-chaos-'));
  const server = new Server(join(directory, 'space'), plant);
  const history = new History();
  const all = Array.from(
    { length: clients },
    // Half of the clients live through everything, the others are killed now and then.
    (_, index) => new WireClient(`client ${index}`, `holder${index % HOLDERS}`, history, random, index % 2 === 1),
  );
  const counts = { cuts: 0, clientKills: 0, serverKills: 0 };
  let nextValue = 0;
  let over = false;
  /** Requests that are still to be made. */
  let unasked = clients * requests;
  let calm = false;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  const send = (client: WireClient, bag: Bag): void => {
    const value = nextValue++;
    const id = client.ask({ kind: 'produce', channel: bag, message: [value], persist: false, lease_ms: null });
    history.ask(client, id, 'send', bag, value);
  };

  const act = (client: WireClient, kind: (typeof KINDS)[number]): void => {
    if (kind === 'send' || kind === 'store') {
      send(client, kind === 'send' ? 'bag' : 'store');
      return;
    }
    const slots = [{ channel: 'bag', pattern: null, peek: false }];
    if (kind === 'consume') {
      history.ask(client, client.ask({ kind: 'consume', slots, persist: false, credit: 1 }), 'consume', 'bag');
    } else {
      const limit_ms = kind === 'wait' ? Math.floor(random() * 200) : 0;
      history.ask(client, client.ask({ kind: 'take', slots, limit_ms }), 'take', 'bag');
    }
  };

  const cut = (client: WireClient): void => {
    client.cut();
    counts.cuts++;
  };
  const kill = (client: WireClient): void => {
    client.kill();
    counts.clientKills++;
  };
  /** Whether it came to that: its line may break before. */
  const killUntold = async (client: WireClient): Promise<boolean> => {
    if (!client.hasUnstored) {
      act(client, 'take');
      await until(() => over || !client.isOpen || client.hasUnstored);
    }
    if (!client.hasUnstored) return false;
    kill(client);
    return true;
  };

  const live = async (client: WireClient): Promise<void> => {
    let left = requests;
    const kinds = shuffled(
      Array.from({ length: requests }, (_, index) => KINDS[index % KINDS.length] as (typeof KINDS)[number]),
      random,
    );
    // Chance cuts and kills as it likes. Once in its life, with requests before and after, each client is cut for
    // certain, or killed with something handled that its cursor does not have: no machine is so fast or slow that
    // nothing happens.
    const sureAt = 1 + Math.floor(random() * (requests - 1));
    let isDue = true;
    while (!over) {
      if (!client.isOpen) {
        await client.connect(server.port);
        if (!client.isOpen) await pause(20 + random() * 50);
        continue;
      }
      for (
        let burst = Math.ceil(random() * 4);
        burst > 0 && left > (isDue ? sureAt : 0) && client.outstanding < OUTSTANDING_MAX;
        burst--
      ) {
        left--;
        unasked--;
        act(client, kinds[left] as (typeof KINDS)[number]);
      }
      if (isDue && left === sureAt) {
        if (client.isMortal) isDue = !(await killUntold(client));
        else {
          cut(client);
          isDue = false;
        }
        continue;
      }
      await pause(random() * 60);
      const dice = random();
      if (client.isMortal && dice < 0.12) client.storeCursor();
      if (client.isMortal || dice < 0.5) client.acknowledge();
      if (calm) continue;
      if (dice > 0.94) cut(client);
      else if (dice > 0.86 && client.isMortal) kill(client);
    }
    client.acknowledge();
    client.cut();
  };

  try {
    await server.start();
    const failed = history.errors;
    const lives = all.map((client) => live(client).catch((error: unknown) => failed.push(error)));
    for (let kill = 1; kill <= serverKills; kill++) {
      // By what has been asked, and not by the clock: a busy machine must not kill a server that nobody has reached.
      const left = clients * requests * (1 - (kill - 0.5 + random() * 0.5) / (serverKills + 1));
      await until(() => failed.length > 0 || unasked <= left);
      if (failed.length > 0) break;
      assert.equal(server.failure, null);
      await server.kill();
      counts.serverKills++;
      await server.start();
    }
    calm = true;
    // Everything that was asked comes to its end; what waits for a value is given one.
    await until(
      () =>
        failed.length > 0 ||
        (unasked === 0 &&
          all.every(({ isOpen, outstanding, isToldAgain }) => isOpen && outstanding === 0 && isToldAgain)),
    );
    const last = all[0] as WireClient;
    const begun_ms = performance.now();
    while (failed.length === 0 && history.waiting > 0) {
      assert(performance.now() - begun_ms < STEP_MS_MAX, 'somebody waits for a value, however many are sent');
      for (let batch = Math.min(history.waiting, OUTSTANDING_MAX); batch > 0; batch--) send(last, 'bag');
      await until(() => failed.length > 0 || last.outstanding === 0);
      await pause(5);
    }
    for (const bag of BAGS) await drain(last, history, bag, () => failed.length > 0);
    over = true;
    await Promise.all(lives);
    if (failed.length > 0) throw failed[0];
    await server.stop();
    return judge(history, all, counts);
  } catch (error) {
    over = true;
    const line = `run it again: npm run soak:chaos -- --seed ${seed} --clients ${clients} --kills ${serverKills} --requests ${requests}${plant === undefined ? '' : ` --plant ${plant}`}`;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${line}`, { cause: error });
  } finally {
    for (const client of all) client.cut();
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Takes what is left, until nothing is found. */
async function drain(client: WireClient, history: History, bag: Bag, isOver: () => boolean): Promise<void> {
  const slots = [{ channel: bag, pattern: null, peek: false }];
  const operations = history.operations[bag];
  for (let empty = false; !empty && !isOver(); ) {
    const before = operations.length;
    for (let batch = 0; batch < OUTSTANDING_MAX; batch++)
      history.ask(client, client.ask({ kind: 'take', slots, limit_ms: 0 }), 'take', bag);
    await until(() => isOver() || history.waiting === 0);
    empty = operations.slice(before).some(({ kind }) => kind === 'empty');
  }
}

function judge(
  history: History,
  clients: readonly WireClient[],
  counts: Pick<ChaosResult, 'cuts' | 'clientKills' | 'serverKills'>,
): ChaosResult {
  const { failures } = history;
  assert.deepEqual(failures.slice(0, 5), [], `${failures.length} requests failed`);
  for (const bag of BAGS) {
    const violations = bagViolations(history.operations[bag]);
    assert.deepEqual(violations.slice(0, 5), [], `${violations.length} violations in the ${bag}`);
  }
  const operations = BAGS.flatMap((bag) => history.operations[bag]);
  const of = (kind: string): number => operations.filter((operation) => operation.kind === kind).length;
  // Everything was acknowledged, and everything that was is taken by now: none is lost, and none twice by the above.
  assert.equal(of('take'), of('send'), 'what was sent and acknowledged is gone');
  const sum = (what: 'resumed' | 'repeated'): number => clients.reduce((total, client) => total + client[what], 0);
  return {
    sent: of('send'),
    taken: of('take'),
    empty: of('empty'),
    ...counts,
    resumed: sum('resumed'),
    repeated: sum('repeated'),
  };
}
