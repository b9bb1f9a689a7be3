/**
 * How a space is opened for a replay: every kind of cause registered as in a space that lives, the runner of Rholang, and
 * natives that are asked for what they declare and compute, and for nothing else. No grant is opened.
 */
import type { Native } from '../../channels/index.ts';
import { type Console, Resolvers } from '../../resolvers/index.ts';
import { quotaSource, readQuotas } from '../capability/index.ts';
import { Audit, Deploys, Dispatcher } from '../dispatch/index.ts';
import { registerHostCauses } from '../natives/index.ts';
import { limits } from '../limits.ts';
import { inertPlatform } from '../platform/index.ts';
import { print, RHO_LABEL, RholangRunner } from '../rholang/index.ts';
import { SpaceEngine, SpaceHost } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import { bytesOf, type OpenForReplay, openTraceFile, Replay, type ReplayOptions, wordingWith } from '../trace/index.ts';
import { PUBLIC_FACT, registerNodeCauses } from './causes.ts';
import { SESSION_LABEL, Sessions } from './sessions/index.ts';

/** Nobody reads or writes here: a replay calls no native that would. */
const NO_CONSOLE: Console = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };

export interface ReplaySurroundings {
  /**
   * Of the program that was recorded: for their declarations, and for what they compute in the turn. One with the name of
   * a native of our own stands in its place, as a fake did.
   */
  readonly natives?: readonly Native[];
  /** What other parts of that program register for causes of their own. */
  readonly causes?: readonly ((engine: SpaceEngine) => void)[];
}

/** All of both; of two with one name, the one that was given. */
export function nativesInPlace(own: readonly Native[], given: readonly Native[]): readonly Native[] {
  const names = new Set(given.map(({ declaration }) => declaration.name));
  return [...own.filter(({ declaration }) => !names.has(declaration.name)), ...given];
}

export function openForReplay({ natives = [], causes = [] }: ReplaySurroundings): OpenForReplay {
  return async ({ store, quotas, standing, observer }) => {
    const platform = inertPlatform();
    const source = quotas === null ? undefined : quotaSource(readQuotas(JSON.parse(quotas)));
    const engine = await SpaceEngine.open({
      platform,
      store,
      replays: true,
      ...(source === undefined ? {} : { quotas: source }),
      ...(standing === undefined ? {} : { standing }),
      ...(observer === undefined ? {} : { observer }),
    });
    const audit = new Audit(platform.hashing, platform.clock);
    const dispatcher = new Dispatcher({ audit, platform, report: () => {} });
    dispatcher.registerInline(RHO_LABEL, new RholangRunner());
    registerNodeCauses(engine, dispatcher);
    registerHostCauses(engine, (native) => dispatcher.registerNative(native));
    for (const register of causes) register(engine);
    audit.attach(engine);
    const deploys = new Deploys(engine);
    const resolvers = new Resolvers({ console: NO_CONSOLE, platform, show: (value) => print(value) });
    for (const native of nativesInPlace(resolvers.natives, natives)) dispatcher.registerNative(native);
    dispatcher.attach(engine, engine.names);
    const sessions = new Sessions({
      engine,
      deploys,
      host: new SpaceHost(engine, platform),
      platform,
      // Nothing that is sealed leaves from here.
      sealKey: store.keys.sealKey,
      isSystemPublic: () => engine.fact(PUBLIC_FACT) !== undefined,
      speaks: (account) => dispatcher.sources.count(account) > 0,
      runFork: () => Promise.reject(new Error('a replay runs no fork')),
      takeOver: (turn, payload) => dispatcher.adopt(engine.takeOver(turn, payload)),
    });
    dispatcher.registerInline(SESSION_LABEL, sessions, { inForks: false });
    engine.start(dispatcher);
    return engine;
  };
}

export type OpenReplayOptions = ReplaySurroundings & ReplayOptions;

/** As much of a value as a chain of causes is told with. */
function words(value: Value): string {
  return print(value, { lengthMax: limits.report_item_chars_max });
}

/** A replay that has been opened and has not begun; of a file, or of a trace in memory. */
export function openReplay(trace: string | Uint8Array, options: OpenReplayOptions = {}): Promise<Replay> {
  const bytes = typeof trace === 'string' ? openTraceFile(trace) : bytesOf(trace);
  return Replay.open(bytes, openForReplay(options), wordingWith(words), options).catch((error: unknown) => {
    bytes.close();
    throw error;
  });
}
