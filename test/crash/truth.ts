/**
 * What the parent knows of one directory from what its processes said before they died, and the laws that what is
 * found there must keep. Knows nothing of how a space works.
 */
import assert from 'node:assert/strict';
import type { Contents, Line, WorkloadName } from './messages.ts';
import { ORDERS, range, SECOND, textOf } from './workload.ts';

/** Channels on which things only ever arrive: what was found there once is there for good. */
const GROWING = ['receipts', 'used', 'shipped', 'priced', 'measured', 'whole', 'placed', 'logged', 'answers'];

export class Truth {
  readonly #workload: WorkloadName;
  readonly #asked = { deploy: new Set<number>(), order: new Set<number>(), token: new Set<number>() };
  readonly #acknowledged = { deploy: new Set<number>(), order: new Set<number>(), token: new Set<number>() };
  readonly #found = new Map<string, Set<string>>();
  /** Tasks found begun: each effect that was in flight at a kill. */
  readonly #begun = new Set<number>();
  readonly #pouring = new Set<number>();
  readonly #poured = new Set<number>();
  /** Poured half when their process died. */
  readonly #cut = new Set<number>();

  constructor(workload: WorkloadName) {
    this.#workload = workload;
  }

  /** Everything that one process said, in order. Throws where a law is broken. */
  hear(lines: readonly Line[]): void {
    const under = new Set<number>();
    const askedBefore = new Set(this.#asked.token);
    for (const line of lines) {
      switch (line.type) {
        case 'found':
        case 'ended':
          this.check(line);
          break;
        case 'asked':
          this.#asked[line.what].add(line.number);
          break;
        case 'acknowledged':
          assert.ok(
            !this.#acknowledged[line.what].has(line.number),
            `${line.what} ${line.number} was acknowledged twice`,
          );
          this.#acknowledged[line.what].add(line.number);
          break;
        case 'absent':
          assert.ok(askedBefore.has(line.number), `token ${line.number} is not there, and nobody took it`);
          break;
        case 'pouring':
          assert.ok(
            !this.#pouring.has(line.number),
            `pour ${line.number} was called twice, though it cannot be repeated`,
          );
          this.#pouring.add(line.number);
          under.add(line.number);
          break;
        case 'poured':
          this.#poured.add(line.number);
          under.delete(line.number);
          break;
        case 'failure':
          assert.ok(
            this.#workload === 'pumps' && line.code === 'interrupted',
            `a failure: ${line.code}: ${line.message}`,
          );
          break;
        case 'broken':
          assert.fail(`the process gave up: ${line.message}`);
          break;
        case 'started':
        case 'dies':
          break;
        default:
          line satisfies never;
      }
    }
    for (const number of under) this.#cut.add(number);
  }

  /** The laws of every moment. */
  check(contents: Contents): void {
    const on = (channel: string): readonly string[] => keysOn(contents, channel);
    for (const task of contents.begun) this.#begun.add(task);
    assert.ok(contents.deploys.length <= 1, 'the program was deployed twice');
    if (this.#acknowledged.deploy.size > 0) assert.equal(contents.deploys.length, 1, 'the acknowledged deploy is lost');
    for (const channel of [...GROWING, 'orders', 'tokens', 'stock', 'parcels']) unique(channel, on(channel));
    for (const channel of GROWING) this.#onlyGrows(channel, on(channel));
    const receipts = new Set(on('receipts'));
    for (const number of this.#acknowledged.order) {
      assert.ok(receipts.has(String(number)), `order ${number} was acknowledged and is not there`);
    }
    for (const number of receipts)
      assert.ok(this.#asked.order.has(Number(number)), `order ${number} was never asked for`);
    this.#checkTokens(receipts, new Set(on('tokens')));
    if (this.#workload === 'files') this.#checkJoin(contents, receipts);
    else subset('an answer', on('answers'), receipts);
  }

  #onlyGrows(channel: string, now: readonly string[]): void {
    const found = this.#found.get(channel) ?? new Set();
    const there = new Set(now);
    for (const key of found) assert.ok(there.has(key), `${channel} ${key} was found once, and is lost`);
    this.#found.set(channel, there);
  }

  /** An order, its receipt and its token came in one turn. */
  #checkTokens(receipts: ReadonlySet<string>, tokens: ReadonlySet<string>): void {
    subset('a token', tokens, receipts);
    for (const number of receipts) {
      const taken = this.#acknowledged.token.has(Number(number));
      if (taken) assert.ok(!tokens.has(number), `token ${number} was taken and is there again`);
      else if (!this.#asked.token.has(Number(number))) assert.ok(tokens.has(number), `token ${number} is lost`);
    }
  }

  /** A match takes the order, the unit and the counter together; at most one is between its match and its turn. */
  #checkJoin(contents: Contents, receipts: ReadonlySet<string>): void {
    const on = (channel: string): readonly string[] => keysOn(contents, channel);
    const [orders, shipped, stock, used, counter] = [
      on('orders'),
      on('shipped'),
      on('stock'),
      on('used'),
      on('counter'),
    ];
    if (on('rate').length === 0) {
      assert.deepEqual([stock, used, counter], [[], [], []], 'a part of the program has run, and a part has not');
      return;
    }
    assert.deepEqual(on('rate'), ['7'], 'what is only looked at has gone or doubled');
    unique('an order or a shipment', [...orders, ...shipped]);
    unique('a unit', [...stock, ...used]);
    subset('an order', [...orders, ...shipped], receipts);
    const missing = {
      orders: receipts.size - orders.length - shipped.length,
      units: ORDERS.files - stock.length - used.length,
      counters: 1 - counter.length,
    };
    const half = `a match was applied by half: ${JSON.stringify(missing)} are neither waiting nor done`;
    assert.ok(missing.orders === missing.units && missing.units === missing.counters && missing.counters <= 1, half);
    assert.equal(shipped.length, used.length, 'as many shipments as units used');
    if (counter.length > 0) assert.equal(Number(counter[0]), shipped.length, 'the counter counts the shipments');
    assert.ok(on('line').length <= 1, 'the line number is there twice');
    for (const [channel, count] of [
      ['priced', 7],
      ['measured', 0],
      ['whole', 0],
      ['placed', 0],
    ] as const) {
      for (const message of messagesOn(contents, channel)) {
        subset(channel, [message[0] as string], receipts);
        if (count > 0) assert.equal(Number(message[1]), Number(message[0]) * count, 'the price');
      }
    }
  }

  /** The laws of the end of the pumps, whose answers depend on where the kills fell. */
  checkPours(contents: Contents): void {
    const answers = new Map(messagesOn(contents, 'answers').map((message) => [Number(message[0]), message.slice(1)]));
    let interrupted = 0;
    for (const order of range(ORDERS.pumps)) {
      const pair = answers.get(order);
      assert.ok(pair !== undefined, `order ${order} has no answer: the contract did not go on`);
      for (const [index, answer] of pair.entries()) {
        const number = order + index * SECOND;
        if (answer.includes('"interrupted"')) {
          interrupted++;
          continue;
        }
        assert.equal(answer, String(number * 2), `the answer of pour ${number}`);
        assert.ok(this.#poured.has(number), `pour ${number} was answered and never made`);
        assert.ok(!this.#cut.has(number), `pour ${number} was in flight at a kill and not answered interrupted`);
      }
    }
    assert.equal(interrupted, this.#begun.size, 'as many answers interrupted as effects in flight at a kill');
  }

  get interrupted(): number {
    return this.#begun.size;
  }
}

/** What must stand in the files at the end. */
export function filesAtTheEnd(): ReadonlyMap<string, string> {
  const orders = range(ORDERS.files);
  return new Map([
    ['grid', `\0\0\0\0${orders.map(textOf).join('')}`],
    ['log', orders.map((line) => `line ${line - 1}\n`).join('')],
    ...orders.map((order) => [`order-${textOf(order).trim()}`, `order ${textOf(order)}`] as const),
  ]);
}

export type Settled = ReadonlyMap<string, readonly string[]>;

/** Channels and what is on them, in an order that does not depend on when it came; unforgeable ones under one key. */
export function settled({ channels, deploys, begun }: Contents): Settled {
  const all = new Map<string, string[]>([
    ['deploys', [...deploys]],
    ['effects begun', begun.map(String)],
  ]);
  for (const { channel, data, waiting } of channels) {
    all.set(
      channel,
      [...(all.get(channel) ?? []), ...data.map((message) => `!(${message.join(', ')})`), ...waiting].sort(),
    );
  }
  return all;
}

function messagesOn(contents: Contents, name: string): readonly (readonly string[])[] {
  return contents.channels.find(({ channel }) => channel === `"${name}"`)?.data ?? [];
}

function keysOn(contents: Contents, name: string): readonly string[] {
  return messagesOn(contents, name).map((message) => message[0] as string);
}

function unique(what: string, keys: readonly string[]): void {
  const seen = new Set<string>();
  for (const key of keys) {
    assert.ok(!seen.has(key), `${what}: ${key} is there twice`);
    seen.add(key);
  }
}

function subset(what: string, keys: Iterable<string>, of: ReadonlySet<string>): void {
  for (const key of keys) assert.ok(of.has(key), `${what} ${key} has come from nowhere`);
}
