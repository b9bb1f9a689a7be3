/** Text to tree, or all that is wrong with the text. The one entry to lexer, driver and recovery. */
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { SourceErrors, sourceError } from './errors.ts';
import type { SourceError } from './errors.ts';
import { tokenise } from './lexer.ts';
import type { LexicalProblem } from './lexer.ts';
import { parseTokens } from './parser.ts';
import { syntaxErrors } from './recover.ts';
import type { SourceText } from './source.ts';
import type { Tree } from './tree.ts';

/** Throws `SourceErrors` with everything that is wrong, or `value_too_large`. */
export function parse(source: SourceText): Tree {
  if (source.text.length > limits.source_bytes_max) {
    throw new PowerboxError(
      'value_too_large',
      `this program has ${source.text.length} characters; at most ${limits.source_bytes_max} are accepted`,
      {
        hint: 'split the program, or send its data at run time',
      },
    );
  }
  const tokens = tokenise(source.text);
  const tree = parseTokens(tokens);
  if (typeof tree !== 'number' && tokens.problems.length === 0) return tree;
  const errors: SourceError[] = tokens.problems.map((problem) =>
    sourceError(source, 'syntax_error', 'token', problem.message, problem.from, problem.to, {
      found: source.text.slice(problem.from, problem.to),
    }),
  );
  if (typeof tree === 'number') {
    for (const error of syntaxErrors(source, tokens))
      if (!tokens.problems.some((problem) => follows(source, problem, error))) errors.push(error);
  }
  throw new SourceErrors(source, errors);
}

/** Whether an error stands right behind text that could not be read. */
function follows(source: SourceText, { lost }: LexicalProblem, error: SourceError): boolean {
  return lost >= 0 && lost <= error.offset && source.text.slice(lost, error.offset).trim() === '';
}
