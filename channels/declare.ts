/**
 * A declaration says everything that can be said on one kind of channel: methods, forms, types, effects,
 * recovery, documentation. It holds no behaviour; `resolvers/` answers. All that is said about a channel
 * elsewhere (argument check, reference page, JSON Schema) is derived from here.
 *
 * A declaration that could be read two ways is refused with `declaration_invalid` when it is made, so at start.
 */
import { PowerboxError } from '../src/errors.ts';
import { ATTENUATIONS, isAttenuation } from './attenuation.ts';
import { NAME_BIT, TUPLE_BIT } from './types.ts';
import type { Type } from './types.ts';

/** Computing only; reads the world; changes it. */
export type Effect = 'none' | 'observe' | 'change';
/** What is done about a change that a crash left begun and not finished. */
export type Recovery = 'repeat' | 'ask' | 'none';

export interface Argument {
  readonly name: string;
  readonly type: Type;
  readonly doc?: string;
}

export interface Form {
  readonly args: readonly Argument[];
  readonly result: Type;
  readonly doc?: string;
}

interface MethodText {
  readonly doc: string;
  readonly forms: readonly Form[];
  /** The answer comes when a person gives it, however late: calls have no time limit. Default false. */
  readonly patient?: boolean;
  /**
   * Calls of one object run one after the other within a lane; methods of different lanes run side by side, so that
   * one which waits (to receive) holds up none of the others (to send). Default: the one lane without a name. Null:
   * its calls are in no order at all.
   */
  readonly lane?: string | null;
}

export type MethodSource = MethodText &
  (
    | { readonly effect: 'none'; readonly recovery?: never; readonly unseen?: never }
    | {
        readonly effect: 'observe';
        readonly recovery?: never;
        /**
         * Nothing outside this process can tell that it looked, so a call begins before its task is durable: what a
         * crash takes back nobody has seen. Never for what asks somebody else, as a request over the network does.
         */
        readonly unseen?: boolean;
      }
    | { readonly effect: 'change'; readonly recovery: Recovery; readonly unseen?: never }
  );

export interface Method {
  readonly name: string;
  readonly doc: string;
  readonly effect: Effect;
  /** Null unless the effect is `change`. */
  readonly recovery: Recovery | null;
  /** Only with effect `observe`: it leaves no trace outside this process. */
  readonly unseen: boolean;
  readonly forms: readonly Form[];
  /** Whether a call may take any time. */
  readonly patient: boolean;
  /** In which order of the object its calls stand; empty for the one without a name, null for none. */
  readonly lane: string | null;
  /** Readings of a call by number of values after the method, trailing names included; null where none has that many. */
  readonly readings: readonly (readonly Reading[] | null)[];
}

/** One way to read the values of a call: a form and how many trailing names (`*ret`, `*err`) follow it. */
export interface Reading {
  readonly form: number;
  readonly trailing: number;
  readonly masks: readonly number[];
}

/** Whether messages name a method first, or are values as such (`rho:io:stdout`). */
export type ChannelKind = 'methods' | 'plain';

export interface ChannelDeclaration {
  readonly name: string;
  readonly kind: ChannelKind;
  readonly doc: string;
  readonly methods: ReadonlyMap<string, Method>;
  /** Of a plain channel: that the last value of a message is the channel of the reply. */
  readonly replies: boolean;
}

/** The one method of a plain channel, as natives see it. */
export const PLAIN_METHOD = 'send';

const WORD = /^[a-z][A-Za-z0-9]*$/;
const CHANNEL_NAME = /^[a-z][A-Za-z0-9]*$/;

/** Types a method's declaration, so that a `change` without recovery does not compile. */
export function method(source: MethodSource): MethodSource {
  return source;
}

export function declareChannel(source: {
  readonly name: string;
  readonly doc: string;
  readonly methods: Readonly<Record<string, MethodSource>>;
}): ChannelDeclaration {
  requireName(source.name);
  const methods = new Map<string, Method>();
  for (const [name, text] of Object.entries(source.methods)) {
    if (!WORD.test(name)) invalid(source.name, `the method name ${JSON.stringify(name)} is not a word in camelCase`);
    if (isAttenuation(name)) invalid(source.name, `every object has a method ${name} already`);
    methods.set(name, compile(source.name, name, text, [0, 1, 2]));
  }
  if (methods.size === 0) invalid(source.name, 'it has no method');
  return { name: source.name, kind: 'methods', doc: source.doc, methods, replies: true };
}

