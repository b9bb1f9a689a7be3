/** Recording a space that is about to be opened: into a file, or wherever the program around it keeps traces. */
import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';
import { createTraceFile, removeTraceFile, TraceRecorder } from '../trace/index.ts';
import type { NodeAuthority } from './node-authority.ts';
import type { FailureReport, OpenOptions } from './types.ts';

export interface RecordingParts {
  readonly options: OpenOptions;
  readonly store: Store;
  readonly quotas: string | null;
  readonly platform: Pick<Platform, 'timers' | 'hashing'>;
  readonly authority: NodeAuthority;
  readonly tell: (failure: FailureReport) => void;
}

export interface OpeningRecording {
  readonly recorder: TraceRecorder;
  /** The space could not be opened: nothing of the trace is kept. */
  discard(): void;
}

/** Null when nobody asked for it. A trace that cannot be written on is given up, and told of: the space goes on. */
export async function recordingOf(parts: RecordingParts): Promise<OpeningRecording | null> {
  const { options, store, quotas, platform, authority, tell } = parts;
  const { trace, trace_keyframe_bytes: keyframe_bytes } = options;
  if (trace === undefined) return null;
  const onFailure = (error: Error): void => {
    const message = `the trace breaks off here: ${error.message}`;
    tell({ deploy: 0, code: 'storage_failed', message, hint: '', source: 'trace', dropped: 0 });
  };
  const isFile = typeof trace === 'string';
  if (isFile) authority.give('node/trace', 'file', trace, { write: true });
  const sink = isFile ? createTraceFile(trace) : trace;
  const discard = (): void => {
    if (isFile) removeTraceFile(trace);
  };
  const { timers, hashing } = platform;
  const bound = keyframe_bytes === undefined ? {} : { keyframe_bytes };
  try {
    const recorder = await TraceRecorder.begin(store, { sink, timers, hashing, quotas, onFailure, ...bound });
    return {
      recorder,
      discard: () => {
        recorder.end();
        discard();
      },
    };
  } catch (error) {
    sink.close();
    discard();
    throw error;
  }
}
