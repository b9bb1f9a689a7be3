/**
 * A space as the host of a native: every call goes as a message to a channel of it, and the answer is the reply. So the
 * remote of a node may be another powerbox: what a contract there answers is a native here. Owns nothing of the space;
 * what was given to it as a token goes through it as it is, and is of use only where it came from.
 */
import type { ChannelDeclaration, Native, NativeAnswer, NativeCall, NativeError } from '../../channels/index.ts';
import { ANY_MESSAGE } from '../dispatch/index.ts';
import { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { asTyped, type HostDefinition } from '../natives/index.ts';
import { bundle, Kind, type List, type MapValue, toValue, type Tuple, type Value } from '../values/index.ts';
import { internalsOf } from './internals.ts';
import type { ChannelName, Space } from './types.ts';

export interface ForwardingOptions {
  /** What the contract on the channel offers. Its calls have effects `observe` or `change`, and no recovery but `none`. */
  readonly declaration: ChannelDeclaration;
  /** Gets each call as `(method, arguments…, reply)`; an error is answered as `("error", {"code": …, "message": …})`. */
  readonly channel: ChannelName;
}

/** For `listenHost`. Refused with `declaration_invalid` where the declaration promises what no message can. */
export function hostOfChannel(space: Space, { declaration, channel }: ForwardingOptions): HostDefinition {
  for (const { name, effect, recovery } of declaration.methods.values()) {
    if (effect === 'observe' || recovery === 'none') continue;
    throw new PowerboxError('declaration_invalid', `${declaration.name}.${name} is answered by a contract`, {
      hint: 'A message that was sent cannot be asked for and is not sent again: declare effect observe, or recovery none.',
    });
  }
  const { engine, host } = internalsOf(space);
  const target = toValue(channel);
  const native: Native = {
    declaration,
    async call(call: NativeCall): Promise<NativeAnswer> {
      // The trace of whoever calls goes on in this space.
      const span = engine.follow('forwarded', { native: declaration.name, method: call.method }, call.traceparent);
      let outcome = 'ok';
      try {
        const reply = await space.newName();
        await host.produce(target, [call.method, ...call.args, bundle(reply, false, true)], { span });
        const [message] = await host.take({
          slots: [{ channel: reply, pattern: ANY_MESSAGE }],
          ...(call.signal === undefined ? {} : { signal: call.signal }),
        });
        const answer = answerOf((message as List).items);
        if ('error' in answer) outcome = answer.error.code;
        return answer;
      } catch (error) {
        if (!isPowerboxError(error)) throw error;
        outcome = error.code;
        return { error: { code: error.code, message: error.message } };
      } finally {
        span?.end(outcome);
      }
    },
  };
  return { natives: [native] };
}

/** What a contract replied, as the answer of its native. Names of this space go nowhere else. */
function answerOf([reply, ...more]: readonly Value[]): NativeAnswer {
  if (reply === undefined || more.length > 0)
    return {
      error: {
        code: 'native_failed',
        message: `a reply is one value, and ${more.length + (reply === undefined ? 0 : 1)} came`,
      },
    };
  const error = errorIn(reply);
  if (error !== null) return { error };
  // Refused with `value_unsupported`.
  asTyped(reply);
  return { ok: reply };
}

function errorIn(reply: Value): NativeError | null {
  const [word, told] =
    reply !== null && typeof reply === 'object' && reply.kind === Kind.Tuple ? (reply as Tuple).items : [];
  if (word !== 'error' || told === null || typeof told !== 'object' || told.kind !== Kind.Map) return null;
  const { keys, items } = told as MapValue;
  const [code, message] = ['code', 'message'].map((key) => items[keys.indexOf(key)]);
  if (typeof message !== 'string')
    return { code: 'native_failed', message: 'the contract answers an error without words' };
  return { code: ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'native_failed', message };
}
