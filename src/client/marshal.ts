/**
 * Between what a program says and what the wire carries: handles and answers to tokens and references, tokens to
 * handles. Owns the count of handles to each capability. Must never send a handle that was disposed of, or one of
 * another connection: each capability is its holder's own.
 */
import { PowerboxError } from '../errors.ts';
import { fromValue, List, list, Name, toValue, Wildcard, type Sealing, type Value } from '../values/index.ts';
import { Capability, clientSealing, Reference, type PathStep } from '../wire/index.ts';
import {
  type HandleState,
  newHandle,
  partOf,
  sourceOf,
  stateOf,
  type Caller,
  type Pending,
  type Target,
} from './stubs.ts';
import type { Handle, SentMessage } from './types.ts';

/** What must stand at each place of a message, `any` where anything may; or how it begins. */
export type Pattern = SentMessage | Beginning;

/** In a pattern: anything may stand there. */
export const any: Wildcard = Wildcard.the;

/** The beginning of a message: what comes after it does not matter. */
export class Beginning {
  constructor(readonly items: SentMessage) {}
}

/** A pattern of messages that begin so, however long they are. */
export function startsWith(...items: SentMessage): Beginning {
  return new Beginning(items);
}

/** Stands for the result of a request that has no id as long as it was not sent. */
class Later extends Name {
  constructor(
    readonly pending: Pending,
    readonly path: readonly PathStep[],
    order: number,
  ) {
    // Only its place in the order of values is made of these bytes; none of them leaves.
    super(null, 0, 0, orderBytes(order));
  }
}

function orderBytes(order: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setFloat64(24, order);
  return bytes;
}

/** How a client writes what stands in the place of names. */
export const sealing: Sealing = (name) => {
  if (!(name instanceof Later)) return clientSealing(name);
  const { pending, path } = name;
  if (pending.id === null) throw new PowerboxError('arguments_invalid', 'a reference to a request that was never sent');
  return clientSealing(new Reference(pending.id, path));
};

interface Export {
  readonly capability: Capability;
  handles: number;
}

/** Values as they go out, with the requests whose results stand in them. */
export class Outgoing {
  readonly #caller: Caller;
  readonly references: Pending[] = [];

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Refuses with `value_unsupported` what is no value, and what is no use outside this program. */
  value(thing: unknown): Value {
    return toValue(thing, (object) => this.#stub(object));
  }

  values(things: readonly unknown[]): readonly Value[] {
    return things.map((thing) => this.value(thing));
  }

  /** Null: any message. */
  pattern(match: Pattern | undefined): Value {
    if (match === undefined) return null;
    return match instanceof Beginning ? list(this.values(match.items), any) : list(this.values(match));
  }

  /** The channel or object that a target means: a handle, an answer to come, or a public name by its value. */
  target(target: Target): Value {
    if ('name' in target) return this.value(target.name);
    return 'pending' in target ? this.#later(target.pending, target.path) : this.#token(target);
  }

  #stub(object: object): Value | undefined {
    const state = stateOf(object);
    if (state !== undefined) return this.#token(state);
    const source = sourceOf(object);
    return source === undefined ? undefined : this.#later(source.pending, source.path);
  }

  #token({ caller, capability, disposed }: HandleState): Value {
    if (disposed) throw new PowerboxError('handle_closed', 'this handle was disposed of');
    this.#mine(caller);
    return capability;
  }

  #later(pending: Pending, path: readonly PathStep[]): Value {
    this.#mine(pending.caller);
    const { outcome } = pending;
    // What has arrived goes out as what it is: the service need not remember it.
    if (outcome?.ok === false) throw outcome.error;
    if (outcome !== undefined) return this.value(partOf(outcome.value, path));
    this.references.push(pending);
    return new Later(pending, path, this.references.length);
  }

  #mine(caller: Caller): void {
    if (caller === this.#caller) return;
    throw new PowerboxError('arguments_invalid', 'this handle belongs to another client', {
      hint: 'To hand a capability on, send it through a channel that both hold.',
    });
  }
}

/** The capabilities that this client holds, by token. */
export class Capabilities {
  readonly #caller: Caller;
  readonly #exports = new Map<string, Export>();

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** How many are held. */
  get size(): number {
    return this.#exports.size;
  }

  /** A value as a program gets it: each capability in it as a handle of its own. */
  receive(value: Value): unknown {
    return fromValue(value, (part) => (part instanceof Capability ? this.handle(part) : undefined));
  }

  /** The messages of a delivery; what is no list of values is one value. */
  receiveAll(value: Value): readonly unknown[] {
    return value instanceof List ? value.items.map((item) => this.receive(item)) : [this.receive(value)];
  }

  /** Gives back what is in a value that nobody gets. */
  refuse(value: Value): void {
    fromValue(value, (part) => {
      if (!(part instanceof Capability)) return undefined;
      const handle = this.handle(part);
      handle.dispose();
      return handle;
    });
  }

  handle(capability: Capability): Handle {
    const key = keyOf(capability);
    const found = this.#exports.get(key) ?? { capability, handles: 0 };
    found.handles++;
    this.#exports.set(key, found);
    return newHandle(this.#caller, found.capability);
  }

  /** One handle less. True: it was the last one. */
  letGo(capability: Capability): boolean {
    const key = keyOf(capability);
    const found = this.#exports.get(key);
    if (found === undefined) return false;
    found.handles--;
    if (found.handles > 0) return false;
    return this.#exports.delete(key);
  }

  /** Whether there is a handle to it: it may have come again meanwhile. */
  holds(capability: Capability): boolean {
    return this.#exports.has(keyOf(capability));
  }
}

/** Tokens are opaque bytes; as a key their text of one unit a byte does. */
function keyOf({ token }: Capability): string {
  return String.fromCharCode(...token);
}
