export * from './types.ts';
export { type OpenStoreOptions, openStore } from './level-store.ts';
export { type RestoreOptions, restoreStore } from './restore.ts';
export { makePlace } from './directory.ts';
export { madeWhole } from './whole.ts';
export { openMemoryStore } from './memory-store.ts';
export { SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts';
export { type SimulatedStoreOptions, openSimulatedStore } from './simulated-store.ts';
export {
  dropBallast,
  IN_SERVICE,
  makeBallast,
  probe,
  readService,
  type ServiceState,
  writeService,
} from './service.ts';
