/**
 * What is declared of the natives of hosts, as the space knows it: the fact `host/<native>` of each host, with what it
 * announced last, or Nil where it was never there. A declaration holds from the turn of its cause (`host`) on and from
 * no earlier moment, so that a replay, which has no host, reads every call as it was read.
 */
import type { ChannelDeclaration, Native } from '../../channels/index.ts';
import type { Engine } from '../space/index.ts';
import { type Tuple, tuple, type Value } from '../values/index.ts';
import { type DeclarationSource, declarationSource, hosted, readDeclaration } from './declaration.ts';
import { registerPreparedCauses } from './prepared.ts';
import { undeclared } from './undeclared.ts';

const FACT_PREFIX = 'host/';

export class Declared {
  /** By host, then by native. */
  readonly #hosts = new Map<string, ReadonlyMap<string, ChannelDeclaration>>();
  readonly #engine: Pick<Engine, 'fact' | 'enact'>;

  /** `onNatives` hears of the natives of a host, at once for those that are known. */
  constructor(
    engine: Pick<Engine, 'fact' | 'facts' | 'enact' | 'register'>,
    onNatives: (host: string, natives: readonly string[]) => void,
  ) {
    this.#engine = engine;
    const take = (host: string, announced: Value | undefined): void => {
      const declarations = declarationsIn(announced);
      this.#hosts.set(host, declarations);
      onNatives(host, [...new Set([host, ...declarations.keys()])]);
    };
    registerPreparedCauses(engine);
    engine.register('host', (turn, { payload }) => {
      const [, host, announced] = (payload as Tuple).items;
      turn.setFact(FACT_PREFIX + (host as string), announced);
      take(host as string, announced);
    });
    for (const [key, announced] of engine.facts(FACT_PREFIX)) take(key.slice(FACT_PREFIX.length), announced);
  }

  /** The hosts that the space knows. */
  hosts(): Iterable<string> {
    return this.#hosts.keys();
  }

  of(host: string, native: string): ChannelDeclaration {
    return this.#hosts.get(host)?.get(native) ?? undeclared(native);
  }

  /** What it announced when it was last there; null: it never was. */
  announced(host: string): readonly DeclarationSource[] | null {
    return sourcesIn(this.#engine.fact(FACT_PREFIX + host));
  }

  /** What it announces from now on; null where that is not known yet. */
  announce(host: string, announced: string | null): void {
    const known = this.#engine.fact(FACT_PREFIX + host);
    if (known !== undefined && (announced === null || known === announced)) return;
    const cause = { kind: 'host', payload: tuple(['transaction', host, announced]), account: 0 };
    // A space that has closed remembers what it did.
    this.#engine.enact(cause).catch(() => {});
  }
}

/** For a space that is only replayed: the natives of its hosts are asked for what they declare, and for nothing else. */
export function registerHostCauses(
  engine: Pick<Engine, 'fact' | 'facts' | 'enact' | 'register'>,
  register: (native: Native) => void,
): void {
  const known = new Set<string>();
  let declared: Declared | null = null;
  const waiting: [string, readonly string[]][] = [];
  const take = (of: Declared, host: string, natives: readonly string[]): void => {
    for (const name of natives) {
      if (known.has(name)) continue;
      known.add(name);
      const nobody = (): Promise<never> => Promise.reject(new Error('a replay calls no host'));
      register({
        get declaration() {
          return of.of(host, name);
        },
        call: nobody,
        ask: nobody,
        open: () => {},
      });
    }
  };
  declared = new Declared(engine, (host, natives) => {
    if (declared === null) waiting.push([host, natives]);
    else take(declared, host, natives);
  });
  for (const [host, natives] of waiting) take(declared, host, natives);
}

function declarationsIn(announced: Value | undefined): ReadonlyMap<string, ChannelDeclaration> {
  const sources = sourcesIn(announced) ?? [];
  return new Map(sources.map((source) => [source.name, readDeclaration(hosted(source))]));
}

function sourcesIn(announced: Value | undefined): readonly DeclarationSource[] | null {
  if (typeof announced !== 'string') return null;
  return declarationSource.array().parse(JSON.parse(announced));
}
