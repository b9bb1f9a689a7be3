/**
 * Messages on channels in plain data: the space's own operations with values and patterns made of what a
 * program writes. Owns no state but the loops that wait; decides nothing that the space decides.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { compilePattern, type MessagePattern } from '../match/index.ts';
import type { HostRequest, SpaceEngine, SpaceHost } from '../space/index.ts';
import {
  conjunction,
  FreeVariable,
  fromValue,
  type HostValue,
  isPattern,
  Kind,
  kindOf,
  type List,
  type Name,
  toValue,
  type Value,
  Wildcard,
} from '../values/index.ts';
import type {
  ChannelName,
  Channels,
  LeaseOptions,
  Message,
  Pattern,
  ProduceOptions,
  ReceiveSlot,
  WaitOptions,
} from './types.ts';

/** Admits anything where it stands in a pattern. */
export const any: HostValue = Wildcard.the;

/** A pattern together with the way from its captures back to the message. */
export interface Receiver {
  readonly pattern: MessagePattern;
  /** By position: the value that was demanded, or the level of the capture that holds what came. Null: all in one list. */
  readonly places: readonly (Value | FreeVariable)[] | null;
}

const WHOLE: Receiver = { pattern: compilePattern([], new FreeVariable(0)), places: null };

export class HostChannels implements Channels {
  readonly #engine: SpaceEngine;
  readonly #host: SpaceHost;

  constructor(engine: SpaceEngine, host: SpaceHost) {
    this.#engine = engine;
    this.#host = host;
  }

  async produce(channel: ChannelName, message: Message, options: LeaseOptions = {}): Promise<void> {
    return this.#host.produce(toValue(channel), messageOf(message), options);
  }

  async produceAll(
    messages: readonly (ProduceOptions & { readonly channel: ChannelName; readonly message: Message })[],
  ): Promise<void> {
    return this.#host.produceAll(
      messages.map(({ channel, message, persist = false }) => ({
        channel: toValue(channel),
        message: messageOf(message),
        persist,
      })),
    );
  }

  async consume(slots: readonly ReceiveSlot[], options: WaitOptions = {}): Promise<readonly Message[]> {
    const receivers = slots.map((slot) => receiverOf(slot.match));
    const { limit_ms, signal } = options;
    const captures = await this.#host.take({
      slots: slots.map(({ channel, peek = false }, index) => ({
        channel: toValue(channel),
        pattern: (receivers[index] as Receiver).pattern,
        peek,
      })),
      ...(limit_ms === undefined ? {} : { timeout_ms: limit_ms }),
      ...(signal === undefined ? {} : { signal }),
    });
    let offset = 0;
    return receivers.map((receiver) => {
      const own = captures.slice(offset, offset + receiver.pattern.freeCount);
      offset += receiver.pattern.freeCount;
      return restore(receiver, own);
    });
  }

  take(channel: ChannelName, options: { readonly match?: Pattern } = {}): Promise<Message | undefined> {
    return this.#now(channel, options.match, false);
  }

  read(channel: ChannelName, options: { readonly match?: Pattern } = {}): Promise<Message | undefined> {
    return this.#now(channel, options.match, true);
  }

  async #now(channel: ChannelName, match: Pattern | undefined, peek: boolean): Promise<Message | undefined> {
    const receiver = receiverOf(match);
    const request: HostRequest = {
      slots: [{ channel: toValue(channel), pattern: receiver.pattern, peek }],
      timeout_ms: 0,
    };
    try {
      return restore(receiver, await this.#host.take(request));
    } catch (error) {
      if (isPowerboxError(error) && error.code === 'timed_out') return undefined;
      throw error;
    }
  }

  count(channel: ChannelName): { readonly data: number; readonly waiting: number } {
    return this.#host.count(toValue(channel));
  }

  channel(channel: ChannelName, options: { readonly match?: Pattern } = {}): AsyncIterable<Message> {
    const receiver = receiverOf(options.match);
    const slots = [{ channel: toValue(channel), pattern: receiver.pattern }];
    const host = this.#host;
    return {
      [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
        // Leaving the loop must also end a wait that nobody awaits any more, so this is no generator.
        const leaving = new AbortController();
        return {
          async next() {
            try {
              return { done: false, value: restore(receiver, await host.take({ slots, signal: leaving.signal })) };
            } catch (error) {
              if (!isEnd(error)) throw error;
              return { done: true, value: undefined };
            }
          },
          async return() {
            leaving.abort();
            return { done: true, value: undefined };
          },
        };
      },
    };
  }

  newName(): Promise<Name> {
    return this.#engine.enact({ kind: 'name', payload: null, account: 0 });
  }
}

/** The loop was left, or the space was closed by its owner: no error, unlike a space that closed itself. */
function isEnd(error: unknown): boolean {
  return (
    isPowerboxError(error) &&
    (error.code === 'cancelled' || (error.code === 'space_closed' && error.cause === undefined))
  );
}

export function messageOf(message: Message): readonly Value[] {
  if (!Array.isArray(message)) {
    throw new PowerboxError('bad_request', 'a message is an array of values', {
      hint: 'write [value] for a message of one',
    });
  }
  const values = message.map((item) => toValue(item));
  if (values.some(isPattern))
    throw new PowerboxError('value_unsupported', 'a message holds a part of a pattern', {
      hint: 'any stands in patterns only',
    });
  return values;
}

export function receiverOf(match: Pattern | undefined): Receiver {
  if (match === undefined) return WHOLE;
  let level = 0;
  const places: (Value | FreeVariable)[] = [];
  const patterns = match.map((item) => {
    const value = toValue(item);
    if (!isPattern(value)) {
      places.push(value);
      return value;
    }
    const capture = new FreeVariable(level++);
    places.push(capture);
    // What came is wanted whole, also where the pattern looks into it.
    return kindOf(value) === Kind.Wildcard ? capture : conjunction([capture, value]);
  });
  return { pattern: compilePattern(patterns, null), places };
}

export function restore({ places }: Receiver, captures: readonly Value[]): Message {
  if (places === null) return (captures[0] as List).items.map((item) => fromValue(item));
  return places.map((place) => fromValue(place instanceof FreeVariable ? (captures[place.level] as Value) : place));
}
