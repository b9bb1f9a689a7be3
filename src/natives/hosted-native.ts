/**
 * One native that a host runs, as the dispatcher sees it: an ordinary `Native`, which is there also while its host is
 * not. Owns the way of a call to the host and back: its values, its place in the queue, its time, and what is answered
 * when the host is gone in the middle of it.
 */
import {
  type ChannelDeclaration,
  type Method,
  type Native,
  type NativeAnswer,
  type NativeCall,
  type NativeError,
  type Source,
  whenLeft,
} from '../../channels/index.ts';
import { readPowerHandle } from '../capability/index.ts';
import { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Timers } from '../platform/index.ts';
import { Bytes, list, sizeOf, type Value } from '../values/index.ts';
import type { HostConnection, Reply } from './connection.ts';
import type { Leaving } from './gate.ts';
import type { Host } from './host.ts';
import { MadeReader } from './made.ts';
import type { AnswerFields } from './protocol.ts';
import type { HostSources } from './sources.ts';
import type { HostTokens } from './tokens.ts';

export interface HostedOptions {
  readonly host: Host;
  readonly name: string;
  /** What the space knows of it. */
  readonly declared: () => ChannelDeclaration;
  readonly tokens: HostTokens;
  readonly sources: HostSources;
  /** Whether this grant stands. */
  readonly stands: (grant: string) => boolean;
  readonly timers: Timers;
}

export class HostedNative implements Native {
  readonly #options: HostedOptions;
  readonly #reader: MadeReader;

  constructor(options: HostedOptions) {
    this.#options = options;
    this.#reader = new MadeReader(options.tokens, (native) => options.host.declarations.has(native));
  }

  get declaration(): ChannelDeclaration {
    return this.#options.declared();
  }

  async call(call: NativeCall): Promise<NativeAnswer> {
    const { host } = this.#options;
    host.calls++;
    const answer = await this.#call(call);
    const code = 'error' in answer ? answer.error.code : 'ok';
    host.outcomes.set(code, (host.outcomes.get(code) ?? 0) + 1);
    return answer;
  }

