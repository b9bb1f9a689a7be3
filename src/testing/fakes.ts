/** Natives for tests, made from the declaration of a channel: they answer what the test says, and remember the calls. */
import type { ChannelDeclaration, Native, NativeAnswer, NativeCall } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { fromValue, type HostValue, toValue } from '../values/index.ts';

/** What a method answers: a value, or what a function makes of the arguments. What it throws is the call's error. */
export type FakeAnswer = HostValue | ((...args: readonly HostValue[]) => HostValue | Promise<HostValue>);

export interface FakeCall {
  readonly method: string;
  readonly args: readonly HostValue[];
}

export interface FakeNative extends Native {
  /** In their order. */
  readonly calls: readonly FakeCall[];
}

/**
 * A method that is not said to answer anything answers `not_available`. Throws `method_unknown` for an answer to a method
 * that the declaration does not have: it would never be asked for.
 */
export function fakeNative(
  declaration: ChannelDeclaration,
  answers: Readonly<Record<string, FakeAnswer>> = {},
): FakeNative {
  for (const name of Object.keys(answers)) {
    if (!declaration.methods.has(name))
      throw new PowerboxError(
        'method_unknown',
        `the channel ${declaration.name} has no method ${name}; it has ${[...declaration.methods.keys()].join(', ')}`,
      );
  }
  const calls: FakeCall[] = [];
  const heard = (
    call: NativeCall,
  ): { readonly answer: FakeAnswer | undefined; readonly args: readonly HostValue[] } => {
    const args = call.args.map((arg) => fromValue(arg));
    calls.push({ method: call.method, args });
    return { answer: answers[call.method], args };
  };
  const missing = (method: string): NativeAnswer => ({
    error: { code: 'not_available', message: `the fake ${declaration.name} was not told what ${method} answers` },
  });
  const failed = (thrown: unknown): NativeAnswer => ({
    error: { code: 'native_failed', message: thrown instanceof Error ? thrown.message : String(thrown) },
  });
  return {
    declaration,
    calls,
    inline(call) {
      const { answer, args } = heard(call);
      if (answer === undefined) return missing(call.method);
      try {
        const made = typeof answer === 'function' ? answer(...args) : answer;
        if (made instanceof Promise) return failed(`${call.method} has effect none: it answers at once`);
        return { ok: toValue(made) };
      } catch (thrown) {
        return failed(thrown);
      }
    },
    async call(call) {
      const { answer, args } = heard(call);
      if (answer === undefined) return missing(call.method);
      try {
        return { ok: toValue(typeof answer === 'function' ? await answer(...args) : answer) };
      } catch (thrown) {
        return failed(thrown);
      }
    },
    ask: async () => 'not_applied',
    open: () => {},
  };
}
