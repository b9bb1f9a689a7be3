/** Tree to normalised term, with all static errors of a program at once. */
export { compileText } from './compile.ts';
export type { CompileOptions, Compiled, Positions } from './compile.ts';
