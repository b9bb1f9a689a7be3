export * from './types.ts';
export { type OpenStoreOptions, openStore } from './level-store.ts';
export { openMemoryStore } from './memory-store.ts';
