/**
 * For tests of programs, in mocha, Vitest and the runner of Node alike:
 *
 *     import { explore, expectTrace, fakeNative, recordTrace, TestSpace } from 'powerbox/testing';
 *
 * Nothing here touches files, sockets or the clock, but for the golden files of `expectTrace`.
 */
export { type Exploration, explore, type ExploreOptions, type Schedule } from './explore.ts';
export { type FakeAnswer, type FakeCall, type FakeNative, fakeNative } from './fakes.ts';
export { expectTrace, type ExpectOptions } from './golden.ts';
export { TestSpace, type TestSpaceOptions } from './space.ts';
export { compareTraces, recordTrace, replayTrace, traceLines } from './traces.ts';
export { SimulatedPlatform, simulatedPlatform } from '../platform/index.ts';
