/**
 * A native written by an embedding program: declared with zod, implemented by plain functions of plain data.
 * Owns the way from a checked call to those functions and back; the dispatcher sees an ordinary `Native`.
 */
import { z } from 'zod';
import {
  declareChannel,
  type Effect,
  type Form,
  type MethodSource,
  type Native,
  type NativeAnswer,
  type NativeCall,
  type Recovery,
} from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { fromValue, toValue } from '../values/index.ts';
import { argumentType, resultType } from './schema.ts';

type Arguments = Readonly<Record<string, z.ZodType>>;
type ArgumentsOf<A extends Arguments> = { readonly [K in keyof A]: z.output<A[K]> };

/** What a function learns about the call besides its arguments. */
export interface CallContext {
  /** The same when the call is made again after a crash: what to remember to answer `ask`. Empty for effect `none`. */
  readonly effectId: Uint8Array;
  /** Aborted when the caller's time is over or the space closes. */
  readonly signal: AbortSignal;
}

type Effects<A extends Arguments, R extends z.ZodType> =
  | {
      /** Computes only: synchronous, short, the same answer for the same arguments. */
      readonly effect: 'none';
      readonly recovery?: never;
      readonly run: (args: ArgumentsOf<A>) => z.input<R>;
    }
  | {
      /** Reads the world. */
      readonly effect: 'observe';
      readonly recovery?: never;
      readonly run: (args: ArgumentsOf<A>, context: CallContext) => z.input<R> | Promise<z.input<R>>;
    }
  | {
      /** Changes the world; after a crash in the middle it is run again, or answered `interrupted`. */
      readonly effect: 'change';
      readonly recovery: 'repeat' | 'none';
      readonly run: (args: ArgumentsOf<A>, context: CallContext) => z.input<R> | Promise<z.input<R>>;
    }
  | {
      /** As above; `ask` tells whether the change of this effect id was made, and with what result. */
      readonly effect: 'change';
      readonly recovery: 'ask';
      readonly run: (args: ArgumentsOf<A>, context: CallContext) => z.input<R> | Promise<z.input<R>>;
      readonly ask: (
        args: ArgumentsOf<A>,
        context: CallContext,
      ) => Promise<{ readonly applied: true; readonly result: z.input<R> } | { readonly applied: false }>;
    };

export type NativeMethodSource<A extends Arguments, R extends z.ZodType> = {
  readonly doc: string;
  /** Arguments in the order in which a contract gives them. */
  readonly args: A;
  readonly result: R;
} & Effects<A, R>;

/** A method whose types have been checked; made by `nativeMethod`. */
export interface NativeMethod {
  readonly doc: string;
  readonly effect: Effect;
  readonly recovery: Recovery | null;
  readonly form: Form;
  run(call: NativeCall): NativeAnswer | Promise<NativeAnswer>;
  ask(call: NativeCall): Promise<NativeAnswer | 'not_applied'>;
}

type Parsed<T> = { readonly args: T; readonly refusal: null } | { readonly args: null; readonly refusal: NativeAnswer };

/** Ties a method's function to the types of its arguments and result. */
export function nativeMethod<A extends Arguments, R extends z.ZodType>(source: NativeMethodSource<A, R>): NativeMethod {
  const names = Object.keys(source.args);
  const schema = z.strictObject(source.args);
  const parse = (call: NativeCall): Parsed<ArgumentsOf<A>> => {
    const given = Object.fromEntries(names.map((name, index) => [name, fromValue(call.args[index] ?? null)]));
    const parsed = schema.safeParse(given);
    // `data` has the type of the schema, which zod cannot show for a shape that is generic.
    if (parsed.success) return { args: parsed.data as ArgumentsOf<A>, refusal: null };
    const message = `${call.method}: ${sentenceOf(parsed.error)}`;
    return { args: null, refusal: { error: { code: 'arguments_invalid', message } } };
  };
  const answer = (result: z.input<R>): NativeAnswer => {
    const parsed = source.result.safeParse(result);
    if (!parsed.success) {
      throw new PowerboxError('native_failed', `the result is not of its declared type: ${sentenceOf(parsed.error)}`);
    }
    return { ok: toValue(parsed.data) };
  };
  const settle = (result: z.input<R> | Promise<z.input<R>>) =>
    result instanceof Promise ? result.then(answer) : answer(result);
  return {
    doc: source.doc,
    effect: source.effect,
    recovery: source.recovery ?? null,
    form: {
      args: names.map((name) => ({ name, type: argumentType(source.args[name] as z.ZodType) })),
      result: resultType(source.result),
    },
    run(call) {
      const { args, refusal } = parse(call);
      return refusal ?? settle(source.run(args, contextOf(call)));
    },
    async ask(call) {
      if (source.recovery !== 'ask') return 'not_applied';
      const { args, refusal } = parse(call);
      if (refusal !== null) return refusal;
      const asked = await source.ask(args, contextOf(call));
      return asked.applied ? answer(asked.result) : 'not_applied';
    },
  };
}

export interface NativeSource {
  /** camelCase; what error messages and the record call it. */
  readonly name: string;
  readonly doc: string;
  readonly methods: Readonly<Record<string, NativeMethod>>;
  /** Called once when the space closes. */
  readonly close?: () => Promise<void>;
}

/** A native that `openSpace` and `register` take. Throws `declaration_invalid` for what could be read two ways. */
export function defineNative(source: NativeSource): Native {
  const methods = new Map(Object.entries(source.methods));
  const declaration = declareChannel({
    name: source.name,
    doc: source.doc,
    methods: Object.fromEntries([...methods].map(([name, method]) => [name, methodSource(method)])),
  });
  const find = (call: NativeCall): NativeMethod => {
    const method = methods.get(call.method);
    if (method === undefined) throw new PowerboxError('method_unknown', `${source.name} has no method ${call.method}`);
    return method;
  };
  return {
    declaration,
    inline(call) {
      const answer = find(call).run(call);
      if (answer instanceof Promise) {
        answer.catch(() => {});
        const message = `${source.name}.${call.method} has effect none, so it must answer at once and not with a promise`;
        return { error: { code: 'native_failed', message } };
      }
      return answer;
    },
    async call(call) {
      return find(call).run(call);
    },
    ask: (call) => find(call).ask(call),
    ...(source.close === undefined ? {} : { close: source.close }),
  };
}

function methodSource(method: NativeMethod): MethodSource {
  const text = { doc: method.doc, forms: [method.form] };
  if (method.effect !== 'change') return { ...text, effect: method.effect };
  return { ...text, effect: 'change', recovery: method.recovery ?? 'none' };
}

function contextOf(call: NativeCall): CallContext {
  return new Context(call);
}

class Context implements CallContext {
  readonly effectId: Uint8Array;
  readonly #call: NativeCall;

  constructor(call: NativeCall) {
    this.effectId = call.effectId;
    this.#call = call;
  }

  /** Made for whoever asks: most never do. */
  get signal(): AbortSignal {
    return this.#call.signal ?? NEVER;
  }
}

/** Never aborted: for calls that nobody can cut off. */
const NEVER = new AbortController().signal;

function sentenceOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`).join('; ');
}
