export * from './types.ts';
export { realPlatform } from './real.ts';
