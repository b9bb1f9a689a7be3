/**
 * From a method and its parameters in JSON to a request of the wire. Owns which methods there are and how parameters are
 * named; what they may be is judged by whoever answers, as of every request. Only computes.
 */
import type { Form, Method } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { List, MapValue, type Value } from '../values/index.ts';
import { type Capability, type Request, shown, type WireSlot } from '../wire/index.ts';
import { fromJson, isArray, isRecord, type Json, type Special } from './json-values.ts';
import { OPERATIONS, RPC_CHANNELS } from './openrpc.ts';

type WithoutId<R> = R extends { readonly id: number } ? Omit<R, 'id'> : never;

/** A request, to which whoever answers gives an id where they need one. */
export type Ask = WithoutId<Request> | { readonly kind: 'powerbox' };

/** Who answers one holder in one space. */
export interface Answering {
  /** The holder's powerbox. */
  readonly powerbox: Capability;
  /**
   * What comes of it, with tokens of the holder in the place of names. Rejects with a coded error. When the signal is
   * aborted, what waits is taken back. `parent` is the step of the caller's trace that it belongs to, if they told of one.
   */
  ask(request: Ask, signal: AbortSignal, parent: string | null): Promise<Value>;
}

type Results = ReadonlyMap<string | number, Value>;

/** The ids of the requests whose results stand in these parameters. */
export function* resultsIn(json: Json): Generator<string | number> {
  // By a list of its own, for what is not yet read may be nested as deep as JSON can be.
  const open: Json[] = [json];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (isArray(next)) for (const item of next) open.push(item);
    else if (isRecord(next)) {
      const id = next['$result'];
      if (typeof id === 'string' || typeof id === 'number') yield id;
      for (const item of Object.values(next)) open.push(item);
    }
  }
}

/** Refuses with `method_unknown` and `arguments_invalid`. */
export function askOf(method: string, params: Json, answering: Answering, results: Results): Ask {
  const reader = new Parameters(params, method, results);
  const operation = Object.hasOwn(OPERATIONS, method) ? OPERATIONS[method] : undefined;
  if (operation !== undefined) return operationOf(method, reader.named(operation.params.map(({ name }) => name)));
  const [channel = '', name = ''] = method.split('.');
  const found = method.split('.').length === 2 ? RPC_CHANNELS.get(channel)?.get(name) : undefined;
  if (found !== undefined) return callOf(channel, found, reader, answering);
  const known = RPC_CHANNELS.get(channel);
  throw new PowerboxError('method_unknown', `there is no method ${shown(method)}`, {
    hint:
      known === undefined
        ? 'Ask rpc.discover for all of them; methods of contracts are asked with `call`.'
        : `${channel} has ${[...known.keys()].join(', ')}.`,
  });
}

/** Parameters by name or in their order. */
class Parameters {
  readonly #json: Json;
  readonly #method: string;
  readonly #special: Special;

