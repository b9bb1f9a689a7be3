/**
 * A system contract: a text with exactly one top-level `contract main(box, @config) = {…}`, turned into the term
 * that waits for its message and sends it. Owns that shape and the refusals of other shapes.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { compileText, type Compiled, SourceErrors } from '../rholang/index.ts';
import { Kind, kindOf, Name, par, type Receive, Send, type Value } from '../values/index.ts';

export interface SystemContractOptions {
  readonly uris: ReadonlyMap<string, Value>;
  readonly granted: readonly string[];
  /** The channel of `main`, which nobody else knows. */
  readonly main: Name;
  readonly message: readonly [box: Value, config: Value];
}

export function compileSystemContract(
  text: string,
  options: SystemContractOptions,
): Pick<Compiled, 'term' | 'positions'> {
  const { uris, granted, main, message } = options;
  const { term, positions } = compileText(text, { uris, granted, names: new Map([['main', main]]) });
  if (!isMain(term, main)) {
    throw new PowerboxError(
      'config_invalid',
      'a system contract is one top-level contract main(box, @config) = { … } and nothing beside it',
      {
        hint: 'put everything else inside of it',
      },
    );
  }
  return { term: par([term, new Send(main, message, false)]), positions };
}

/** What is wrong with a contract of a configuration, before there is a space: one line each, with its place. */
export function contractFaults(text: string, uris: readonly string[]): readonly string[] {
  const main = new Name(null, 0, 0, new Uint8Array(32));
  try {
    compileSystemContract(text, {
      uris: new Map(uris.map((uri) => [uri, main])),
      granted: uris,
      main,
      message: [null, null],
    });
    return [];
  } catch (error) {
    if (error instanceof SourceErrors)
      return error.errors.map(({ line, column, message }) => `${line}:${column}: ${message}`);
    if (isPowerboxError(error)) return [`1:1: ${error.message}`];
    throw error;
  }
}

function isMain(term: Value, main: Name): boolean {
  if (kindOf(term) !== Kind.Receive) return false;
  const { binds, persistent } = term as Receive;
  const [bind] = binds;
  return (
    persistent &&
    binds.length === 1 &&
    bind !== undefined &&
    bind.source === main &&
    bind.patterns.length === 2 &&
    // Anything else might refuse the one message, and the contract would wait for ever.
    bind.patterns.every((pattern) => kindOf(pattern) === Kind.FreeVariable || kindOf(pattern) === Kind.Wildcard) &&
    bind.remainder === null
  );
}
