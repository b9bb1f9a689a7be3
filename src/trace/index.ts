/** Traces: recorded beside a space that runs, read, run again. */
export { bytesOf, MemoryTrace } from './memory.ts';
export { createTraceFile, openTraceFile, removeTraceFile } from './file.ts';
export { TraceStream } from './stream.ts';
export { type ChainLink, Departure, type DepartureDetails } from './departure.ts';
export {
  type OpenForReplay,
  Replay,
  type ReplayedTurn,
  type ReplayOptions,
  type ReplayReport,
  type Wording,
} from './replay.ts';
export { TraceRecorder } from './recorder.ts';
export type { TraceSink } from './writer.ts';
export type { TraceBytes } from './blocks.ts';
export { wordingWith } from './wording.ts';
export { Chart } from './chart.ts';
export { type Printer, Show, type ShownEvent, type ShownTurn } from './show.ts';
export { exportTrace, type ExportOptions } from './export.ts';
export { TraceReader } from './reader.ts';
