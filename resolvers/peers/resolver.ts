/**
 * Answers on channels of peers. A message that is sent is a source of the space from the answer of its call until
 * its arrival at the other node is durable: so it is sent again after a crash, by whatever process finds it. Owns
 * the network of this node, which is there from the first grant on.
 */
import { peers } from '../../channels/index.ts';
import { powerHandle, readPowerHandle } from '../../src/capability/index.ts';
import type { PeersConfig, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { Later, NewSource } from '../../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, NativeError, Source } from '../../src/natives/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { Bytes, encodeValue, List, list, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Granted, grantGone } from '../granted.ts';
import type { Resolver } from '../resolver.ts';
import { ID_BYTES, idOf } from './frames.ts';
import { Inbox } from './inbox.ts';
import { Network } from './network.ts';
import type { Mail } from './outbox.ts';
import { portableBytes } from './portable.ts';

type PeersPower = PowerOf<'peers'>;

export interface PeersOptions {
  /** Null: this node knows no other, and the power cannot be granted. */
  readonly config: PeersConfig | null;
  readonly platform: Platform;
  /** Whether the node may begin anything; the other nodes are told. */
  readonly inService: () => boolean;
  /** Something for the operator that belongs to no call. */
  readonly report: (error: NativeError) => void;
}

const INBOX = 'inbox';
const SEND = 'send';

export class PeersResolver implements Resolver<'peers'> {
  readonly kind = 'peers';
  readonly natives: readonly Native[];
  readonly #options: PeersOptions;
  readonly #granted = new Granted<PeersPower>();
  #network: Network | null = null;
  #opening: Promise<Network> | null = null;
  #isComplete = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.natives = [
      {
        declaration: peers,
        call: (call) => this.#granted.under(call.handle, (power, id) => this.#answer(power, id, call)),
        open: (source) => this.#open(source),
      },
    ];
  }

  async grant(id: string, power: PeersPower): Promise<void> {
    const { config } = this.#options;
    if (config === null) {
      throw new PowerboxError(
        'config_invalid',
        `the power ${power.name} needs the other nodes, and none are configured`,
        {
          hint: 'Say under peers who this node is and which others there are.',
        },
      );
    }
    const unknown = (power.nodes ?? []).find((node) => !config.nodes.some(({ name }) => name === node));
    if (unknown !== undefined)
      throw new PowerboxError(
        'config_invalid',
        `the power ${power.name} names the node ${unknown}, which peers does not`,
      );
    this.#opening ??= Network.open({ ...this.#options, config });
    try {
      this.#network = await this.#opening;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
    this.#granted.set(id, power);
    if (this.#isComplete) this.#network.complete();
  }

  revoke(id: string): void {
    this.#granted.delete(id);
    const network = this.#network;
    if (network === null) return;
    const error = grantGone(id);
    for (const { outbox } of network.peers.values()) outbox.revoke((source) => grantOf(source) === id, error);
    for (const inbox of network.inboxes()) if (grantOf(inbox.source) === id) network.removeInbox(inbox, error);
  }

  async close(): Promise<void> {
    this.#granted.clear();
    const network = await this.#opening?.catch(() => null);
    this.#network = null;
    this.#opening = null;
    await network?.close();
  }

  /** Connections and frames that were refused. */
  get refused(): number {
    return this.#network?.refused ?? 0;
  }

  #answer(power: PeersPower, grant: string, { method, args, effectId }: NativeCall): NativeAnswer {
    const network = this.#network;
    if (network === null) return { error: grantGone(grant) };
    const [first, second, third] = args;
    switch (method) {
      case 'self':
        return { ok: network.self };
      case 'members':
        return { ok: this.#members(network, power) };
      case 'messages':
        if (network.inbox(power.topic) !== undefined) return { error: inboxTaken(power.topic) };
        return { ok: new NewSource(peers.name, powerHandle(grant, INBOX), { state: map([]) }) };
      case 'close':
        return { ok: null, closes: first as Value };
      default: {
        const id = new Bytes(effectId.slice(0, ID_BYTES));
        return this.#send(network, power, grant, id, first as string, second as Value, third as number | undefined);
      }
    }
  }

  #send(
    network: Network,
    power: PeersPower,
    grant: string,
    id: Bytes,
    node: string,
    message: Value,
    limit_ms: number | undefined,
  ): NativeAnswer {
    const peer = mayMeet(power, node) ? network.peers.get(node) : undefined;
    if (peer === undefined) {
      const known = [...network.peers.keys()].filter((name) => mayMeet(power, name)).sort();
      const text = `${JSON.stringify(node)} is no other node that may be sent to: there are ${known.join(', ')}`;
      return { error: { code: 'peer_unknown', message: text } };
    }
    const bytes = portableBytes(message, power.message_bytes_max);
    if (!(bytes instanceof Uint8Array)) return { error: bytes };
    const full = peer.outbox.fullness(bytes.length);
    if (full !== null) return { error: full };
    const until_ms = limit_ms === undefined ? null : this.#options.platform.clock.now_ms() + limit_ms;
    const state = list([id, power.topic, until_ms, message]);
    return { ok: new Later(new NewSource(peers.name, powerHandle(grant, SEND, node), { state })), bytes: bytes.length };
  }

  #members(network: Network, power: PeersPower): Value {
    const entry = (member: boolean, inService: boolean, seen_ms: number | null): Value =>
      map([
        ['member', member],
        ['in_service', inService],
        ['last_seen_ms', seen_ms],
      ]);
    const inService = this.#options.inService();
    const entries: [string, Value][] = [
      [network.self, entry(inService, inService, this.#options.platform.clock.now_ms())],
    ];
    for (const [node, peer] of network.peers) {
      const known = peer.membership();
      if (mayMeet(power, node)) entries.push([node, entry(known.member, known.inService, known.seen_ms)]);
    }
    return map(entries);
  }

  #open(source: Source): void {
    const { grant, rest } = readPowerHandle(source.handle);
    const [kind, node] = rest;
    const network = this.#network;
    const power = this.#granted.get(grant);
    const mail = kind === SEND ? mailOf(source) : null;
    const peer = typeof node === 'string' ? network?.peers.get(node) : undefined;
    if (mail !== null && peer !== undefined) {
      // Also where it may not be sent any more: until its end is durable, the other node must not forget it.
      peer.outbox.add(source, mail);
      if (power === undefined) peer.outbox.revoke((each) => each === source, grantGone(grant));
    } else if (network === null || power === undefined) void source.fail(grantGone(grant));
    else if (kind === INBOX) this.#openInbox(network, power, source);
    else void source.fail({ code: 'peer_unknown', message: `the node ${String(node)} is not configured any more` });
    this.#opened();
  }

  #openInbox(network: Network, power: PeersPower, source: Source): void {
    const { topic, message_bytes_max } = power;
    const inbox = new Inbox({ topic, source, message_bytes_max, hears: (node) => mayMeet(power, node) });
    if (!network.addInbox(inbox)) {
      void source.fail(inboxTaken(topic));
      return;
    }
    source.signal.addEventListener('abort', () => network.removeInbox(inbox, null), { once: true });
  }

  /** Sources of earlier processes are given back one right after the other: a moment later all have been. */
  #opened(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#options.platform.timers.soon(() => this.#network?.complete());
  }
}

function mayMeet({ nodes }: PeersPower, node: string): boolean {
  return nodes === undefined || nodes.includes(node);
}

function grantOf(source: Source): string {
  return readPowerHandle(source.handle).grant;
}

/** What `#send` wrote. */
function mailOf({ state }: Source): Mail | null {
  if (!(state instanceof List)) return null;
  const [first, topic, until_ms, value] = state.items;
  const id = idOf(first);
  if (id === null || typeof topic !== 'string' || value === undefined) return null;
  return {
    id,
    topic,
    value,
    bytes: encodeValue(value).length,
    until_ms: typeof until_ms === 'number' ? until_ms : null,
  };
}

function inboxTaken(topic: string): NativeError {
  return {
    code: 'not_available',
    message: `the inbox of the topic ${topic} is open already, and there is one of each: it must be closed first`,
  };
}
