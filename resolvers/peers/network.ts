/**
 * This node among the others: where it listens, who may come in, which inboxes are open. Owns the listener, one
 * `Peer` for each configured node and the inboxes by topic. What strangers and hostile nodes do is counted and told
 * to the operator now and then; nothing of it throws.
 */
import { endpointOf, peerAddresses } from '../../src/capability/index.ts';
import type { PeersConfig } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { NativeError } from '../../src/natives/index.ts';
import { limits } from '../../src/limits.ts';
import type { Platform } from '../../src/platform/index.ts';
import type { Inbox } from './inbox.ts';
import { pairKey, readIdentity } from './keys.ts';
import { Peer } from './peer.ts';
import { listen, type Listener } from './secure.ts';

export interface NetworkOptions {
  readonly config: PeersConfig;
  readonly platform: Platform;
  readonly inService: () => boolean;
  readonly report: (error: NativeError) => void;
}

export class Network {
  readonly self: string;
  readonly peers = new Map<string, Peer>();
  /** Connections and frames that were refused, of strangers and of nodes. */
  refused = 0;
  readonly #options: NetworkOptions;
  readonly #inboxes = new Map<string, Inbox>();
  /** When something of one node was last reported. */
  readonly #reported_ms = new Map<string, number>();
  #listener: Listener | null = null;
  #inService: boolean;
  #closed = false;

  private constructor(options: NetworkOptions) {
    this.#options = options;
    this.self = options.config.name;
    this.#inService = options.inService();
    for (const address of peerAddresses(options.config)) {
      const { name } = address;
      const peer: Peer = new Peer({
        self: this.self,
        address,
        platform: options.platform,
        inService: () => this.#look(),
        hear: (link, frame, bytes) => this.#inboxes.get(frame.topic)?.hear(name, link, frame, bytes),
        came: () => this.#open(peer),
        went: () => this.#shut(peer),
        report: (message) => this.#report(name, `the node ${name}: ${message}`),
      });
      this.peers.set(name, peer);
    }
  }

  /** Rejects with `config_invalid` when a secret is unfit or the address cannot be listened at; nothing stays open. */
  static async open(options: NetworkOptions): Promise<Network> {
    const network = new Network(options);
    network.#listener = await listen({
      endpoint: endpointOf(options.config.listen),
      timers: options.platform.timers,
      keyOf: (identity) => network.#keyOf(identity),
      onConnection: (socket, identity) => {
        const peer = network.#closed ? undefined : network.#peerOf(identity);
        if (peer === undefined) socket.destroy();
        else peer.accept(socket);
      },
      onRefused: (claimed, reason) => network.#refusedStranger(claimed, reason),
    });
    for (const peer of network.peers.values()) peer.connect();
    return network;
  }

  inbox(topic: string): Inbox | undefined {
    return this.#inboxes.get(topic);
  }

  /** From now on nodes are told that they may send. False: there is one of this topic, or there are too many. */
  addInbox(inbox: Inbox): boolean {
    if (this.#inboxes.has(inbox.topic) || this.#inboxes.size >= limits.peer_topics_max) return false;
    this.#inboxes.set(inbox.topic, inbox);
    if (!this.#look()) return true;
    for (const peer of this.peers.values()) {
      if (peer.incoming !== null) void inbox.openTo(peer.name, peer.incoming);
    }
    return true;
  }

  removeInbox(inbox: Inbox, error: NativeError | null): void {
    if (this.#inboxes.get(inbox.topic) === inbox) this.#inboxes.delete(inbox.topic);
    inbox.end(error);
  }

  inboxes(): readonly Inbox[] {
    return [...this.#inboxes.values()];
  }

  /** Every source of earlier processes has been given back. */
  complete(): void {
    for (const { outbox } of this.peers.values()) outbox.complete();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const peer of this.peers.values()) peer.close();
    await this.#listener?.close();
  }

  /** Whether this node is in service; who hears of a change first sees to it that the others do. */
  #look(): boolean {
    const inService = this.#options.inService();
    if (inService === this.#inService) return inService;
    this.#inService = inService;
    for (const peer of this.peers.values()) {
      // A node that is out of service takes and sends nothing new; what is kept goes on where it was.
      if (inService) {
        this.#open(peer);
        peer.outbox.pump();
      } else this.#shut(peer);
    }
    return inService;
  }

  #open(peer: Peer): void {
    const { incoming } = peer;
    if (incoming === null || !this.#look()) return;
    for (const inbox of this.#inboxes.values()) void inbox.openTo(peer.name, incoming);
  }

  #shut(peer: Peer): void {
    for (const inbox of this.#inboxes.values()) inbox.shutTo(peer.name);
  }

  #peerOf(identity: string): Peer | undefined {
    const read = readIdentity(identity);
    return read === null || read.to !== this.self ? undefined : this.peers.get(read.from);
  }

  #keyOf(identity: string): Uint8Array | null {
    const peer = this.#peerOf(identity);
    return peer === undefined ? null : pairKey(peer.secret, peer.name, this.self);
  }

  /** What a stranger claims is shown only where it is the name of a node. */
  #refusedStranger(claimed: string | null, reason: string): void {
    const peer = claimed === null ? undefined : this.#peerOf(claimed);
    if (peer === undefined) this.#report('', `a connection of a stranger was refused: ${reason}`);
    else this.#report(peer.name, `a connection in the name of the node ${peer.name} was refused: ${reason}`);
  }

  /** Now and then: who is refused again and again fills no log. */
  #report(about: string, message: string): void {
    this.refused++;
    const now_ms = this.#options.platform.clock.monotonic_ms();
    const last_ms = this.#reported_ms.get(about);
    if (last_ms !== undefined && now_ms - last_ms < limits.peer_report_ms) return;
    this.#reported_ms.set(about, now_ms);
    const { code, message: text } = new PowerboxError('peer_refused', `${message} (${this.refused} so far)`);
    this.#options.report({ code, message: text });
  }
}
