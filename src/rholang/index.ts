/** Rholang: text to term, term to text, and the machine that runs terms. */
export { SourceErrors } from './syntax/index.ts';
export type { SourceError, SourceErrorCode, SourcePosition, SourceRule } from './syntax/index.ts';
export { compileText } from './normalise/index.ts';
export type { Compiled, CompileOptions, Positions } from './normalise/index.ts';
export { print, printProcess } from './print.ts';
export type { PrintOptions } from './print.ts';
export { holds, RHO_LABEL, RholangRunner, rememberPositions, type Use, useOf } from './machine/index.ts';