  constructor(json: Json, method: string, results: Results) {
    this.#json = json;
    this.#method = method;
    this.#special = (key, said, rest) => {
      if (key !== '$result') return undefined;
      const value = typeof said === 'string' || typeof said === 'number' ? results.get(said) : undefined;
      if (value === undefined) throw this.refused('`$result` takes the id of a request before this one');
      return this.#part(value, rest['path'] ?? []);
    };
  }

  /** The names that were given, in their order; null where the parameters stand in order. */
  get names(): readonly string[] | null {
    if (isArray(this.#json)) return null;
    return this.#json === null ? [] : Object.keys(this.#json);
  }

  get count(): number {
    return isArray(this.#json) ? this.#json.length : 0;
  }

  named(names: readonly string[]): Named {
    const { names: given } = this;
    const wrong = given?.find((name) => !names.includes(name));
    if (wrong !== undefined) throw this.refused(`there is no parameter ${shown(wrong)}; there are ${list(names)}`);
    if (this.count > names.length) throw this.refused(`${this.count} parameters; there are ${list(names)}`);
    return new Named(
      (name) => this.#at(name, names.indexOf(name)),
      (json) => fromJson(json, this.#special),
      (why) => this.refused(why),
    );
  }

  refused(why: string): PowerboxError {
    return new PowerboxError('arguments_invalid', `${this.#method}: ${why}`);
  }

  #at(name: string, index: number): Json | undefined {
    if (isArray(this.#json)) return this.#json[index];
    return isRecord(this.#json) && Object.hasOwn(this.#json, name) ? this.#json[name] : undefined;
  }

  #part(value: Value, path: Json): Value {
    if (!isArray(path)) throw this.refused('`path` is a list of places and keys');
    let part: Value | undefined = value;
    for (const step of path) {
      if (part instanceof List && typeof step === 'number') part = part.items[step];
      else if (part instanceof MapValue) {
        const index: number = part.keys.indexOf(step as Value);
        part = index < 0 ? undefined : part.items[index];
      } else part = undefined;
      if (part === undefined) throw this.refused(`the result has no part ${JSON.stringify(step)}`);
    }
    return part;
  }
}

/** Parameters that have names. */
class Named {
  readonly #at: (name: string) => Json | undefined;
  readonly #value: (json: Json) => Value;
  readonly refused: (why: string) => PowerboxError;

  constructor(
    at: (name: string) => Json | undefined,
    value: (json: Json) => Value,
    refused: (why: string) => PowerboxError,
  ) {
    this.#at = at;
    this.#value = value;
    this.refused = refused;
  }

  has(name: string): boolean {
    return this.#at(name) !== undefined;
  }

  json(name: string): Json | undefined {
    return this.#at(name);
  }

  value(name: string): Value {
    const json = this.#at(name);
    if (json === undefined) throw this.refused(`\`${name}\` is missing`);
    return this.#value(json);
  }

  values(name: string): readonly Value[] {
    const json = this.#at(name) ?? [];
    if (!isArray(json)) throw this.refused(`\`${name}\` must be a list`);
    return json.map((item) => this.#value(item));
  }

  /** Of a slot: its pattern, or null. */
  pattern(json: Json | undefined): Value {
    if (json === undefined || json === null) return null;
    if (!isArray(json)) throw this.refused('`match` must be a list');
    return this.#value(json);
  }

  slot(json: Json): WireSlot {
    if (!isRecord(json)) throw this.refused('a slot is an object');
    const { channel, match, peek = false, ...rest } = json;
    if (channel === undefined || typeof peek !== 'boolean' || Object.keys(rest).length > 0)
      throw this.refused('a slot has `channel`, and may have `match` and `peek`');
    return { channel: this.#value(channel), pattern: this.pattern(match), peek };
  }

  string(name: string, otherwise?: string): string {
    const json = this.#at(name) ?? otherwise;
    if (typeof json !== 'string') throw this.refused(`\`${name}\` must be a string`);
    return json;
  }

  boolean(name: string, otherwise: boolean): boolean {
    const json = this.#at(name) ?? otherwise;
    if (typeof json !== 'boolean') throw this.refused(`\`${name}\` must be a boolean`);
    return json;
  }

  count<T>(name: string, otherwise: T): number | T {
    const json = this.#at(name) ?? null;
    if (json === null) return otherwise;
    if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0)
      throw this.refused(`\`${name}\` must be a whole number of at least 0`);
    return json;
  }
}

function operationOf(method: string, named: Named): Ask {
  switch (method) {
    case 'powerbox':
      return { kind: 'powerbox' };
    case 'deploy':
      return {
        kind: 'deploy',
        text: named.string('text'),
        name: named.string('name', 'program'),
        uris: new Map(),
        atomic: named.boolean('atomic', false),
      };
    case 'query':
    case 'estimate':
      return {
        kind: method,
        text: named.string('text'),
        name: named.string('name', 'program'),
        uris: new Map(),
        limit_ms: named.count('limit_ms', null),
        cost_max: named.count('cost_max', null),
      };
    case 'produce':
      return {
        kind: 'produce',
        channel: named.value('channel'),
        message: required(named, 'message').values('message'),
        persist: named.boolean('persist', false),
        lease_ms: named.count('lease_ms', null),
      };
    case 'take':
    case 'peek': {
      const slot: WireSlot = {
        channel: named.value('channel'),
        pattern: named.pattern(named.json('match')),
        peek: false,
      };
      return { kind: method, slots: [slot], limit_ms: named.count('limit_ms', 0) };
    }
    case 'consume': {
      const slots = required(named, 'slots').json('slots');
      if (!isArray(slots)) throw named.refused('`slots` must be a list');
      return { kind: 'take', slots: slots.map((slot) => named.slot(slot)), limit_ms: named.count('limit_ms', 0) };
    }
    case 'call': {
      const name = required(named, 'method').json('method') ?? null;
      if (name !== null && typeof name !== 'string') throw named.refused('`method` must be a string or null');
      const limit_ms = named.count('limit_ms', null);
      return { kind: 'call', target: named.value('channel'), method: name, args: named.values('args'), limit_ms };
    }
    case 'newNames':
      return { kind: 'names', count: named.count('count', 1) };
    case 'attenuate':
      return {
        kind: 'attenuate',
        capability: named.value('channel'),
        read: named.boolean('read', true),
        write: named.boolean('write', true),
      };
    default:
      return {
        kind: 'release',
        capabilities: required(named, 'channels').values('channels'),
        handled: Number.MAX_SAFE_INTEGER,
      };
  }
}

function required(named: Named, name: string): Named {
  if (!named.has(name)) throw named.refused(`\`${name}\` is missing`);
  return named;
}

/** A call of a declared method; its form is the one whose arguments have the names, or the number, that were given. */
function callOf(channel: string, method: Method, parameters: Parameters, { powerbox }: Answering): Ask {
  const { names, count } = parameters;
  const form = method.forms.find(({ args }) =>
    names === null
      ? args.length === Math.max(0, count - 1)
      : sameNames(
          args.map(({ name }) => name),
          names.filter((name) => name !== 'channel'),
        ),
  );
  if (form === undefined) throw parameters.refused(`its parameters are ${method.forms.map(formInWords).join(', or ')}`);
  const named = parameters.named(['channel', ...form.args.map(({ name }) => name)]);
  const own = channel === 'system' && (named.json('channel') ?? null) === null;
  return {
    kind: 'call',
    target: own ? powerbox : named.value('channel'),
    method: method.name,
    args: form.args.map(({ name }) => named.value(name)),
    limit_ms: null,
  };
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}

function formInWords({ args }: Form): string {
  return list(['channel', ...args.map(({ name }) => name)]);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `\`${name}\``).join(' and ');
}
