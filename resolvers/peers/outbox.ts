/**
 * What is to reach one other node. Each message is a source of the space, so it outlives this process; it stands
 * here until its arrival there is durable and its source has ended. Owns the order, the bounds and what of it is
 * on the way. Must never let the other node forget a message that could be sent once more: that would be twice.
 */
import type { NativeError, Source } from '../../src/natives/index.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { MessageId, ReceiverFrame } from './frames.ts';
import type { Link } from './link.ts';

export interface Mail {
  readonly id: MessageId;
  readonly topic: string;
  readonly value: Value;
  /** Canonical bytes of the value. */
  readonly bytes: number;
  /** Milliseconds since 1970, or null: as long as it takes. */
  readonly until_ms: number | null;
}

interface Entry extends Mail {
  readonly source: Source;
  timer: Cancellable | null;
  /** It has been answered, or cannot be: waits for nothing but the end of its source. */
  ending: boolean;
}

/** What is known of a topic at the other node, on the present connection. */
interface Topic {
  /** Sent on this connection, and not known to be forgotten there. */
  readonly unsettled: Set<MessageId>;
}

export class Outbox {
  readonly #node: string;
  readonly #platform: Platform;
  readonly #mayGo: () => boolean;
  readonly #entries = new Map<MessageId, Entry>();
  readonly #topics = new Map<string, Topic>();
  #bytes = 0;
  #link: Link | null = null;
  /** Said by the other node before the sources of earlier processes were all known here. */
  #early: ReceiverFrame[] = [];
  #isComplete = false;

  /** `mayGo`: whether this node may start sending anything now. */
  constructor(node: string, platform: Platform, mayGo: () => boolean) {
    this.#node = node;
    this.#platform = platform;
    this.#mayGo = mayGo;
  }

  /** Null while there is room for one more message. */
  fullness(bytes: number): NativeError | null {
    const isFull = this.#entries.size >= limits.peer_outbox_max || this.#bytes + bytes > limits.peer_outbox_bytes_max;
    if (!isFull) return null;
    return {
      code: 'quota_exceeded',
      message: `${this.#entries.size} messages with ${this.#bytes} bytes wait for the node ${this.#node} already; at most ${limits.peer_outbox_max} and ${limits.peer_outbox_bytes_max} may`,
    };
  }

