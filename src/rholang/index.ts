/** Rholang: text to term, term to text, and the machine that runs terms. */
export { SourceErrors } from './syntax/index.ts';
export type { SourceError, SourceErrorCode, SourcePosition, SourceRule } from './syntax/index.ts';
export { compileText } from './normalise/index.ts';
export type { Compiled, CompileOptions, Positions } from './normalise/index.ts';
export { print, printProcess } from './print.ts';
export type { PrintOptions } from './print.ts';
export { RHO_LABEL, RholangRunner, rememberPositions } from './machine/index.ts';
