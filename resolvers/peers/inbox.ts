/**
 * The inbox of one topic: what comes from other nodes becomes messages of a source, each once. What it remembers of
 * each sender stands in the state of the source and changes in the same turn as the message arrives; so after any
 * crash both are there or neither. Owns the queue before the source; senders take turns, so that none who floods
 * keeps another one out.
 */
import { PowerboxError } from '../../src/errors.ts';
import type { NativeError, Source } from '../../src/natives/index.ts';
import { limits } from '../../src/limits.ts';
import { Kind, kindOf, list, map } from '../../src/values/index.ts';
import type { List, MapValue, Value } from '../../src/values/index.ts';
import { idOf, idValue } from './frames.ts';
import type { MessageId, SenderFrame } from './frames.ts';
import type { Link } from './link.ts';
import { portableBytes } from './portable.ts';

export interface InboxOptions {
  readonly topic: string;
  readonly source: Source;
  readonly message_bytes_max: number;
  /** Whether this node may be heard. */
  readonly hears: (node: string) => boolean;
}

interface Sender {
  readonly remembered: Set<MessageId>;
  /** By id, oldest first. */
  readonly queue: Map<MessageId, Waiting>;
  /** The connection on which the inbox was opened to it; what comes on another one is late. */
  link: Link | null;
}

interface Waiting {
  readonly value: Value;
  readonly bytes: number;
}

export class Inbox {
  readonly topic: string;
  readonly #options: InboxOptions;
  readonly #senders = new Map<string, Sender>();
  /** The arrival that is being made durable. */
  #arriving: { readonly node: string; readonly over: Promise<boolean> } | null = null;
  #ended = false;

  constructor(options: InboxOptions) {
    this.topic = options.topic;
    this.#options = options;
    for (const [node, remembered] of readState(options.source.state)) {
      this.#senders.set(node, { remembered, queue: new Map(), link: null });
    }
  }

  get source(): Source {
    return this.#options.source;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Says to a node on a new connection that it may send, and what of it is remembered; nothing when it is not heard. */
  async openTo(node: string, link: Link): Promise<void> {
    if (!this.#options.hears(node)) return;
    const sender = this.#senderOf(node);
    sender.link = null;
    // What came on the connection before and did not arrive comes again.
    this.#drop(sender);
    // What is arriving will have arrived or not, and that must be known.
    if (this.#arriving?.node === node) await this.#arriving.over;
    if (this.#ended || link.ended || sender.link !== null) return;
    sender.link = link;
    link.send({ type: 'open', topic: this.topic, remembered: [...sender.remembered] });
  }

  /** The connection has ended, or the node takes nothing for a while. */
  shutTo(node: string): void {
    const sender = this.#senders.get(node);
    if (sender === undefined) return;
    sender.link?.send({ type: 'shut', topic: this.topic });
    sender.link = null;
    this.#drop(sender);
  }

  /** Throws `peer_refused` when the sender breaks the rules. */
  hear(node: string, link: Link, frame: SenderFrame, bytes: number): void {
    const sender = this.#senders.get(node);
    // Sent before it heard that the inbox was shut.
    if (sender === undefined || sender.link !== link) return;
    if (frame.type === 'forget') {
      for (const id of frame.ids) sender.remembered.delete(id);
      return;
    }
    const { topic, id, value } = frame;
    if (sender.remembered.has(id)) {
      if (!sender.queue.has(id)) link.send({ type: 'taken', topic, id });
      return;
    }
    if (sender.queue.has(id)) return;
    if (sender.remembered.size + sender.queue.size >= limits.peer_remembered_max) {
      throw new PowerboxError(
        'peer_refused',
        `more than ${limits.peer_remembered_max} messages are on the way that it did not let be forgotten`,
      );
    }
    const portable = portableBytes(value, this.#options.message_bytes_max);
    if (!(portable instanceof Uint8Array)) {
      link.send({ type: 'declined', topic, id, code: portable.code });
      return;
    }
    sender.queue.set(id, { value, bytes });
    link.took(bytes);
    void this.#run();
  }

  /** Nothing more arrives; nodes keep what they have. */
  end(error: NativeError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const node of this.#senders.keys()) this.shutTo(node);
    if (error !== null) void this.#options.source.fail(error);
  }

  /** One arrival after the other: each is durable before the next one's state is made of it. */
  async #run(): Promise<void> {
    if (this.#arriving !== null) return;
    for (let node = this.#next(); node !== null; node = this.#next()) {
      const over = this.#arrive(node);
      this.#arriving = { node, over };
      const arrived = await over;
      this.#arriving = null;
      if (!arrived) {
        this.end(null);
        return;
      }
    }
  }

  async #arrive(node: string): Promise<boolean> {
    const sender = this.#senderOf(node);
    const [first] = sender.queue;
    if (first === undefined) return true;
    const [id, { value, bytes }] = first;
    const { link } = sender;
    sender.remembered.add(id);
    const arrived = await this.#options.source.push([node, value], { state: this.#state() });
    if (!arrived) return false;
    if (sender.queue.delete(id)) link?.gave(bytes);
    link?.send({ type: 'taken', topic: this.topic, id });
    return true;
  }

  /** Of the nodes that have something here the one that has waited longest. */
  #next(): string | null {
    if (this.#ended) return null;
    for (const [node, sender] of this.#senders) {
      if (sender.queue.size === 0) continue;
      this.#senders.delete(node);
      this.#senders.set(node, sender);
      return node;
    }
    return null;
  }

  #drop(sender: Sender): void {
    // The connection counts for itself, and it is over.
    sender.queue.clear();
  }

  #senderOf(node: string): Sender {
    let sender = this.#senders.get(node);
    if (sender === undefined) {
      sender = { remembered: new Set(), queue: new Map(), link: null };
      this.#senders.set(node, sender);
    }
    return sender;
  }

  #state(): Value {
    const senders = [...this.#senders].filter(([, { remembered }]) => remembered.size > 0);
    return map(senders.map(([node, { remembered }]) => [node, list([...remembered].map(idValue))]));
  }
}

/** What `#state` wrote; an inbox begins with nothing. */
function readState(state: Value | undefined): readonly (readonly [string, Set<MessageId>])[] {
  if (state === undefined || kindOf(state) !== Kind.Map) return [];
  const { keys, items } = state as MapValue;
  return keys.map((node, index) => {
    const ids = (items[index] as List).items.flatMap((id) => idOf(id) ?? []);
    return [String(node), new Set(ids)] as const;
  });
}
