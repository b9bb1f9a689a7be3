/**
 * Answers what every object can be asked: for a channel to itself that can do less. Stands in the place of the
 * native for those calls. The tree of capabilities is made in the turn of the answer, from the rule that is answered.
 */
import { methodOf, UNIVERSAL_METHODS } from '../../channels/index.ts';
import type {
  ChannelDeclaration,
  Method,
  Native,
  NativeAnswer,
  NativeCall,
  NativeResult,
} from '../../channels/index.ts';
import type { Clock } from '../platform/index.ts';
import type { List } from '../values/index.ts';
import type { Rule } from './capabilities.ts';

/** Stands in an answer for a channel to the called object under a derived capability. */
export class Derived {
  constructor(readonly rule: Rule) {}
}

export function isUniversal(method: Method): boolean {
  return UNIVERSAL_METHODS.get(method.name) === method;
}

export function attenuatorOf(declaration: ChannelDeclaration, clock: Clock): Native {
  const answer = (call: NativeCall): NativeAnswer => {
    const rule = ruleOf(declaration, call, clock);
    // The dispatcher's own word: natives cannot say it.
    return 'code' in rule ? { error: rule } : { ok: new Derived(rule) as unknown as NativeResult };
  };
  return { declaration, inline: answer, call: async (call) => answer(call) };
}

function ruleOf(
  declaration: ChannelDeclaration,
  { method, args }: NativeCall,
  clock: Clock,
): Rule | { readonly code: 'arguments_invalid'; readonly message: string } {
  switch (method) {
    case 'restrict': {
      const methods = (args[0] as List).items as readonly string[];
      const unknown = methods.find((name) => methodOf(declaration, name) === undefined);
      if (unknown !== undefined) {
        const known = [...declaration.methods.keys()].join(', ');
        const message = `restrict: ${declaration.name} has no method ${JSON.stringify(unknown.slice(0, 64))}; it has ${known}`;
        return { code: 'arguments_invalid', message };
      }
      return { kind: method, native: declaration.name, methods: [...new Set(methods)] };
    }
    case 'expire':
      return { kind: method, due_ms: Math.ceil(clock.now_ms()) + (args[0] as number) };
    case 'count':
      return { kind: method, left: args[0] as number };
    case 'within':
      return { kind: method, limit_ms: args[0] as number };
    case 'readOnly':
    case 'revocable':
      return { kind: method };
    default:
      throw new Error(`no object has a method ${method}`);
  }
}
