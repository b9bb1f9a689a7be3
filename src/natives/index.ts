/** Natives: host code behind channels. */
export * from './types.ts';
