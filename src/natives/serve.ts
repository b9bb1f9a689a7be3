/**
 * The other end: natives served to one node over one link, whatever the link is. Owns the calls under way of that node
 * and the sources that it has opened. A node is believed no more than a client is: what it calls is checked against the
 * declarations again, its calls are bounded, and what it says wrongly is answered or dropped, never fatal.
 */
import {
  type ChannelDeclaration,
  mismatch,
  type Native,
  type NativeAnswer,
  type NativeCall,
  type NativeError,
} from '../../channels/index.ts';
import { type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Bytes, list, map, toValue, type Value } from '../values/index.ts';
import { writeDeclaration } from './declaration.ts';
import type { Arrival } from './link.ts';
import { writeMade } from './made.ts';
import {
  type CallFields,
  decodeFrame,
  encodeFrame,
  type Frame,
  headOf,
  HOST_PROTOCOL_VERSION,
  isFault,
  readFields,
  TO_HOST,
  type ToHost,
} from './protocol.ts';
import { ServedSource } from './served-source.ts';
import { asTyped } from './tokens.ts';

/** A store of the host's own, which takes part in the commits of the nodes that it serves. */
export interface HostStore {
  /**
   * Makes durable what this change will do, and answers as if it were done; until `finish` nothing of it shows. Said
   * again with the same effect id it answers the same. An error answer prepares nothing. `client` is whose it is.
   */
  prepare(call: NativeCall, client: Uint8Array): Promise<NativeAnswer>;
  /** Makes it show, durably. May be said again, also of what is finished. */
  finish(effectId: Uint8Array): Promise<void>;
  /** Forgets it. May be said again, also of what was never prepared. */
  drop(effectId: Uint8Array): Promise<void>;
  /** What is prepared for this client, and neither finished nor dropped. */
  prepared(client: Uint8Array): Promise<readonly Uint8Array[]>;
}

export interface HostControl {
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** Asks the node to end; it does if its operator allows that. */
  requestShutdown(reason: string): void;
}

/** What a host is: its natives, the first of them the one that a configuration names, and its store if it has one. */
export interface HostDefinition {
  readonly natives: readonly Native[];
  readonly store?: HostStore;
  /** Before it is called first. What it throws is why the node's start fails. */
  readonly start?: (control: HostControl) => Promise<void> | void;
  readonly close?: () => Promise<void> | void;
}

export interface SessionOptions {
  readonly send: (bytes: Uint8Array) => void;
  /** Frames that the link has dropped. */
  readonly dropped: () => number;
  /** What this host uses, in bytes. */
  readonly memory_bytes: () => number;
  /** The node asks it to stop. */
  readonly onStop: (grace_ms: number) => void;
  /** What is answered when the node's name for it, or its version, is not this host's. */
  readonly onRefused: () => void;
  /** The native that this node may call, by its token; null: whichever it names. */
  readonly native?: string | null;
}

export class HostSession {
  readonly #definition: HostDefinition;
  readonly #options: SessionOptions;
  readonly #natives: ReadonlyMap<string, Native>;
  readonly #calls = new Map<number, AbortController>();
  readonly #sources = new Map<string, ServedSource>();
  #client: Uint8Array | null = null;
  #answer_bytes_max = 0;
  #nextPush = 1;
  #isOver = false;

  constructor(definition: HostDefinition, options: SessionOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#natives = new Map(definition.natives.map((native) => [native.declaration.name, native]));
  }

  get control(): HostControl {
    return {
      log: (level, text) => this.#say('log', 0, { level, text: text.slice(0, limits.host_line_max) }),
      requestShutdown: (reason) => this.#say('shutdown', 0, { reason: reason.slice(0, limits.host_line_max) }),
    };
  }

  /** Its start has failed: the node is told why. */
  failed(message: string): void {
    this.#say('failed', 0, { message: message.slice(0, limits.host_text_max) });
  }

