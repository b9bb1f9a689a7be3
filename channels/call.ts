/**
 * From a message on a system channel to a checked call, or to a refusal that says what was expected and what
 * came. The one checker of this kind of input: past it, natives trust number and types of their arguments.
 *
 *   ("method", args…)   ("method", args…, *ret)   ("method", args…, *ret, *err)
 *   (*ret, "method", args…)                        as `chan!?("method", args…)` puts it; *err may follow
 *
 * The trailing names must be unforgeable and writable: a public name is a value like any other and cannot be
 * told from an argument. It never throws for what a program said.
 */
import { Kind, MapValue, Tuple } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';
import type { ErrorCode } from '../src/errors.ts';
import { methodOf, PLAIN_METHOD } from './declare.ts';
import type { ChannelDeclaration, Form, Method, Reading } from './declare.ts';
import { Later, NewChannel, NewMap, NewObject, NewSource } from './native.ts';
import type { NativeResult } from './native.ts';
import { MAP_BIT, NAME_BIT, bitOf, describe, describeValue, isReplyName, mismatch } from './types.ts';

export class Call {
  readonly ok = true;
  constructor(
    readonly method: Method,
    /** Index of the form in `method.forms`. */
    readonly form: number,
    readonly args: readonly Value[],
    /** Where the result goes; null when nobody waits for it. */
    readonly ret: Value | null,
    /** Where an error goes; null: to `ret`. */
    readonly err: Value | null,
  ) {}
}

export class CallRefusal {
  readonly ok = false;
  constructor(
    readonly code: 'method_unknown' | 'arguments_invalid',
    readonly message: string,
    /** The method that was meant, when the message named one. */
    readonly method: string | null,
    readonly ret: Value | null,
    readonly err: Value | null,
  ) {}
}

export function parseCall(declaration: ChannelDeclaration, message: readonly Value[]): Call | CallRefusal {
  if (declaration.kind === 'plain') return parsePlain(declaration, message);
  const first = message[0];
  const replyFirst = first !== undefined && typeof first !== 'string' && isReplyName(first);
  const start = replyFirst ? 2 : 1;
  const name = replyFirst ? message[1] : first;
  const found = typeof name === 'string' ? methodOf(declaration, name) : undefined;
  if (found === undefined) return unknownMethod(declaration, message, name, replyFirst);
  const readings = found.readings[message.length - start];
  if (readings !== null && readings !== undefined) {
    for (const reading of readings) {
      if ((replyFirst && reading.trailing > 1) || !fits(reading, message, start)) continue;
      return finish(declaration, found, reading, message, start, replyFirst);
    }
  }
  return refuse(declaration, found.name, message, start, replyFirst, whyNoForm(found, message, start));
}

/** The same check for a call inside an expression, where the reply needs no name: `*chan.method(args)`. */
export function parseMethodCall(
  declaration: ChannelDeclaration,
  name: string,
  args: readonly Value[],
): Call | CallRefusal {
  const found = methodOf(declaration, name);
  if (found === undefined || declaration.kind === 'plain') return unknownMethod(declaration, args, name, false);
  for (const reading of found.readings[args.length] ?? []) {
    if (reading.trailing === 0 && fits(reading, args, 0)) return finish(declaration, found, reading, args, 0, false);
  }
  return new CallRefusal('arguments_invalid', sentence(declaration, name, whyNoForm(found, args, 0)), name, null, null);
}

function fits(reading: Reading, message: readonly Value[], start: number): boolean {
  const { masks, trailing } = reading;
  const names = masks.length - trailing;
  for (let index = 0; index < masks.length; index++) {
    const value = message[start + index] as Value;
    if (index < names ? ((masks[index] as number) & bitOf(value)) === 0 : !isReplyName(value)) return false;
  }
  return true;
}

function finish(
  declaration: ChannelDeclaration,
  found: Method,
  reading: Reading,
  message: readonly Value[],
  start: number,
  replyFirst: boolean,
): Call | CallRefusal {
  const form = found.forms[reading.form] as Form;
  const end = start + form.args.length;
  const args = message.slice(start, end);
  const after = message[end] ?? null;
  const ret = replyFirst ? (message[0] as Value) : reading.trailing > 0 ? after : null;
  const err = replyFirst ? after : reading.trailing > 1 ? (message[end + 1] as Value) : null;
  for (let index = 0; index < args.length; index++) {
    const argument = form.args[index];
    if (argument === undefined) continue;
    const wrong = mismatch(argument.type, args[index] as Value, argument.name);
    if (wrong !== null) {
      return new CallRefusal('arguments_invalid', sentence(declaration, found.name, wrong), found.name, ret, err);
    }
  }
  return new Call(found, reading.form, args, ret, err);
}

