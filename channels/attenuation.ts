/**
 * What every object can be asked, whatever it is: for a channel to itself that can do less. The dispatcher answers;
 * natives never see these calls. And the revoker, by which whoever made a channel takes it back.
 */
import { limits } from '../src/limits.ts';
import { t } from './types.ts';
import type { Type } from './types.ts';

export interface Attenuation {
  readonly doc: string;
  /** `observe`: it needs the time, which no turn has. */
  readonly effect: 'none' | 'observe';
  readonly args: readonly { readonly name: string; readonly type: Type }[];
  readonly result: Type;
}

/** By name of the method. No declaration may have a method of one of these names. */
export const ATTENUATIONS: Readonly<Record<string, Attenuation>> = {
  restrict: {
    doc:
      'Answers a channel to the same object that takes only these methods; others are answered `not_permitted`. What ' +
      'comes out of it is restricted in the same way where it is of the same kind.',
    effect: 'none',
    args: [{ name: 'methods', type: t.list(t.string(), { max: limits.restrict_methods_max }) }],
    result: t.channel(),
  },
  readOnly: {
    doc:
      'Answers a channel to the same object that changes nothing: methods of effect `change` are answered ' +
      '`not_permitted`, also of everything that comes out of it.',
    effect: 'none',
    args: [],
    result: t.channel(),
  },
  expire: {
    doc:
      'Answers a channel to the same object that ends after so many milliseconds: then it, and everything that came ' +
      'out of it, is answered `expired`.',
    effect: 'observe',
    args: [{ name: 'after_ms', type: t.int({ min: 1, max: limits.capability_ms_max }) }],
    result: t.channel(),
  },
  count: {
    doc:
      'Answers a channel to the same object for so many calls, those of what comes out of it included; further ones ' +
      'are answered `expired`. A call that is refused for its method or arguments is not counted.',
    effect: 'none',
    args: [{ name: 'calls', type: t.int({ min: 1, max: limits.capability_calls_max }) }],
    result: t.channel(),
  },
  within: {
    doc:
      'Answers a channel to the same object whose calls may take at most so many milliseconds, then they are answered ' +
      '`timed_out`; also calls that otherwise wait as long as it takes, and those of what comes out of it.',
    effect: 'none',
    args: [{ name: 'limit_ms', type: t.int({ min: 1, max: limits.capability_ms_max }) }],
    result: t.channel(),
  },
  revocable: {
    doc:
      'Answers the list `[channel, revoker]`: a channel to the same object, and the one by which it, and everything that ' +
      'came out of it, can be taken back.',
    effect: 'none',
    args: [],
    result: t.list(t.channel()),
  },
};

export function isAttenuation(method: string): boolean {
  return Object.hasOwn(ATTENUATIONS, method);
}