  arrived(arrival: Arrival): void {
    if (this.#isOver) return;
    if (arrival.kind === 'oversized') {
      const { id } = headOf(arrival.start);
      this.#refuse(id, 'value_too_large', `a message of ${arrival.bytes} bytes is more than a host takes`);
      return;
    }
    const frame = decodeFrame(arrival.bytes);
    if ('reason' in frame) this.#refuse(frame.id, 'bad_request', frame.reason);
    else this.#said(frame);
  }

  /** The link is gone: nobody waits for an answer any more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const abort of this.#calls.values()) abort.abort();
    for (const opened of this.#sources.values()) opened.end();
    this.#calls.clear();
    this.#sources.clear();
  }

  // -------------------------------------------------------------- what a node says

  #said({ kind, id, body }: Frame): void {
    const schema = Object.hasOwn(TO_HOST, kind) ? TO_HOST[kind as keyof typeof TO_HOST] : undefined;
    const read: object =
      schema === undefined
        ? { fault: `there is no message ${JSON.stringify(kind.slice(0, 32))}` }
        : readFields(schema, body);
    if (isFault(read)) {
      this.#refuse(id, 'bad_request', read.fault);
      return;
    }
    if (this.#client === null && kind !== 'hello') {
      this.#refuse(id, 'bad_request', 'a hello comes first');
      return;
    }
    switch (kind) {
      case 'hello':
        void this.#hello(read as ToHost<'hello'>);
        return;
      case 'call':
      case 'ask':
        this.#begin(kind, id, read as CallFields);
        return;
      case 'finish':
      case 'drop':
        void this.#settle(kind, id, read as ToHost<'finish'>);
        return;
      case 'forget':
        this.#forget(read as ToHost<'forget'>);
        return;
      case 'cancel':
        this.#calls.get(id)?.abort();
        return;
      case 'open':
        this.#open(read as ToHost<'open'>);
        return;
      case 'close':
        this.#closeSource((read as ToHost<'close'>).source);
        return;
      case 'pushed':
        for (const opened of this.#sources.values()) opened.pushed(id, (read as ToHost<'pushed'>).taken);
        return;
      case 'ping':
        this.#say('pong', 0, { dropped: this.#options.dropped(), memory_bytes: this.#options.memory_bytes() });
        return;
      case 'stop':
        this.#options.onStop((read as ToHost<'stop'>).grace_ms);
    }
  }

  async #hello({ versions, native, client, message_bytes_max }: ToHost<'hello'>): Promise<void> {
    if (this.#client !== null) return;
    const allowed = this.#options.native ?? null;
    const refusal = !versions.includes(HOST_PROTOCOL_VERSION)
      ? `it speaks version ${HOST_PROTOCOL_VERSION} of the protocol, and the node ${versions.join(', ')}`
      : allowed !== null && allowed !== native
        ? `the token is for ${allowed}, and ${native.slice(0, 64)} is asked for`
        : null;
    if (refusal !== null) {
      this.failed(refusal);
      this.#options.onRefused();
      return;
    }
    this.#client = client;
    this.#answer_bytes_max = message_bytes_max;
    const prepared =
      (await this.#definition.store?.prepared(client).catch((error: unknown) => {
        this.failed(`its store does not say what is prepared: ${messageOf(error)}`);
        return null;
      })) ?? [];
    if (this.#isOver) return;
    this.#say('welcome', 0, {
      version: HOST_PROTOCOL_VERSION,
      declarations: list(this.#definition.natives.map(({ declaration }) => toValue(writeDeclaration(declaration)))),
      store: this.#definition.store !== undefined,
      prepared: list(prepared.map((effect) => new Bytes(effect))),
      traces: true,
    });
  }

  #begin(verb: 'call' | 'ask', id: number, fields: CallFields): void {
    if (this.#calls.has(id)) {
      this.#refuse(id, 'bad_request', 'a call of this number is under way');
      return;
    }
    if (this.#calls.size >= limits.host_unanswered_max) {
      this.#refuse(id, 'busy', `${this.#calls.size} calls are under way, and no more are taken`);
      return;
    }
    const native = this.#natives.get(fields.native);
    const refusal = native === undefined ? unknownNative(fields.native) : callFault(native.declaration, fields);
    if (native === undefined || refusal !== null) {
      this.#refuse(id, refusal?.code ?? 'method_unknown', refusal?.message ?? '');
      return;
    }
    const abort = new AbortController();
    this.#calls.set(id, abort);
    this.#make(verb, native, fields, abort.signal).then(
      (answer) => this.#answer(id, answer),
      (error: unknown) => this.#answer(id, { error: errorOf(error) }),
    );
  }

  async #make(
    verb: 'call' | 'ask',
    native: Native,
    fields: CallFields,
    signal: AbortSignal,
  ): Promise<NativeAnswer | 'not_applied'> {
    const { method, form, args, effect, account, handle, state, limit_ms, grant, traceparent } = fields;
    const call: NativeCall = {
      method,
      form,
      args,
      effectId: effect,
      account,
      handle,
      state,
      limit_ms,
      cap: grant,
      signal,
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    if (verb === 'ask') return (await native.ask?.(call)) ?? 'not_applied';
    const { store } = this.#definition;
    if (fields.prepare && store !== undefined) return store.prepare(call, this.#client as Uint8Array);
    const declared = native.declaration.methods.get(method);
    if (declared?.effect === 'none' && native.inline !== undefined) return native.inline(call);
    if (native.call === undefined)
      throw new PowerboxError('native_failed', `${fields.native} has no code for ${method}`);
    return native.call(call);
  }

  #answer(id: number, answer: NativeAnswer | 'not_applied'): void {
    if (!this.#calls.delete(id)) return;
    let bytes: Uint8Array;
    try {
      bytes = encodeFrame('answer', id, answerFields(answer));
    } catch (error) {
      this.#refuse(id, 'native_failed', `the answer cannot be written: ${messageOf(error)}`);
      return;
    }
    if (bytes.length > this.#answer_bytes_max)
      this.#refuse(
        id,
        'native_failed',
        `the answer has ${bytes.length} bytes, and its node takes ${this.#answer_bytes_max}`,
      );
    else if (!this.#isOver) this.#options.send(bytes);
  }

  async #settle(kind: 'finish' | 'drop', id: number, { effect }: ToHost<'finish'>): Promise<void> {
    const { store } = this.#definition;
    try {
      if (store === undefined) throw new PowerboxError('bad_request', 'this host has no store');
      await store[kind](effect);
      this.#say('answer', id, { ok: list(['value', null]) });
    } catch (error) {
      const { code, message } = errorOf(error);
      this.#refuse(id, code, message);
    }
  }

  #forget({ effects }: ToHost<'forget'>): void {
    for (const native of this.#natives.values()) native.forget?.(effects).catch(() => {});
  }

  #refuse(id: number, code: ErrorCode, message: string): void {
    if (id === 0) return;
    this.#calls.delete(id);
    this.#say('answer', id, {
      error: map([
        ['code', code],
        ['message', message.slice(0, limits.failure_text_max)],
      ]),
    });
  }

  #say(kind: string, id: number, body: Readonly<Record<string, Value | undefined>>): void {
    if (!this.#isOver) this.#options.send(encodeFrame(kind, id, body));
  }

  // -------------------------------------------------------------- sources

  #open(fields: ToHost<'open'>): void {
    const native = this.#natives.get(fields.native);
    if (native?.open === undefined) {
      const error = map([
        ['code', 'not_available'],
        ['message', `${fields.native} has no sources here`],
      ]);
      this.#say('fail', this.#nextPush++, { source: fields.source, error });
      return;
    }
    this.#closeSource(fields.source);
    const opened = new ServedSource(fields, {
      push: (message, state, last) => {
        const id = this.#nextPush++;
        this.#say('push', id, { source: fields.source, message: list(message), state, last });
        return id;
      },
      fail: ({ code, message }) => {
        const id = this.#nextPush++;
        this.#say('fail', id, {
          source: fields.source,
          error: map([
            ['code', code],
            ['message', message],
          ]),
        });
        return id;
      },
    });
    this.#sources.set(fields.source, opened);
    native.open(opened);
  }

  #closeSource(id: string): void {
    this.#sources.get(id)?.end();
    this.#sources.delete(id);
  }
}

// ---------------------------------------------------------------- answers

function answerFields(answer: NativeAnswer | 'not_applied'): Readonly<Record<string, Value | undefined>> {
  if (answer === 'not_applied') return { not_applied: true };
  const rest = {
    notes: answer.notes === undefined ? undefined : list(answer.notes.map(errorValue)),
    bytes: answer.bytes,
  };
  if ('error' in answer) return { ...rest, error: errorValue(answer.error) };
  return { ...rest, ok: writeMade(answer.ok), state: answer.state, closes: answer.closes };
}

function errorValue({ code, message }: NativeError): Value {
  return map([
    ['code', code],
    ['message', message.slice(0, limits.failure_text_max)],
  ]);
}

function unknownNative(name: string): NativeError {
  return { code: 'method_unknown', message: `this host has no native ${JSON.stringify(name.slice(0, 64))}` };
}

/** The node has read the call by what was announced; a host does not rely on that. */
function callFault(declaration: ChannelDeclaration, { method, form, args }: CallFields): NativeError | null {
  const declared = declaration.methods.get(method);
  const what = `${declaration.name}.${method.slice(0, 64)}`;
  if (declared === undefined) return { code: 'method_unknown', message: `there is no ${what}` };
  const wanted = declared.forms[form];
  if (wanted === undefined || wanted.args.length !== args.length) {
    return { code: 'arguments_invalid', message: `${what} has no form ${form} of ${args.length} arguments` };
  }
  for (const [index, { name, type }] of wanted.args.entries()) {
    let fault: string | null;
    try {
      fault = mismatch(type, asTyped(args[index] as Value), name);
    } catch (error) {
      fault = messageOf(error);
    }
    if (fault !== null) return { code: 'arguments_invalid', message: `${what}: ${fault}` };
  }
  return null;
}

function errorOf(error: unknown): NativeError {
  if (isPowerboxError(error)) return { code: error.code, message: error.message };
  return { code: 'native_failed', message: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'what was thrown is no error';
}
