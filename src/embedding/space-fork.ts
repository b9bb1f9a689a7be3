/**
 * A fork of a space as a program of this process holds it: messages and programs that stay in it, until they are applied
 * in one turn or dropped. Of programs, calls that are more than computing wait until the fork is applied.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import type { Fork } from '../space/index.ts';
import { toValue, type Value } from '../values/index.ts';
import { messageOf, receiverOf, restore } from './host-channels.ts';
import { Forked, type ModeParts, requireNoFailure } from './modes.ts';
import type { ChannelName, ForkOptions, Message, Pattern, ProduceOptions, RunOptions, SpaceFork } from './types.ts';

export class OpenedFork implements SpaceFork {
  readonly #parts: ModeParts;
  readonly #forked: Forked;
  readonly #accounts: number[] = [];
  #applying = false;

  constructor(parts: ModeParts, options: ForkOptions) {
    this.#parts = parts;
    this.#forked = new Forked(parts, 'atomic', options);
  }

  async produce(channel: ChannelName, message: Message, { persist = false }: ProduceOptions = {}): Promise<void> {
    const fork = this.#open;
    const [to, values] = [toValue(channel), messageOf(message)];
    await fork.post({ kind: 'produce', payload: to, account: 0 }, (turn) => turn.produce(to, values, persist));
    await fork.rest();
  }

  take(channel: ChannelName, options: { readonly match?: Pattern } = {}): Promise<Message | undefined> {
    return this.#now(toValue(channel), options.match, false);
  }

  read(channel: ChannelName, options: { readonly match?: Pattern } = {}): Promise<Message | undefined> {
    return this.#now(toValue(channel), options.match, true);
  }

  async #now(channel: Value, match: Pattern | undefined, peek: boolean): Promise<Message | undefined> {
    const fork = this.#open;
    const receiver = receiverOf(match);
    const body = { label: 'host', term: null, place: 0, environment: [] };
    const slots = [{ channel, pattern: receiver.pattern, peek }];
    const captures = await fork.post({ kind: 'request', payload: null, account: 0 }, () =>
      fork.tuples.tryOnce({ slots, persist: false, body }),
    );
    // It has seen what the space has done.
    await this.#parts.engine.durable();
    return captures === null ? undefined : restore(receiver, captures);
  }

  count(channel: ChannelName): { readonly data: number; readonly waiting: number } {
    const place = this.#open.place(toValue(channel));
    return { data: place.data?.live ?? 0, waiting: (place.waiters?.live ?? 0) + (place.owner === null ? 0 : 1) };
  }

  async run(text: string, options: RunOptions = {}): Promise<void> {
    void this.#open;
    const { account } = await this.#forked.run(text, options, null);
    this.#accounts.push(account);
    requireNoFailure(this.#forked.failures());
  }

  async apply(): Promise<void> {
    const fork = this.#open;
    this.#applying = true;
    try {
      await fork.rest();
      requireNoFailure(this.#forked.failures());
      await this.#parts.engine.applyFork(fork, this.#accounts[0] ?? 0);
    } finally {
      this.drop();
    }
  }

  /** What comes after `apply` would be lost. */
  get #open(): Fork {
    if (this.#applying) throw new PowerboxError('fork_expired', 'the fork is being applied, or was');
    return this.#forked.fork;
  }

  drop(): void {
    this.#forked.drop();
  }

  get ended(): string | null {
    const { ended } = this.#forked.fork;
    return isPowerboxError(ended) ? ended.code : null;
  }

  [Symbol.dispose](): void {
    this.drop();
  }
}