  async ask(call: NativeCall): Promise<NativeAnswer | 'not_applied'> {
    const { host } = this.#options;
    const { grant } = readPowerHandle(call.handle);
    if (!(await host.whenUp(leavingOf(call)))) return { error: this.#absent() };
    // What it had prepared and was not on record as finished was dropped when it came.
    if (host.connection?.welcome.store === true) return 'not_applied';
    const reply = await this.#request('ask', call);
    if ('error' in reply) return reply;
    if (reply.kind !== 'answer') return { error: gone(reply, this.#what(call)) };
    return reply.fields.not_applied === true ? 'not_applied' : this.#read(reply.fields, grant);
  }

  async forget(effects: readonly Uint8Array[]): Promise<void> {
    const { host } = this.#options;
    await host.prepared.forget(effects);
    const { connection } = host;
    if (connection !== null && !connection.welcome.store)
      connection.tell('forget', 0, { effects: list(effects.map((effect) => new Bytes(effect))) });
  }

  open(source: Source): void {
    this.#options.sources.open(this.#options.name, source, this.#reader);
  }

  // -------------------------------------------------------------- one call

  async #call(call: NativeCall): Promise<NativeAnswer> {
    const { host, stands } = this.#options;
    const { grant } = readPowerHandle(call.handle);
    if (!stands(grant)) {
      return {
        error: {
          code: 'not_available',
          message: `the grant ${JSON.stringify(grant)} that this channel came from is not there any more`,
        },
      };
    }
    const method = this.declaration.methods.get(call.method);
    // It may have been made already, by an earlier process; so that it was not made must not be said.
    let isAgain = call.again === true;
    for (;;) {
      if (isAgain) await host.whenUp(leavingOf(call));
      const { connection } = host;
      // Read by a declaration that says nothing, a call cannot be made.
      if (connection === null || this.declaration.methods.size === 0) return { error: this.#absent() };
      if (isTwoPhase(connection, method) && host.prepared.open >= limits.host_prepared_max)
        return { error: this.#behind() };
      const reply = await this.#request('call', call, isTwoPhase(connection, method));
      if ('error' in reply) return reply;
      if (reply.kind === 'bad' || reply.kind === 'large') return { error: gone(reply, this.#what(call)) };
      if (reply.kind === 'gone') {
        if (isAgain || !isRepeatable(method)) return { error: gone(reply, this.#what(call)) };
        isAgain = true;
        const before = await this.#settledBefore(call, method);
        if (before !== null) return before;
        continue;
      }
      const answer = this.#read(reply.fields, grant);
      const isPrepared = isTwoPhase(connection, method) && 'ok' in answer;
      if (isPrepared) host.prepared.answered(call.effectId);
      return isPrepared ? { ...answer, prepared: true } : answer;
    }
  }

  /** The host ended in the middle of a change that can be asked for: what has become of it; null: make it again. */
  async #settledBefore(call: NativeCall, method: Method | undefined): Promise<NativeAnswer | null> {
    if (method?.recovery !== 'ask') return null;
    const told = await this.ask(call);
    return told === 'not_applied' ? null : told;
  }

  /** Waits for its turn and its answer, each within its bound. */
  async #request(
    verb: 'call' | 'ask',
    call: NativeCall,
    prepare = false,
  ): Promise<Reply | { readonly error: NativeError }> {
    const { host, timers, name } = this.#options;
    let body: Readonly<Record<string, Value | undefined>>;
    try {
      body = this.#body(call);
    } catch (error) {
      if (isPowerboxError(error))
        return { error: { code: error.code, message: `${this.#what(call)}: ${error.message}` } };
      throw error;
    }
    const entered = await host.gate.enter(leavingOf(call));
    if (entered !== 'entered') {
      const busy = `the host of ${name} has ${host.gate.running} calls under way and ${host.gate.waiting} waiting, and takes no more`;
      return { error: entered === 'busy' ? { code: 'busy', message: busy } : cutOff(this.#what(call)) };
    }
    let isIn = true;
    const leave = (): void => {
      if (isIn) host.gate.leave();
      isIn = false;
    };
    const { connection } = host;
    if (connection === null) {
      leave();
      return { error: this.#absent() };
    }
    if (connection.waiting >= limits.host_unanswered_max) {
      leave();
      return { error: { code: 'busy', message: `the host of ${name} owes ${connection.waiting} answers` } };
    }
    if (connection.welcome.traces && call.traceparent !== undefined) body = { ...body, traceparent: call.traceparent };
    let id = 0;
    // Its place is free for others once nobody waits for it any more; its answer is still heard.
    const cancel = (): void => {
      connection.cancel(id);
      leave();
    };
    const reply = connection.request(verb, verb === 'call' ? { ...body, prepare } : body, (number) => {
      id = number;
    });
    const stop = whenLeft(call, cancel);
    const { call_ms_max } = host.settings;
    let isLate = false;
    const ended = reply.finally(() => {
      stop();
      leave();
      // Nobody takes this answer any more, so nothing of it may stay prepared.
      if (isLate && prepare) void host.prepared.forget([call.effectId]);
    });
    if (call_ms_max === null) return ended;
    return new Promise((resolve, reject) => {
      const timer = timers.after(call_ms_max, () => {
        isLate = true;
        cancel();
        const message = `${this.#what(call)} has not answered within ${call_ms_max} ms`;
        resolve({ error: { code: 'timed_out', message } });
      });
      ended.then(
        (said) => {
          timer.cancel();
          resolve(said);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  #body(call: NativeCall): Readonly<Record<string, Value | undefined>> {
    const { tokens, name, host } = this.#options;
    const { grant, rest } = readPowerHandle(call.handle);
    requireSize(call);
    const { call_ms_max } = host.settings;
    const limit_ms = leastOf(call.limit_ms ?? null, call_ms_max);
    return {
      native: name,
      method: call.method,
      form: call.form,
      args: list(call.args.map((arg) => tokens.outward(arg))),
      effect: new Bytes(call.effectId),
      account: call.account,
      grant,
      handle: tokens.outward(rest[0] ?? null),
      state: call.state === undefined ? undefined : tokens.outward(call.state),
      limit_ms: limit_ms === null ? null : Math.ceil(limit_ms),
    };
  }

  /** What the host has said, as an answer; what cannot be one is `native_failed`. */
  #read(fields: AnswerFields, grant: string): NativeAnswer {
    const { tokens } = this.#options;
    const notes = fields.notes?.map(errorOf) ?? [];
    const rest = {
      ...(notes.length === 0 ? {} : { notes }),
      ...(fields.bytes === undefined ? {} : { bytes: fields.bytes }),
    };
    if (fields.error !== undefined) return { ...rest, error: errorOf(fields.error) };
    if (fields.ok === undefined)
      return { error: { code: 'native_failed', message: 'the host answers neither ok nor error' } };
    try {
      const ok = this.#reader.result(fields.ok, grant);
      return {
        ...rest,
        ok,
        ...(fields.state === undefined ? {} : { state: tokens.inward(fields.state) }),
        ...(fields.closes === undefined ? {} : { closes: tokens.inward(fields.closes) }),
      };
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      return { error: { code: 'native_failed', message: error.message } };
    }
  }

  #what({ method }: NativeCall): string {
    return `${this.#options.name}.${method}`;
  }

  #behind(): NativeError {
    const { host, name } = this.#options;
    return { code: 'busy', message: `the host of ${name} has ${host.prepared.open} changes prepared and not finished` };
  }

  #absent(): NativeError {
    const { host, name } = this.#options;
    return {
      code: 'not_available',
      message: `the native ${name} has no host here now: ${host.absence}`,
    };
  }
}

function leavingOf(call: NativeCall): Leaving {
  return (run) => whenLeft(call, run);
}

/** Whether the host takes part in the commit of such a call. */
function isTwoPhase({ welcome }: HostConnection, method: Method | undefined): boolean {
  return welcome.store && method?.effect === 'change' && method.recovery === 'ask';
}

function isRepeatable(method: Method | undefined): boolean {
  return method?.recovery === 'repeat' || method?.recovery === 'ask';
}

function gone(reply: Exclude<Reply, { kind: 'answer' }>, what: string): NativeError {
  if (reply.kind === 'large') {
    const message = `${what}: a message to a host has at most ${limits.host_message_bytes_max} bytes, and this one ${reply.bytes}`;
    return { code: 'value_too_large', message };
  }
  if (reply.kind === 'bad')
    return { code: 'native_failed', message: `the answer of ${what} cannot be taken: ${reply.reason}` };
  // Why it ended is in the log: what it said last is for its operator.
  return {
    code: 'interrupted',
    message: `${what} was under way when its host ended; whether it was done is not known`,
  };
}

function cutOff(what: string): NativeError {
  return { code: 'cancelled', message: `${what} was cut off before it began` };
}

/** Before anything walks them: a value that shares its parts may stand for far more than it takes. */
function requireSize({ args, state = null }: NativeCall): void {
  let left = limits.host_message_bytes_max * MEMORY_RATIO_MAX;
  for (const value of [...args, state]) left -= sizeOf(value, left);
  if (left <= 0)
    throw new PowerboxError(
      'value_too_large',
      `a message to a host has at most ${limits.host_message_bytes_max} bytes`,
    );
}

/** Bytes of memory that one canonical byte of a value may take. */
const MEMORY_RATIO_MAX = 32;

function errorOf({ code, message }: { readonly code: string; readonly message: string }): NativeError {
  if (ERROR_CODES.includes(code as ErrorCode)) return { code: code as ErrorCode, message };
  return { code: 'native_failed', message: `${code.slice(0, 64)}: ${message}` };
}

function leastOf(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.min(left, right);
}
