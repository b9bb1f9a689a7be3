/** Patterns, matcher, assignment of data to joins. */
export * from './types.ts';
export { firstAssignment } from './assignment.ts';
export { compilePattern } from './pattern.ts';
