/**
 * The declaration of a native of which nothing is known but its name: its host was never there, and nothing is pinned.
 * It admits every call, so that each is answered, with why it cannot be made. Says nothing of what the native is.
 */
import type { ChannelDeclaration, Method } from '../../channels/index.ts';
import { t } from '../../channels/index.ts';
import { limits } from '../limits.ts';

export function undeclared(name: string): ChannelDeclaration {
  const doc = 'Its host has not said yet what it offers.';
  return { name, kind: 'methods', doc, methods: new EveryMethod(doc), replies: true };
}

/** Has a method of every name; lists none. */
class EveryMethod extends Map<string, Method> {
  readonly #doc: string;

  constructor(doc: string) {
    super();
    this.#doc = doc;
  }

  override get(name: string): Method {
    return {
      name,
      doc: this.#doc,
      // So it is answered outside of the turn, where the host may be there by then.
      effect: 'observe',
      recovery: null,
      forms: FORMS,
      patient: false,
      unseen: false,
      lane: null,
      readings: READINGS,
    };
  }
}

const FORMS = Array.from({ length: limits.host_undeclared_args_max + 1 }, (_, count) => ({
  args: Array.from({ length: count }, (_, index) => ({ name: `a${index}`, type: t.any })),
  result: t.nil,
}));

/** The last name is where the error goes; a call without one has nobody to hear it. */
const READINGS = Array.from({ length: limits.host_undeclared_args_max + 2 }, (_, length) => [
  ...(length === 0
    ? []
    : [{ form: length - 1, trailing: 1, masks: [...Array<number>(length - 1).fill(-1), t.name.mask] }]),
  ...(length > limits.host_undeclared_args_max
    ? []
    : [{ form: length, trailing: 0, masks: Array<number>(length).fill(-1) }]),
]);
