/** The machine: terms compiled to closures, and the runner that runs them inside turns. */
export { RHO_LABEL } from './machine.ts';
export { RholangRunner } from './runner.ts';
export { rememberPositions, type SourcePositions } from './faults.ts';
export { holds, type Use, useOf } from './uses.ts';
