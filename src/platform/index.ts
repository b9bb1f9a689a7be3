export * from './types.ts';
export { Deadlines, type Timed } from './deadlines.ts';
export { lowerBound } from './lower-bound.ts';
export { NumberMap } from './number-map.ts';
export { NOWHERE, type Placed, Places } from './places.ts';
export { Random } from './random.ts';
export { inertPlatform } from './inert.ts';
export { realPlatform } from './real.ts';
export { SimulatedPlatform, simulatedPlatform } from './simulated.ts';