  add(source: Source, mail: Mail): void {
    const entry: Entry = { ...mail, source, timer: null, ending: false };
    this.#entries.set(mail.id, entry);
    this.#bytes += mail.bytes;
    source.signal.addEventListener('abort', () => this.#aborted(entry), { once: true });
    if (mail.until_ms !== null) this.#wait(entry, mail.until_ms);
    this.#pump(mail.topic);
  }

  /** Every source of an earlier process has been added: from now on, what is not here will never be sent again. */
  complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    for (const frame of this.#early.splice(0)) this.hear(frame);
  }

  /** A connection over which messages can go; the one before, if there was one, has ended. */
  attach(link: Link): void {
    this.#link = link;
  }

  detach(): void {
    this.#link = null;
    this.#early = [];
    this.#topics.clear();
  }

  /** What the other node says about messages. */
  hear(frame: ReceiverFrame): void {
    if (!this.#isComplete) {
      // More than this says nobody who keeps the rules, for nothing was sent yet.
      if (this.#early.length < 2 * limits.peer_topics_max) this.#early.push(frame);
      return;
    }
    switch (frame.type) {
      case 'open':
        this.#opened(frame.topic, frame.remembered);
        break;
      case 'shut':
        this.#topics.delete(frame.topic);
        break;
      case 'taken':
        this.#answered(frame.topic, frame.id, (entry) => entry.source.push([null], { last: true }));
        break;
      case 'declined':
        this.#answered(frame.topic, frame.id, (entry) => entry.source.fail(this.#declined(frame.code)));
        break;
      default:
        frame satisfies never;
    }
  }

  /** There is room in the connection, or the node may send again. */
  pump(): void {
    for (const topic of this.#topics.keys()) this.#pump(topic);
  }

  /** Ends what a grant that was taken back had sent and is not known to have arrived. */
  revoke(isOf: (source: Source) => boolean, error: NativeError): void {
    for (const entry of [...this.#entries.values()])
      if (isOf(entry.source)) void this.#end(entry, () => entry.source.fail(error));
  }

  close(): void {
    this.detach();
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
  }

  /**
   * The inbox over there remembers these of ours. What is still wanted has arrived; what is not will never come again,
   * and may be forgotten. Everything else that was on the way is not there: it is sent again.
   */
  #opened(topic: string, remembered: readonly MessageId[]): void {
    if (!this.#topics.has(topic) && this.#topics.size >= limits.peer_topics_max) return;
    this.#topics.set(topic, { unsettled: new Set(remembered) });
    for (const id of remembered) this.#answered(topic, id, (entry) => entry.source.push([null], { last: true }));
    this.#pump(topic);
  }

  #answered(topic: string, id: MessageId, end: (entry: Entry) => Promise<boolean>): void {
    const known = this.#topics.get(topic);
    const entry = this.#entries.get(id);
    if (known === undefined) return;
    // Not wanted any more (out of time, cancelled), so it is never sent again.
    if (entry === undefined) this.#settle(topic, id);
    // What was not sent on this connection can have been taken by nobody.
    else if (entry.topic === topic && known.unsettled.has(id)) void this.#end(entry, () => end(entry));
  }

  /** Ends the source, and lets the other node forget once that is durable. False: the space closes, and it comes again. */
  async #end(entry: Entry, end: () => Promise<boolean>): Promise<void> {
    if (entry.ending) return;
    entry.ending = true;
    entry.timer?.cancel();
    if (await end()) this.#gone(entry);
  }

  #gone(entry: Entry): void {
    if (!this.#entries.delete(entry.id)) return;
    this.#bytes -= entry.bytes;
    // On the way and not answered: its slot is kept until it is, or until the connection ends.
    if (entry.ending) this.#settle(entry.topic, entry.id);
  }

  #settle(topic: string, id: MessageId): void {
    const known = this.#topics.get(topic);
    if (known === undefined) return;
    known.unsettled.delete(id);
    this.#link?.send({ type: 'forget', topic, ids: [id] });
    this.#pump(topic);
  }

  /** Cancelled or out of time, which is durable by now; or the space closes, and then its state is still there. */
  #aborted(entry: Entry): void {
    entry.timer?.cancel();
    if (entry.source.state === undefined) this.#gone(entry);
    else entry.ending = true;
  }

  #wait(entry: Entry, until_ms: number): void {
    const { clock, timers } = this.#platform;
    const left_ms = Math.min(until_ms - clock.now_ms(), LOOK_MS);
    entry.timer = timers.after(Math.max(0, left_ms), () => {
      if (clock.now_ms() < until_ms) this.#wait(entry, until_ms);
      else void this.#late(entry);
    });
  }

  async #late(entry: Entry): Promise<void> {
    if (entry.ending) return;
    const ended = await entry.source.fail({
      code: 'timed_out',
      message: `the arrival of a message at the node ${this.#node} is not known in time; it may have arrived`,
    });
    if (ended) this.#gone(entry);
  }

  #pump(topic: string): void {
    const link = this.#link;
    const known = this.#topics.get(topic);
    if (link === null || known === undefined || !this.#mayGo()) return;
    if (known.unsettled.size >= limits.peer_unsettled_max) return;
    for (const entry of this.#entries.values()) {
      if (!link.hasRoom || known.unsettled.size >= limits.peer_unsettled_max) return;
      if (entry.topic !== topic || entry.ending || known.unsettled.has(entry.id)) continue;
      known.unsettled.add(entry.id);
      link.send({ type: 'message', topic, id: entry.id, value: entry.value });
    }
  }

  #declined(code: ErrorCode): NativeError {
    const why = DECLINED[code] ?? `it was declined (${code})`;
    return {
      code: DECLINED[code] === undefined ? 'peer_refused' : code,
      message: `the node ${this.#node} did not take a message: ${why}`,
    };
  }
}

/** A longer timer is no use where clocks are set. */
const LOOK_MS = 60_000;

const DECLINED: Partial<Readonly<Record<ErrorCode, string>>> = {
  value_too_large: 'it is larger than its inbox admits',
  value_unsupported: 'it holds what does not travel',
};
