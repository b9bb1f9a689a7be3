export * from './types.ts';
export { type OpenStoreOptions, openStore } from './level-store.ts';
export { openMemoryStore } from './memory-store.ts';
export { SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts';
export { type SimulatedStoreOptions, openSimulatedStore } from './simulated-store.ts';
