/** The tuplespace: produce, consume, install; joins, index, order and choice; turns and commits. */
export * from './types.ts';
export { SpaceEngine } from './engine.ts';
export { Fork, type ForkOptions } from './fork.ts';
export type { FactChange } from './fork-changes.ts';
export { type EngineOptions, FAILPOINTS, type Failpoint } from './options.ts';
export { type HostRequest, SpaceHost } from './host.ts';
export { type Lease, produceLeased } from './own-causes.ts';
export { concludeTelling, enactTelling } from './poster.ts';
export type { PurseUsage, Quota } from './purse.ts';
export { DEPLOY_KEY, HOLDER_KEY } from './purse.ts';
export type { KeyedQuota, QuotaSource } from './quotas.ts';
export type { LogRange, Logs } from './logs.ts';
export { type CauseRecord, type EntryHeader, readCauses } from './entry.ts';
export { readMessage } from './entry-messages.ts';
export { type Mode, modeNumber, modeOf } from './mode.ts';
export type { Observer } from './observed.ts';
export type { RecordedCommit, Recorder, WrittenCauses } from './recording.ts';
export type { JoiningRecorder } from './recorders.ts';
export { namedBlobs } from './named-blobs.ts';
export { type Latency, LATENCY_STEPS_MS, type SpaceCounters, type SpaceFigures } from './counters.ts';
export type { Follow, Span, SpanFields } from './span.ts';
export { REPEAT_LABEL } from './repeat.ts';
export {
  type ChannelContents,
  type Contents,
  contentsOf,
  type InspectLimits,
  type WaitingContents,
} from './inspect.ts';
