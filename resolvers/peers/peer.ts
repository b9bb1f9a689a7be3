/**
 * One other node: the connection that this node made to it, over which it sends; the one that it made here, over
 * which it is heard; and what is known of it. Owns both connections and the tries to connect. A node that breaks
 * the rules loses its connection and nothing else; it is let in again when it comes again.
 */
import type { Duplex } from 'node:stream';
import type { PeerAddress } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import { PROTOCOL_VERSION } from './frames.ts';
import type { Frame, SenderFrame } from './frames.ts';
import { identityOf, pairKey } from './keys.ts';
import { Link } from './link.ts';
import { Outbox } from './outbox.ts';
import { dial } from './secure.ts';

export interface PeerOptions {
  /** The name of this node. */
  readonly self: string;
  readonly address: PeerAddress;
  readonly platform: Platform;
  readonly inService: () => boolean;
  /** What it sends; throws `peer_refused` when it breaks the rules. */
  readonly hear: (link: Link, frame: SenderFrame, bytes: number) => void;
  /** It has connected, and can be told which inboxes are open; or it has gone. */
  readonly came: (link: Link) => void;
  readonly went: () => void;
  /** Something for the operator. */
  readonly report: (message: string) => void;
}

/** What is known of a node. */
export interface Membership {
  readonly member: boolean;
  readonly inService: boolean;
  /** Milliseconds since 1970; null: never in this process. */
  readonly seen_ms: number | null;
}

