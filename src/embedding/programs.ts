/** Text of a program to the term that a deploy runs, with the URIs of its holder and those that came with the text. */
import { PowerboxError } from '../errors.ts';
import { compileText, rememberPositions } from '../rholang/index.ts';
import type { Value } from '../values/index.ts';
import type { Powers } from './powers.ts';
import { refuseSystemSends } from './public-system.ts';

const NONE: ReadonlyMap<string, Value> = new Map();

/** Throws `SourceErrors` with all that is wrong with the text. What comes with it must not stand for what was granted. */
export async function compileProgram(
  powers: Powers,
  text: string,
  holder: string | undefined,
  own: ReadonlyMap<string, Value> = NONE,
  binding: Promise<ReadonlyMap<string, Value>> = powers.bound(holder),
): Promise<Value> {
  const bound = await binding;
  const granted = powers.granted(holder);
  for (const uri of own.keys()) {
    if (bound.has(uri) || granted.includes(uri))
      throw new PowerboxError(
        'bad_request',
        `the URI ${JSON.stringify(uri.slice(0, 200))} was granted, and stands for that`,
      );
  }
  const uris = own.size === 0 ? bound : new Map([...bound, ...own]);
  const { term, positions } = compileText(text, { uris, granted: [...granted, ...own.keys()] });
  if (!powers.isPublic) refuseSystemSends(term, positions);
  rememberPositions(term, positions);
  return term;
}