/** A channel that takes values as such, in one form; with `replies`, the channel of the reply follows them. */
export function declarePlain(
  source: {
    readonly name: string;
    readonly replies: boolean;
    readonly args: readonly Argument[];
    readonly result: Type;
  } & Omit<MethodSource, 'forms'>,
): ChannelDeclaration {
  requireName(source.name);
  const { name, doc, effect, recovery, args, result, replies } = source;
  const text = { doc, effect, recovery, forms: [{ args, result }] } as MethodSource;
  const compiled = compile(name, PLAIN_METHOD, text, [replies ? 1 : 0]);
  return { name, kind: 'plain', doc, methods: new Map([[PLAIN_METHOD, compiled]]), replies };
}

function compile(channel: string, name: string, source: MethodSource, trailings: readonly number[]): Method {
  const recovery = source.recovery ?? null;
  if (source.effect === 'change' && recovery === null)
    invalid(channel, `${name} changes the world and has no recovery`);
  if (source.effect !== 'change' && recovery !== null) {
    invalid(channel, `${name} has effect ${source.effect} and so needs no recovery, but declares ${recovery}`);
  }
  if (source.forms.length === 0) invalid(channel, `${name} has no form`);
  if (source.doc.trim() === '') invalid(channel, `${name} has no documentation`);
  const readings: (Reading[] | null)[] = [];
  source.forms.forEach((form, index) => {
    if ((form.result.mask & TUPLE_BIT) !== 0) {
      invalid(channel, `form ${index} of ${name} may answer a tuple, which could be taken for an error`);
    }
    const masks = form.args.map((argument) => argument.type.mask);
    for (const trailing of trailings) {
      const reading = { form: index, trailing, masks: [...masks, ...Array<number>(trailing).fill(NAME_BIT)] };
      const length = reading.masks.length;
      while (readings.length <= length) readings.push(null);
      const others = readings[length] ?? [];
      for (const other of others) {
        if (overlaps(other.masks, reading.masks)) {
          invalid(channel, `a call of ${name} with ${length} values could be form ${other.form} or form ${index}`);
        }
      }
      readings[length] = [...others, reading];
    }
  });
  const { doc, effect, forms, patient = false, lane = '', unseen = false } = source;
  if (unseen && effect !== 'observe') invalid(channel, `${name} has effect ${effect} and so cannot be unseen`);
  if (lane !== null && lane !== '' && !WORD.test(lane))
    invalid(channel, `the lane ${JSON.stringify(lane)} of ${name} is not a word`);
  return { name, doc, effect, recovery, unseen, forms, patient, lane, readings };
}

/** What every object with methods can be asked besides; the dispatcher answers. */
export const UNIVERSAL_METHODS: ReadonlyMap<string, Method> = new Map(
  Object.entries(ATTENUATIONS).map(([name, { doc, effect, args, result }]) => [
    name,
    compile('every object', name, { doc, effect, lane: null, forms: [{ args, result }] }, [0, 1, 2]),
  ]),
);

/** The method of this name on channels of a declaration. */
export function methodOf(declaration: ChannelDeclaration, name: string): Method | undefined {
  return declaration.methods.get(name) ?? (declaration.kind === 'plain' ? undefined : UNIVERSAL_METHODS.get(name));
}

/** Whether one list of values could be both. */
function overlaps(left: readonly number[], right: readonly number[]): boolean {
  return left.every((mask, position) => (mask & (right[position] ?? 0)) !== 0);
}

function requireName(name: string): void {
  if (!CHANNEL_NAME.test(name)) invalid(name, 'its name is not a word in camelCase');
}

function invalid(channel: string, why: string): never {
  throw new PowerboxError('declaration_invalid', `the declaration of ${JSON.stringify(channel)} cannot stand: ${why}`, {
    hint: 'Each call must have one reading: give the forms of a method different numbers or types of arguments.',
  });
}
