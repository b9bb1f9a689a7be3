/**
 * Results of earlier requests in the place of values. Inside, a reference is an open term that no program outside can
 * write, `(variable request).ref(steps…)`; it stands in requests that wait for it, and is gone before anything is sent.
 * Owns that form, and the walk that puts results in.
 */
import { PowerboxError } from '../../errors.ts';
import {
  BoundVariable,
  isNode,
  Kind,
  List,
  list,
  MapValue,
  map,
  Method,
  set,
  Tuple,
  tuple,
  type Value,
} from '../../values/index.ts';
import type { PathStep } from '../../wire/index.ts';
import type { Session } from './session.ts';
import { isDatum, notWhole } from './whole.ts';

const METHOD = 'ref';

export function referenceTerm(request: number, path: readonly PathStep[]): Value {
  return new Method(new BoundVariable(request), METHOD, path);
}

/** With the results that `resultOf` gives in the place of references; the same value where there are none. */
export function substitute(value: Value, resultOf: (request: number) => Value): Value {
  if (!isNode(value)) return value;
  switch (value.kind) {
    case Kind.Method: {
      const { target, name, args } = value;
      if (target instanceof BoundVariable && name === METHOD) return follow(resultOf(target.index), args, target.index);
      throw unplaced();
    }
    case Kind.List:
      return list(substituteAll(value.items, resultOf), value.remainder);
    case Kind.Tuple:
      return tuple(substituteAll(value.items, resultOf));
    case Kind.Set:
      return set(substituteAll(value.items, resultOf), value.remainder);
    case Kind.Map: {
      const keys = substituteAll(value.keys, resultOf);
      const items = substituteAll(value.items, resultOf);
      return map(
        keys.map((key, index) => [key, items[index] as Value]),
        value.remainder,
      );
    }
    default:
      // Code and patterns hold none: what came in them is an open term, and refused as one.
      return value;
  }
}

/** What a program is given is known before its turn: with the results that have arrived. */
export function withArrived(session: Session, values: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const arrived = (request: number): Value => {
    const outcome = session.outcome(request);
    if (outcome !== undefined && 'ok' in outcome) return outcome.ok;
    throw new PowerboxError(
      'bad_request',
      `the result of request ${request}, which the program is given, is not there`,
      {
        hint: 'wait for it before the program is started',
      },
    );
  };
  const found = [...values].map(([uri, value]) => [uri, substitute(value, arrived)] as const);
  if (!found.every(([, value]) => isDatum(value))) throw notWhole();
  return new Map(found);
}

function substituteAll(values: readonly Value[], resultOf: (request: number) => Value): readonly Value[] {
  return values.map((value) => substitute(value, resultOf));
}

/** A part of a result. Rights of a bundle do not let anybody look inside. */
function follow(result: Value, path: readonly Value[], request: number): Value {
  let value = result;
  for (const step of path) {
    const part = partOf(value, step);
    if (part === undefined)
      throw new PowerboxError('bad_request', `the result of request ${request} has no part ${JSON.stringify(step)}`);
    value = part;
  }
  return value;
}

function partOf(value: Value, step: Value): Value | undefined {
  if (typeof step === 'number') return value instanceof List || value instanceof Tuple ? value.items[step] : undefined;
  if (!(value instanceof MapValue)) return undefined;
  return value.items[value.keys.indexOf(step)];
}

function unplaced(): PowerboxError {
  return new PowerboxError('bad_request', 'a method call that was not run stands in a request with references', {
    hint: 'references stand in lists, tuples, sets and maps',
  });
}
