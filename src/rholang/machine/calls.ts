/**
 * A method of a name: a message to it, and a continuation that waits for the answer on a name of its own. For
 * the contract the call is an expression; the branch stops there and goes on, durable, when the answer comes.
 */
import { ERROR_CODES, PowerboxError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { compilePattern } from '../../match/index.ts';
import { Bundle, FreeVariable, MapValue, Name, Tuple } from '../../values/index.ts';
import type { Method, Value } from '../../values/index.ts';
import { fault } from './faults.ts';
import type { Frame, Machine, Place } from './place.ts';

/** One value of any kind: an answer, or `("error", {…})`. */
const ANSWER = compilePattern([new FreeVariable(0)], null);

/** The name that a method is called on; null when the target is data. */
export function channelOfTarget(node: Method, target: Value): Name | null {
  if (target instanceof Name) return target;
  if (!(target instanceof Bundle) || !(target.body instanceof Name)) return null;
  if (!target.write) throw fault(node, `method ${node.name} cannot be called: trying to send on non-writeable channel`);
  return target.body;
}

export function callNative(
  channel: Name,
  method: string,
  args: readonly Value[],
  place: Place,
  frame: Frame,
  machine: Machine,
): void {
  const { turn } = machine;
  const reply = turn.newName();
  const body = machine.body(place, place.leave(frame));
  turn.consume({ slots: [{ channel: reply, pattern: ANSWER, peek: false }], persist: false, body });
  turn.produce(channel, [method, ...args, reply], false);
}

/** What the answer was; throws what it says went wrong, which ends the branch. */
export function answerOf(reply: Value): Value {
  if (!(reply instanceof Tuple) || reply.items.length !== 2 || reply.items[0] !== 'error') return reply;
  const about = reply.items[1];
  if (!(about instanceof MapValue)) return reply;
  const code = textAt(about, 'code');
  const message = textAt(about, 'message');
  throw new CallFailure(
    isErrorCode(code) ? code : 'native_failed',
    message === '' ? `a call failed with ${code || 'no code'}` : message,
    {
      hint: textAt(about, 'hint'),
    },
  );
}

/** A call that was answered with an error: it ends the branch, whatever its code. */
export class CallFailure extends PowerboxError {}

function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

function textAt(about: MapValue, key: string): string {
  const index = about.keys.indexOf(key);
  const value = index < 0 ? undefined : about.items[index];
  return typeof value === 'string' ? value : '';
}
