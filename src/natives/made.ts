/**
 * What an answer or an arrival hands out, as it travels from a host to its node: a list that begins with a word.
 *
 *   ["value", v]   ["object", native, handle, [state]]   ["channel", [[value, …], …]]
 *   ["source", native, handle, [state], unread]   ["later", native, handle, [state], unread]
 *   ["map", [[key, one of the first four], …]]
 *
 * Owns that form at both ends. On the node's side a handle gets the grant of the call in front, so that a host says
 * which object it means and never under whose authority.
 */
import { Later, NewChannel, NewMap, NewObject, NewSource } from '../../channels/index.ts';
import type { Made, NativeResult } from '../../channels/index.ts';
import { powerHandle } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import { list, List, type Value } from '../values/index.ts';
import type { HostTokens } from './tokens.ts';

export function writeMade(thing: NativeResult): Value {
  if (thing instanceof Later) return sourceItem('later', thing.source);
  if (thing instanceof NewMap)
    return list(['map', list(thing.entries.map(([key, item]) => list([key, writeMade(item)])))]);
  if (thing instanceof NewObject) return list(['object', thing.native, thing.handle, optional(thing.state)]);
  if (thing instanceof NewChannel) return list(['channel', list(thing.messages.map((message) => list([...message])))]);
  if (thing instanceof NewSource) return sourceItem('source', thing);
  return list(['value', thing]);
}

function sourceItem(word: string, { native, handle, options }: NewSource): Value {
  return list([word, native, handle, optional(options.state), options.unread_max ?? null]);
}

function optional(value: Value | undefined): List {
  return new List(value === undefined ? [] : [value]);
}

/** Reads what one host handed out, for a call or source under `grant`. */
export class MadeReader {
  readonly #tokens: HostTokens;
  /** The natives of this host: it makes objects of no other. */
  readonly #isOwn: (native: string) => boolean;

  constructor(tokens: HostTokens, isOwn: (native: string) => boolean) {
    this.#tokens = tokens;
    this.#isOwn = isOwn;
  }

  /** Throws `native_failed` or `value_unsupported` with what is wrong. */
  result(made: Value, grant: string): NativeResult {
    const [word, first] = itemsOf(made);
    if (word === 'later') {
      const source = this.#source(made, grant);
      return new Later(source);
    }
    if (word !== 'map') return this.made(made, grant);
    return new NewMap(
      itemsOf(first).map((entry) => {
        const [key, item] = itemsOf(entry);
        if (typeof key !== 'string' || item === undefined) throw malformed('an entry of a map is [key, made]');
        return [key, this.made(item, grant)] as const;
      }),
    );
  }

  made(made: Value, grant: string): Made {
    const [word, first, handle, state] = itemsOf(made);
    switch (word) {
      case 'value':
        if (first === undefined) break;
        return this.#tokens.inward(first);
      case 'object':
        return new NewObject(this.#own(first), this.#handle(grant, handle), this.#optional(state));
      case 'channel':
        return new NewChannel(
          itemsOf(first).map((message) => itemsOf(message).map((value) => this.#tokens.inward(value))),
        );
      case 'source':
        return this.#source(made, grant);
      default:
    }
    throw malformed('what it hands out is none of value, object, channel, source, later, map');
  }

  #source(made: Value, grant: string): NewSource {
    const [, native, handle, state, unread] = itemsOf(made);
    if (unread !== null && typeof unread !== 'number') throw malformed('a source says how much may lie unread, or Nil');
    const kept = this.#optional(state);
    return new NewSource(this.#own(native), this.#handle(grant, handle), {
      ...(unread === null ? {} : { unread_max: unread }),
      ...(kept === undefined ? {} : { state: kept }),
    });
  }

  #own(native: Value | undefined): string {
    if (typeof native === 'string' && this.#isOwn(native)) return native;
    throw malformed('it makes an object of a native that this host has not announced');
  }

  #handle(grant: string, handle: Value | undefined): Value {
    if (handle === undefined) throw malformed('a new object has a handle');
    return powerHandle(grant, this.#tokens.inward(handle));
  }

  #optional(state: Value | undefined): Value | undefined {
    const [value] = itemsOf(state);
    return value === undefined ? undefined : this.#tokens.inward(value);
  }
}

function itemsOf(value: Value | undefined): readonly Value[] {
  if (value instanceof List && value.remainder === null) return value.items;
  throw malformed('a list is expected');
}

function malformed(what: string): PowerboxError {
  return new PowerboxError('native_failed', `the host's answer cannot be taken: ${what}`);
}
