export * from './types.ts';
export { Deadlines, type Timed } from './deadlines.ts';
export { Random } from './random.ts';
export { inertPlatform } from './inert.ts';
export { realPlatform } from './real.ts';
export { SimulatedPlatform, simulatedPlatform } from './simulated.ts';
