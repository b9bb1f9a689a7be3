/**
 * What each kind of cause does in its turn: one table for the space as it lives and for every replay of it, so that
 * there is no second way through the code. Whoever brings a new kind from outside registers it here, with a function
 * that follows from cause, ended task and space alone (`spec/traces.md` says how). Owns the table and nothing else.
 */
import { PowerboxError } from '../errors.ts';
import type { Apply } from './types.ts';

export class Causes {
  readonly #kinds = new Map<string, Apply>();

  register(kind: string, apply: Apply): void {
    if (this.#kinds.has(kind))
      throw new PowerboxError('bad_request', `what causes of kind ${JSON.stringify(kind)} do has been said already`);
    this.#kinds.set(kind, apply);
  }

  has(kind: string): boolean {
    return this.#kinds.has(kind);
  }

  /** A kind that nobody has registered is a bug of whoever posts it. */
  of(kind: string): Apply {
    const found = this.#kinds.get(kind);
    if (found === undefined) throw new Error(`nobody has said what causes of kind ${JSON.stringify(kind)} do`);
    return found;
  }
}
