/** A space of the fewest parts that runs Rholang and can be recorded and replayed: thousands of them in a second. */
import { Audit, Deploys, Dispatcher } from '../../src/dispatch/index.ts';
import { inertPlatform, type Platform, realPlatform } from '../../src/platform/index.ts';
import { compileText, print, RHO_LABEL, RholangRunner } from '../../src/rholang/index.ts';
import { SpaceEngine, SpaceHost } from '../../src/space/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import {
  bytesOf,
  MemoryTrace,
  type OpenForReplay,
  Replay,
  type ReplayOptions,
  type ReplayReport,
  TraceRecorder,
  wordingWith,
} from '../../src/trace/index.ts';

export interface LightSpace {
  readonly engine: SpaceEngine;
  readonly host: SpaceHost;
  readonly dispatcher: Dispatcher;
  run(text: string): Promise<number>;
  /** What of the trace has been written. */
  written(): Uint8Array;
  /** Ends it, and gives the trace. */
  end(): Promise<Uint8Array>;
}

function dispatcherOn(engine: SpaceEngine, platform: Platform): { dispatcher: Dispatcher; deploys: Deploys } {
  const audit = new Audit(platform.hashing, platform.clock);
  const dispatcher = new Dispatcher({ audit, platform, report: () => {} });
  dispatcher.registerInline(RHO_LABEL, new RholangRunner());
  audit.attach(engine);
  const deploys = new Deploys(engine);
  dispatcher.attach(engine, engine.names);
  engine.start(dispatcher);
  return { dispatcher, deploys };
}

/** `keyframe_bytes`: 0 for a keyframe as often as there can be one. */
export async function lightSpace(keyframe_bytes?: number): Promise<LightSpace> {
  const platform = realPlatform();
  const store = openMemoryStore(platform);
  const sink = new MemoryTrace();
  const { timers, hashing } = platform;
  const onFailure = (error: Error): never => {
    throw error;
  };
  const recorder = await TraceRecorder.begin(store, {
    sink,
    timers,
    hashing,
    quotas: null,
    onFailure,
    ...(keyframe_bytes === undefined ? {} : { keyframe_bytes }),
  });
  const engine = await SpaceEngine.open({ platform, store, recorder });
  const { dispatcher, deploys } = dispatcherOn(engine, platform);
  return {
    engine,
    dispatcher,
    host: new SpaceHost(engine, platform),
    async run(text) {
      const { term } = compileText(text, { uris: new Map() });
      return (await deploys.start({ holder: 'tester', name: 'program', label: RHO_LABEL, term })).account;
    },
    written: () => sink.bytes(),
    async end() {
      await engine.close();
      recorder.end();
      return sink.bytes();
    },
  };
}

const opener =
  (causes: (engine: SpaceEngine) => void): OpenForReplay =>
  async ({ store, observer, standing }) => {
    const platform = inertPlatform();
    const engine = await SpaceEngine.open({
      platform,
      store,
      replays: true,
      ...(standing === undefined ? {} : { standing }),
      ...(observer === undefined ? {} : { observer }),
    });
    dispatcherOn(engine, platform);
    causes(engine);
    return engine;
  };

/** `causes` registers kinds of causes that only the test has. */
export async function replayLight(
  trace: Uint8Array,
  causes: (engine: SpaceEngine) => void = () => {},
  options: ReplayOptions = {},
): Promise<{ report: ReplayReport; engine: SpaceEngine }> {
  const replay = await Replay.open(bytesOf(trace), opener(causes), wordingWith(print), options);
  const report = await replay.run();
  return { report, engine: replay.engine };
}
