/**
 * How a space is opened for a replay: every kind of cause registered as in a space that lives, the runner of Rholang, and
 * natives that are asked for what they declare and compute, and for nothing else. No grant is opened.
 */
import type { Native } from '../../channels/index.ts';
import { type Console, Resolvers } from '../../resolvers/index.ts';
import { quotaSource, readQuotas } from '../capability/index.ts';
import { Audit, Deploys, Dispatcher } from '../dispatch/index.ts';
import { registerHostCauses } from '../natives/index.ts';
import { inertPlatform } from '../platform/index.ts';
import { print, RHO_LABEL, RholangRunner } from '../rholang/index.ts';
import { SpaceEngine } from '../space/index.ts';
import {
  bytesOf,
  type OpenForReplay,
  openTraceFile,
  Replay,
  type ReplayOptions,
  type ReplayReport,
  wordingWith,
} from '../trace/index.ts';
import { registerNodeCauses } from './causes.ts';

/** Nobody reads or writes here: a replay calls no native that would. */
const NO_CONSOLE: Console = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };

export interface ReplaySurroundings {
  /** Of the program that was recorded: for their declarations, and for what they compute in the turn. */
  readonly natives?: readonly Native[];
  /** What other parts of that program register for causes of their own. */
  readonly causes?: readonly ((engine: SpaceEngine) => void)[];
}

export function openForReplay({ natives = [], causes = [] }: ReplaySurroundings): OpenForReplay {
  return async ({ store, quotas, observer }) => {
    const platform = inertPlatform();
    const source = quotas === null ? undefined : quotaSource(readQuotas(JSON.parse(quotas)));
    const engine = await SpaceEngine.open({
      platform,
      store,
      replays: true,
      ...(source === undefined ? {} : { quotas: source }),
      ...(observer === undefined ? {} : { observer }),
    });
    const audit = new Audit(platform.hashing, platform.clock);
    const dispatcher = new Dispatcher({ audit, platform, report: () => {} });
    dispatcher.registerInline(RHO_LABEL, new RholangRunner());
    registerNodeCauses(engine, dispatcher);
    registerHostCauses(engine);
    for (const register of causes) register(engine);
    audit.attach(engine);
    new Deploys(engine);
    const resolvers = new Resolvers({ console: NO_CONSOLE, platform, show: (value) => print(value) });
    for (const native of [...resolvers.natives, ...natives]) dispatcher.registerNative(native);
    dispatcher.attach(engine, engine.names);
    engine.start(dispatcher);
    return engine;
  };
}

export interface ReplayTraceOptions
  extends ReplaySurroundings,
    Pick<ReplayOptions, 'onTurn' | 'observer' | 'beforeTurn'> {
  /** The last turn that is replayed. Default: the last of the trace. */
  readonly until?: number;
}

/** A replay that has been opened and has not begun; of a file, or of a trace in memory. */
export function openReplay(trace: string | Uint8Array, options: ReplayTraceOptions = {}): Promise<Replay> {
  const bytes = typeof trace === 'string' ? openTraceFile(trace) : bytesOf(trace);
  return Replay.open(bytes, openForReplay(options), wordingWith(print), options).catch((error: unknown) => {
    bytes.close();
    throw error;
  });
}

/**
 * Runs a trace again and touches nothing but the trace. Rejects with `trace_departed` at the first turn that differs from
 * what was recorded, with `trace_invalid` or `trace_version` where it cannot be read.
 */
export async function replayTrace(trace: string | Uint8Array, options: ReplayTraceOptions = {}): Promise<ReplayReport> {
  const replay = await openReplay(trace, options);
  try {
    return await replay.run(options.until);
  } finally {
    await replay.close();
  }
}
