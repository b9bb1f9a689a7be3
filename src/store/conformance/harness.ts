/**
 * What a conformance suite needs from whoever runs it. No test runner is named here: `describe` and `it` are
 * given, so that an engine of the future runs the suites with whatever it has.
 */
import { ok, strictEqual } from 'node:assert/strict';
import { isPowerboxError } from '../../errors.ts';

export type Runner = {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
};

/** Where something of kind `T` is kept for the length of one test. */
export interface Place<T> {
  /** Opens what is there. The test closes it before it opens again. */
  open(): Promise<T>;
  /** False for an engine whose contents end with `close`. */
  readonly survives: boolean;
  /** Runs `work` to its end; a simulated engine moves its clock meanwhile. */
  drive(work: () => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

/** A place whose time passes by itself. */
export const byItself = (work: () => Promise<void>): Promise<void> => work();

/** Runs one law in a place of its own. */
export function law<T>(
  runner: Runner,
  make: () => Promise<Place<T>>,
  name: string,
  body: (place: Place<T>) => Promise<void>,
): void {
  runner.it(name, async () => {
    const place = await make();
    try {
      await place.drive(() => body(place));
    } finally {
      await place.dispose();
    }
  });
}

/** The code with which `work` is refused. */
export async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (isPowerboxError(error)) return error.code;
    throw error;
  }
  return 'accepted';
}

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const one of all) collected.push(one);
  return collected;
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function sameBytes(found: Uint8Array | undefined, expected: Uint8Array): void {
  ok(found !== undefined, 'expected bytes and found none');
  strictEqual(found.length, expected.length);
  strictEqual(Buffer.compare(found, expected), 0, 'the bytes differ');
}
