/** Text to closed normalised term: the one entry to parser and normaliser. */
import type { Value } from '../../values/index.ts';
import { SourceText, parse } from '../syntax/index.ts';
import type { SourcePosition, Tree } from '../syntax/index.ts';
import { Normaliser } from './normaliser.ts';
import { Problems } from './problems.ts';
import { run } from './work.ts';

export interface CompileOptions {
  /** What each granted URI stands for; it is put into the term in place of the name that `new` binds to it. */
  readonly uris: ReadonlyMap<string, Value>;
  /** What the error about a URI that was not granted lists; by default the URIs themselves. */
  readonly granted?: readonly string[];
  /** What stands for names that the text uses without binding them, as `main` of a system contract. */
  readonly names?: ReadonlyMap<string, Value>;
}

/** Where the nodes of a term came from; for reports at run time. Nodes made later have no place. */
export interface Positions {
  get(node: Value): SourcePosition | undefined;
}

export interface Compiled {
  readonly term: Value;
  readonly positions: Positions;
  readonly source: SourceText;
}

/** Throws `SourceErrors` with all that is wrong with the text. */
export function compileText(text: string, options: CompileOptions): Compiled {
  const source = new SourceText(text);
  const tree = parse(source);
  const problems = new Problems(source);
  const places = new Map<object, number>();
  const granted = options.granted ?? [...options.uris.keys()];
  const normaliser = new Normaliser({ source, uris: options.uris, granted, problems, places });
  for (const [name, value] of options.names ?? []) normaliser.scope.bindValue(name, value, 0);
  const term = run(program(normaliser, tree));
  problems.throwIfAny();
  return {
    term,
    source,
    positions: {
      get(node) {
        const offset = typeof node === 'object' && node !== null ? places.get(node) : undefined;
        return offset === undefined ? undefined : source.positionAt(offset);
      },
    },
  };
}

function program(normaliser: Normaliser, tree: Tree): ReturnType<Normaliser['process']> {
  return (tree.name as string) === '@top' ? null : normaliser.process(tree);
}
