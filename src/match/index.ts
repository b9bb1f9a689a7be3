/** Patterns, matcher, assignment of data to joins. */
export * from './types.ts';
export { firstAssignment } from './assignment.ts';
export { compileCase, compilePattern, matchValue } from './pattern.ts';
export type { CasePattern } from './pattern.ts';
export { whyNot } from './why.ts';
