/**
 * Recordings of a space that is open: each begins behind a commit with the state that there is then, and goes on until
 * somebody ends it or the space closes. Owns the end of each: a trace that has no beginning is taken away, one that broke
 * off later has no end, and says so to whoever replays it.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import type { SpaceEngine } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import { createTraceFile, removeTraceFile, TraceRecorder, type TraceSink, TraceStream } from '../trace/index.ts';
import type { NodeAuthority } from './node-authority.ts';
import type { Recording, RecordingStream } from './types.ts';

export interface LiveRecordingParts {
  readonly engine: SpaceEngine;
  readonly store: Store;
  readonly platform: Pick<Platform, 'timers' | 'hashing'>;
  readonly authority: NodeAuthority;
}

/** Into a new file, or wherever the sink keeps it. Resolves when the state is there with which it begins. */
export async function recordInto(parts: LiveRecordingParts, into: string | TraceSink): Promise<Recording> {
  if (typeof into !== 'string') return (await LiveRecording.begin(parts, into, () => {})).based();
  parts.authority.give('node/trace', 'file', into, { write: true });
  const sink = createTraceFile(into);
  try {
    return await (await LiveRecording.begin(parts, sink, () => removeTraceFile(into))).based();
  } catch (error) {
    removeTraceFile(into);
    throw error;
  }
}

/** For somebody who takes the bytes as they come; leaving the loop ends the recording. */
export async function recordStream(parts: LiveRecordingParts): Promise<RecordingStream> {
  const opening: { recording: LiveRecording | null } = { recording: null };
  const stream = new TraceStream({ left: () => opening.recording?.leave() });
  const recording = await LiveRecording.begin(parts, stream, () => {});
  opening.recording = recording;
  recording.ended.catch((error: Error) => stream.fail(error));
  return Object.assign(stream, { stop: () => recording.stop() });
}

/** Those that go on, of each space: they end with it, and nothing is kept of one that has ended before. */
const LIVE = new WeakMap<SpaceEngine, Set<LiveRecording>>();

function liveOf(engine: SpaceEngine): Set<LiveRecording> {
  const known = LIVE.get(engine);
  if (known !== undefined) return known;
  const live = new Set<LiveRecording>();
  LIVE.set(engine, live);
  engine.onClose(() => {
    for (const recording of [...live]) recording.end();
  });
  return live;
}

class LiveRecording implements Recording {
  readonly ended: Promise<void>;
  readonly #engine: SpaceEngine;
  readonly #recorder: TraceRecorder;
  readonly #discard: () => void;
  readonly #over: { resolve(): void; reject(error: Error): void };
  #isOver = false;

  private constructor({ engine, store, platform }: LiveRecordingParts, sink: TraceSink, discard: () => void) {
    this.#engine = engine;
    this.#discard = discard;
    let over: { resolve(): void; reject(error: Error): void } | null = null;
    this.ended = new Promise<void>((resolve, reject) => {
      over = { resolve, reject };
    });
    // Whoever wants to know asks; nobody else is to hear of it.
    this.ended.catch(() => {});
    this.#over = over as unknown as { resolve(): void; reject(error: Error): void };
    const { timers, hashing } = platform;
    const quotas = engine.quotaSource?.settings ?? null;
    // Already of its first bytes, before it is made.
    let failed: Error | null = null;
    let isMade = false;
    const onFailure = (error: Error): void => {
      if (isMade) this.#broken(error);
      else failed = error;
    };
    this.#recorder = TraceRecorder.joining(store, { sink, timers, hashing, quotas, onFailure });
    isMade = true;
    if (failed !== null) this.#broken(failed);
  }

  static async begin(parts: LiveRecordingParts, sink: TraceSink, discard: () => void): Promise<LiveRecording> {
    const recording = new LiveRecording(parts, sink, discard);
    const { engine } = parts;
    if (recording.#isOver) await recording.ended;
    try {
      await engine.record(recording.#recorder);
    } catch (error) {
      sink.close();
      throw error;
    }
    liveOf(engine).add(recording);
    return recording;
  }

  async stop(): Promise<void> {
    if (!this.#isOver) {
      await this.#engine.durable().catch(() => {});
      await this.#recorder.based;
      this.end();
    }
    await this.ended;
  }

  /** Resolves when there is something to replay from; rejects with why there never will be. */
  async based(): Promise<this> {
    await this.#recorder.based;
    if (!this.#recorder.hasBase) await this.ended;
    return this;
  }

  /** Nobody wants it any more, whole or not. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    LIVE.get(this.#engine)?.delete(this);
    this.#engine.unrecord(this.#recorder);
    this.#recorder.end();
    this.#over.resolve();
  }

  /** All that is durable by now is in it. */
  end(): void {
    if (this.#isOver) return;
    // What waits to be written is written by that, the last of its beginning perhaps.
    this.#recorder.end();
    if (this.#recorder.hasBase) this.leave();
    else this.#broken(new PowerboxError('space_closed', 'the space was closed before its state was recorded'));
  }

  /** Nothing more can be written. */
  #broken(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    LIVE.get(this.#engine)?.delete(this);
    this.#engine.unrecord(this.#recorder);
    if (!this.#recorder.hasBase) this.#discard();
    this.#over.reject(
      isPowerboxError(error)
        ? error
        : new PowerboxError('storage_failed', `the trace breaks off: ${error.message}`, { cause: error }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