export class Peer {
  readonly name: string;
  readonly outbox: Outbox;
  readonly #options: PeerOptions;
  readonly #closing = new AbortController();
  /** Every connection that stands, greeted or not. */
  readonly #links = new Set<Link>();
  #outgoing: Link | null = null;
  #incoming: Link | null = null;
  #retry: Cancellable | null = null;
  #tries = 0;
  #welcomed_ms = 0;
  #seen_ms: number | null = null;
  #said = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.name = options.address.name;
    this.outbox = new Outbox(this.name, options.platform, options.inService);
  }

  membership(): Membership {
    const isConnected = this.#outgoing !== null || this.#incoming !== null;
    return { member: isConnected && this.#said, inService: this.#said, seen_ms: this.#seen_ms };
  }

  /** What this node and that one know, and no other. */
  get secret(): Uint8Array {
    return this.#options.address.secret;
  }

  /** The connection over which it is heard. */
  get incoming(): Link | null {
    return this.#incoming;
  }

  connect(): void {
    void this.#dial();
  }

  close(): void {
    this.#retry?.cancel();
    this.outbox.close();
    this.#closing.abort();
    for (const link of [...this.#links]) link.end(null);
  }

  /** It has connected and proved its name; what it says first must agree with that. */
  accept(socket: Duplex): void {
    let isGreeted = false;
    const link = this.#link(socket, {
      onFrame: (frame, bytes) => {
        if (isGreeted) this.#heard(link, frame, bytes);
        else isGreeted = this.#greet(link, frame);
      },
      onEnd: (broken) => {
        if (broken !== null) this.#options.report(`its connection was ended: ${broken}`);
        if (this.#incoming !== link) return;
        this.#incoming = null;
        this.#options.went();
      },
    });
  }

  /** The first frame of who has connected. True when it may stay. */
  #greet(link: Link, frame: Frame): boolean {
    const { self, inService, report, came } = this.#options;
    if (frame.type !== 'hello') throw new PowerboxError('peer_refused', `a hello is expected, ${frame.type} came`);
    if (frame.from !== this.name || frame.to !== self)
      throw new PowerboxError('peer_refused', 'its hello names other nodes than its handshake');
    if (!frame.versions.includes(PROTOCOL_VERSION)) {
      report(
        `it speaks the versions ${frame.versions.join(', ') || 'none'} of the protocol, this node speaks ${PROTOCOL_VERSION}`,
      );
      link.leave({ type: 'refused', code: 'peer_refused' });
      return false;
    }
    link.send({ type: 'welcome', version: PROTOCOL_VERSION, inService: inService() });
    link.greeted();
    this.#see(frame.inService);
    // One connection each way: who connects again has lost the one before, whether that is known here or not.
    this.#incoming?.end(null);
    this.#incoming = link;
    came(link);
    return true;
  }

  #heard(link: Link, frame: Frame, bytes: number): void {
    switch (frame.type) {
      case 'alive':
        this.#see(frame.inService);
        break;
      case 'message':
      case 'forget':
        this.#see(this.#said);
        this.#options.hear(link, frame, bytes);
        break;
      default:
        throw new PowerboxError('peer_refused', `a frame ${frame.type} is not for who connects to say`);
    }
  }

  async #dial(): Promise<void> {
    const { self, address, platform } = this.#options;
    const { endpoint, name, secret } = address;
    const { signal } = this.#closing;
    const result = await dial({
      endpoint,
      identity: identityOf(self, name),
      key: pairKey(secret, self, name),
      timers: platform.timers,
      signal,
    });
    if (signal.aborted) {
      if (!('kind' in result)) result.destroy();
      return;
    }
    if ('kind' in result) {
      if (result.kind === 'refused') this.#options.report(`it does not let this node in: ${result.reason}`);
      this.#again();
      return;
    }
    this.#speak(result);
  }

  #speak(socket: Duplex): void {
    const { self, inService, report, platform } = this.#options;
    let isWelcome = false;
    const link = this.#link(socket, {
      onFrame: (frame) => {
        if (isWelcome) this.#answered(frame);
        else isWelcome = this.#welcomed(link, frame);
      },
      onEnd: (broken) => {
        if (broken !== null) report(`the connection to it was ended: ${broken}`);
        if (this.#outgoing === link) {
          this.#outgoing = null;
          this.outbox.detach();
          // Who lets in and throws out at once is asked as seldom as who is not there.
          if (platform.clock.monotonic_ms() - this.#welcomed_ms > limits.peer_alive_ms) this.#tries = 0;
        }
        this.#again();
      },
    });
    link.send({ type: 'hello', versions: [PROTOCOL_VERSION], from: self, to: this.name, inService: inService() });
  }

  #welcomed(link: Link, frame: Frame): boolean {
    if (frame.type === 'refused') {
      this.#options.report(`it refused this node's hello (${frame.code}): the versions of the protocol may differ`);
      link.end(null);
      return false;
    }
    if (frame.type !== 'welcome' || frame.version !== PROTOCOL_VERSION)
      throw new PowerboxError('peer_refused', `a welcome is expected, ${frame.type} came`);
    this.#welcomed_ms = this.#options.platform.clock.monotonic_ms();
    link.greeted();
    this.#see(frame.inService);
    this.#outgoing = link;
    this.outbox.attach(link);
    return true;
  }

  #answered(frame: Frame): void {
    switch (frame.type) {
      case 'alive':
        this.#see(frame.inService);
        break;
      case 'open':
      case 'shut':
      case 'taken':
      case 'declined':
        this.#see(this.#said);
        this.outbox.hear(frame);
        break;
      default:
        throw new PowerboxError('peer_refused', `a frame ${frame.type} is not for who was connected to to say`);
    }
  }

  #see(inService: boolean): void {
    this.#seen_ms = this.#options.platform.clock.now_ms();
    this.#said = inService;
  }

  /** Each wait is twice as long as the one before, and never quite the same: nodes that start together do not knock together. */
  #again(): void {
    if (this.#closing.signal.aborted) return;
    const { timers, randomness } = this.#options.platform;
    const wait_ms = Math.min(limits.peer_retry_ms_max, limits.peer_retry_ms_min * 2 ** Math.min(this.#tries++, 16));
    const chance = (randomness.bytes(1)[0] ?? 0) / 256;
    this.#retry = timers.after(wait_ms * (0.5 + chance / 2), () => void this.#dial());
  }

  #link(
    socket: Duplex,
    hooks: {
      readonly onFrame: (frame: Frame, bytes: number) => void;
      readonly onEnd: (broken: string | null) => void;
    },
  ): Link {
    const { platform, inService } = this.#options;
    const link: Link = new Link({
      socket,
      clock: platform.clock,
      timers: platform.timers,
      inService,
      onRoom: () => this.outbox.pump(),
      onFrame: hooks.onFrame,
      onEnd: (broken) => {
        this.#links.delete(link);
        hooks.onEnd(broken);
      },
    });
    this.#links.add(link);
    return link;
  }
}
