/**
 * Depth-first walks without the JavaScript stack: a step is a generator that yields the steps it needs and gets
 * their values back; `run` keeps them on a stack of its own.
 */
import type { Value } from '../../values/index.ts';

export interface Step extends Generator<Work, Value, Value> {}
/** A value that is there, or what makes it. */
export type Work = Value | Step;
/** Part of a step, inlined with `yield*`: what it returns need not be a value. */
export type Part<Result> = Generator<Work, Result, Value>;

function isStep(work: Work): work is Step {
  return typeof work === 'object' && work !== null && 'next' in work;
}

export function run(work: Work): Value {
  if (!isStep(work)) return work;
  const stack: Step[] = [work];
  let answer: Value = null;
  for (;;) {
    const { done, value } = (stack[stack.length - 1] as Step).next(answer);
    if (done === true) {
      stack.pop();
      answer = value as Value;
      if (stack.length === 0) return answer;
    } else if (isStep(value)) {
      stack.push(value);
      answer = null;
    } else answer = value;
  }
}