function parsePlain(declaration: ChannelDeclaration, message: readonly Value[]): Call | CallRefusal {
  const found = declaration.methods.get(PLAIN_METHOD) as Method;
  const reading = found.readings[message.length]?.[0];
  if (reading !== undefined && fits(reading, message, 0)) return finish(declaration, found, reading, message, 0, false);
  const last = message[message.length - 1];
  const ret = declaration.replies && last !== undefined && isReplyName(last) ? last : null;
  const wanted = formInWords(found.forms[0] as Form) + (declaration.replies ? ' and the channel of the reply' : '');
  const why = `the channel ${declaration.name} takes ${wanted}, but ${valuesInWords(message)} came`;
  return new CallRefusal('arguments_invalid', why, null, ret, null);
}

// ---------------------------------------------------------------- refusals

function unknownMethod(
  declaration: ChannelDeclaration,
  message: readonly Value[],
  name: Value | undefined,
  replyFirst: boolean,
): CallRefusal {
  const known = [...declaration.methods.keys()].join(', ');
  const came = name === undefined ? 'nothing' : describeValue(name);
  const why =
    typeof name === 'string'
      ? `the channel ${declaration.name} has no such method; ${came} came, it has ${known}`
      : `a message to the channel ${declaration.name} starts with a method (${known}), but ${came} came`;
  const [ret, err] = replies(message, replyFirst ? 2 : 1, replyFirst);
  return new CallRefusal('method_unknown', why, typeof name === 'string' ? name.slice(0, 64) : null, ret, err);
}

function refuse(
  declaration: ChannelDeclaration,
  name: string,
  message: readonly Value[],
  start: number,
  replyFirst: boolean,
  why: string,
): CallRefusal {
  const [ret, err] = replies(message, start, replyFirst);
  return new CallRefusal('arguments_invalid', sentence(declaration, name, why), name, ret, err);
}

/** Where the refusal of a call without a reading goes: its last names are taken for `*ret` and `*err`. */
function replies(message: readonly Value[], start: number, replyFirst: boolean): [Value | null, Value | null] {
  const length = message.length;
  const last = length > start && isReplyName(message[length - 1] as Value) ? (message[length - 1] as Value) : null;
  if (replyFirst) return [message[0] as Value, last];
  if (last === null) return [null, null];
  const before =
    length - 1 > start && isReplyName(message[length - 2] as Value) ? (message[length - 2] as Value) : null;
  return before === null ? [last, null] : [before, last];
}

function sentence(declaration: ChannelDeclaration, name: string, why: string): string {
  return `${declaration.name}.${name}: ${why}`;
}

function whyNoForm(found: Method, message: readonly Value[], start: number): string {
  const wanted = found.forms.map(formInWords).join('; or ');
  return `expected ${wanted}, then at most the names *ret and *err; ${valuesInWords(message.slice(start))} came`;
}

function formInWords(form: Form): string {
  if (form.args.length === 0) return 'no argument';
  return form.args.map((argument) => `${argument.name} (${describe(argument.type)})`).join(', ');
}

function valuesInWords(values: readonly Value[]): string {
  if (values.length === 0) return 'nothing';
  const shown = values
    .slice(0, 8)
    .map((value) => (bitOf(value) === NAME_BIT ? nameInWords(value) : describeValue(value)));
  return values.length > 8 ? `${shown.join(', ')} and ${values.length - 8} more` : shown.join(', ');
}

function nameInWords(value: Value): string {
  return isReplyName(value) ? 'a name' : 'a name that cannot be sent on';
}

// ---------------------------------------------------------------- results

/** What goes to `*err`, else to `*ret`: the one shape that no declared result may have. */
export function errorResult(code: ErrorCode, message: string, channel: string, method: string): Value {
  return new Tuple(['error', new MapValue(['channel', 'code', 'message', 'method'], [channel, code, message, method])]);
}

export function isErrorResult(value: Value): boolean {
  if (value === null || typeof value !== 'object' || value.kind !== Kind.Tuple || value.items.length !== 2)
    return false;
  const map = value.items[1];
  return value.items[0] === 'error' && map !== null && typeof map === 'object' && map.kind === Kind.Map;
}

/** Null when a native's answer is of the form's declared type, else why it is not: a bug of the native. */
export function resultMismatch(form: Form, result: NativeResult): string | null {
  // What comes later is checked when it comes.
  if (result instanceof Later) return null;
  if (result instanceof NewMap) {
    return (form.result.mask & MAP_BIT) === 0 ? `the result must be ${describe(form.result)}, but a map came` : null;
  }
  if (result instanceof NewObject || result instanceof NewChannel || result instanceof NewSource) {
    return (form.result.mask & NAME_BIT) === 0
      ? `the result must be ${describe(form.result)}, but a channel came`
      : null;
  }
  return mismatch(form.result, result, 'the result');
}
