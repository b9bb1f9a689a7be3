/** Text to tree: grammar, parser, places in a text, and what is wrong with it. */
export { parse } from './parse.ts';
export { SourceText } from './source.ts';
export type { SourcePosition } from './source.ts';
export { SourceErrors, sourceError } from './errors.ts';
export type { SourceError, SourceErrorCode, SourceRule, ErrorDetail } from './errors.ts';
export { Tree } from './tree.ts';
export type { NodeName } from './grammar.ts';
export { decodeString, decodeUri } from './lexer.ts';
