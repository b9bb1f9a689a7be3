/** Recursion without the JavaScript stack: a generator yields the generator it wants done and gets its result. */
export type Deep<T> = Generator<Deep<unknown>, T, unknown>;

export function settle<T>(start: Deep<T>): T {
  const stack: Deep<unknown>[] = [start];
  let answer: unknown;
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.next(answer);
    if (step.done === true) {
      stack.pop();
      answer = step.value;
    } else {
      stack.push(step.value);
      answer = undefined;
    }
  }
  return answer as T;
}
