/**
 * Puts the parts together: a store, the space on it, the dispatcher with its runners and natives, and the
 * powerboxes. The one place, with its callers, that names a runner. Owns the order in which parts open and
 * close, and gives back what it opened when a later part refuses.
 */
import { resolve } from 'node:path';
import { ControlServer, deskOf, Outlets, SPACE_SOCKET } from './admin/index.ts';
import { Audit, Deploys, type DispatchFailpoint, Dispatcher } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { realPlatform } from '../platform/index.ts';
import { RHO_LABEL, RholangRunner } from '../rholang/index.ts';
import { type EngineOptions, type Failpoint, SpaceEngine, SpaceHost } from '../space/index.ts';
import { openMemoryStore, openStore, type Store } from '../store/index.ts';
import { requireRetention } from './audit.ts';
import { rememberConfiguration } from './config-surroundings.ts';
import { PUBLIC_FACT, registerNodeCauses } from './causes.ts';
import { configured } from './configured.ts';
import { Documents } from './documents.ts';
import { processConsole, requireSpace, tellFailure } from './surroundings.ts';
import { hostsOf } from './hosts.ts';
import { HostChannels } from './host-channels.ts';
import { rememberInternals, type SpaceInternals } from './internals.ts';
import { NodeAuthority } from './node-authority.ts';
import { cacheOf, requireMachine } from './machine.ts';
import { OpenedSpace } from './opened-space.ts';
import { forkRunner } from './session-forks.ts';
import { SESSION_LABEL, Sessions } from './sessions/index.ts';
import { Powers } from './powers.ts';
import { type OpeningRecording, recordingOf } from './recording.ts';
import { Service } from './service.ts';
import { quotasOf } from './usage.ts';
import type { OpenOptions, Space } from './types.ts';

/** What the crash test has beside the public options: named moments, planted bugs, small bounds, a look inside. */
export interface Instruments extends Pick<EngineOptions, 'plant' | 'cache_bytes' | 'journal_tail_bytes_max'> {
  readonly failpoint?: (name: Failpoint | DispatchFailpoint) => void;
  /** Called with the space as it was found, before anything in it moves. */
  readonly recovered?: (engine: SpaceEngine) => Promise<void>;
}

/** Opens a space, in memory or in a directory. Rejects with a coded error and leaves nothing open. */
export function openSpace(options: OpenOptions = {}): Promise<Space> {
  return openInstrumented(options, {});
}

/** As `openSpace`, for tests of this package only: no index names it, so nothing of it is reachable from outside. */
export async function openInstrumented(given: OpenOptions, { recovered, ...instruments }: Instruments): Promise<Space> {
  const { plant, failpoint } = instruments;
  const authority = new NodeAuthority();
  const { configuration, options } = configured(given, authority);
  const platform = realPlatform();
  const quotas = quotasOf(options, configuration?.quotas ?? null);
  const documents = new Documents(configuration, platform.hashing);
  const outlets = new Outlets(options.console ?? processConsole(), options.onFailure ?? tellFailure);
  const onFailure = authority.give('node/stderr', 'stderr', outlets.tell);
  const machine = configuration?.machine ?? null;
  if (machine !== null) authority.give('node/doctor', 'machine', machine, { ...machine });
  const moves = options.unfinished !== 'hold' && options.unfinished !== 'look';
  if (moves) await requireMachine(machine, options, onFailure);
  const { clock, timers } = platform;
  const retention = options.audit ?? {};
  requireRetention(retention);
  const audit = new Audit(platform.hashing, clock, retention);
  const dispatcher = new Dispatcher({
    audit,
    platform: authority.give('node/dispatcher', 'clock', { clock, timers }),
    ...(failpoint === undefined ? {} : { failpoint }),
    ...(plant === 'effect-not-begun' ? { plant } : {}),
    report: (account, { mode, code, message, hint, source, dropped }) =>
      onFailure({ deploy: account, mode, code, message, hint, source, dropped }),
  });
  dispatcher.registerInline(RHO_LABEL, new RholangRunner());

  const store = await storeOf(options, authority);
  let engine: SpaceEngine | null = null;
  let powers: Powers | null = null;
  let opened: OpenedSpace | null = null;
  let recording: OpeningRecording | null = null;
  try {
    recording = await recordingOf({
      options,
      store,
      quotas: quotas?.settings ?? null,
      platform,
      authority,
      tell: onFailure,
    });
    const recorder = recording?.recorder ?? null;
    engine = await SpaceEngine.open({
      platform: authority.give('node/space', 'platform', platform),
      store,
      ...(recorder === null ? {} : { recorder }),
      ...(quotas === undefined ? {} : { quotas }),
      ...cacheOf(configuration?.machine ?? null),
      ...instruments,
      ...(options.onClosed === undefined ? {} : { onClosed: options.onClosed }),
      ...(options.follow === undefined ? {} : { follow: options.follow }),
    });
    if (recorder !== null) engine.onClose(() => recorder.end());
    registerNodeCauses(engine, dispatcher);
    await recovered?.(engine);
    audit.attach(engine);
    const deploys = new Deploys(engine);
    const { data } = options;
    if (data !== undefined) authority.give('node/service', 'directory', data, { durability: 'sync' });
    const service = await Service.open({ engine, platform, data, tell: onFailure });
    if (options.unfinished === 'refuse') service.requireIn();
    refuseUnfinished(options, deploys);
    const hosts = hostsOf({
      engine,
      dispatcher,
      platform,
      configuration,
      options,
      sealKey: store.keys.sealKey,
      authority,
      tell: onFailure,
      stop: () => void opened?.close(),
    });
    powers = await Powers.open({
      engine,
      dispatcher,
      platform: authority.give('node/resolvers', 'platform', platform),
      options,
      console: authority.give('node/resolvers', 'console', outlets.console),
      configuration,
      documents,
      service,
      hosts,
      tell: onFailure,
      authority,
    });
    for (const native of options.natives ?? []) dispatcher.registerNative(native);
    dispatcher.attach(engine, engine.names);
    service.attach(dispatcher);
    const host = new SpaceHost(engine, platform);
    if (!service.isIn) host.refuse(service.refusal());
    service.onLeave((refusal) => {
      host.refuse(refusal);
      options.onOutOfService?.(service.health());
    });
    const live = engine;
    const sessions = new Sessions({
      engine,
      deploys,
      host,
      platform: authority.give('node/sessions', 'platform', platform),
      sealKey: store.keys.sealKey,
      isSystemPublic: () => live.fact(PUBLIC_FACT) !== undefined,
      speaks: (account) => dispatcher.sources.count(account) > 0,
      runFork: (asked) => runFork(asked),
      takeOver: (turn, payload) => dispatcher.adopt(live.takeOver(turn, payload)),
    });
    dispatcher.registerInline(SESSION_LABEL, sessions, { inForks: false });
    const parts = {
      engine,
      sessions,
      audit,
      yielding: () => new Promise<void>((resolve) => timers.soon(resolve)),
      dispatcher,
      deploys,
      powers,
      channels: new HostChannels(engine, host),
      service,
      configuration,
      documents,
      hosts,
      authority,
      hashing: platform.hashing,
      platform,
      store,
      tell: onFailure,
    };
    const runFork = forkRunner(parts);
    const space = new OpenedSpace(parts, options);
    opened = space;
    const configurationFile = configuration?.file ?? null;
    const internals = { ...parts, host, sealKey: store.keys.sealKey, outlets, configurationFile };
    rememberInternals(space, internals);
    if (!moves) return space;
    if (service.isIn && configuration?.file && options.data !== undefined)
      rememberConfiguration(resolve(options.data), configuration.file);
    if (data !== undefined) await space.listen(() => controlOf(space, resolve(data), internals));
    engine.start(dispatcher);
    // What is there is told, and what is under way elsewhere is taken; nothing is begun.
    if (!service.isIn) return space;
    dispatcher.openSources();
    hosts.settle();
    sessions.start();
    await audit.trim();
    await documents.settle(engine);
    await powers.settle();
    await powers.settlePublicSystem();
    await space.startContracts();
    return space;
  } catch (error) {
    await opened?.close().catch(() => undefined);
    await powers?.close();
    await (engine ?? store).close();
    recording?.discard();
    throw error;
  }
}

/** Other processes ask the one that holds the directory. Where the file system has no sockets, it is told and goes on. */
async function controlOf(
  space: Space,
  directory: string,
  { platform, tell, authority }: SpaceInternals,
): Promise<ControlServer | null> {
  const tag = Buffer.from(platform.randomness.bytes(8)).toString('hex');
  authority.give('node/control', SPACE_SOCKET, directory, { listen: true });
  try {
    return await ControlServer.open({ directory, name: SPACE_SOCKET, tag, methods: deskOf(space) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `other processes cannot ask this one about ${directory}: ${why}`;
    tell({ deploy: 0, code: 'not_available', message, hint: '', source: 'control', dropped: 0 });
    return null;
  }
}

function storeOf(options: OpenOptions, authority: NodeAuthority): Promise<Store> {
  const platform = realPlatform();
  const { data, durability } = options;
  if (data === undefined) {
    if (durability !== undefined && durability !== 'memory') {
      throw new PowerboxError('config_invalid', `durability ${durability} needs a data directory`, {
        hint: 'give one, or leave durability out',
      });
    }
    return Promise.resolve(openMemoryStore(platform));
  }
  const directory = options.mustExist === true ? requireSpace(data) : resolve(data);
  authority.give('node/store', 'directory', directory, { durability: durability ?? 'sync' });
  return openStore({ directory, durability: durability ?? 'sync', platform });
}

function refuseUnfinished(options: OpenOptions, deploys: Deploys): void {
  if (options.unfinished !== 'refuse') return;
  const unfinished = deploys.unfinished();
  if (unfinished.length === 0) return;
  const names = unfinished.map(({ name }) => name).join(', ');
  throw new PowerboxError(
    'unfinished_work',
    `${options.data ?? 'the space'} has work that an earlier run left unfinished: ${names}`,
    {
      hint: 'go on with it first, or open the space so that it goes on beside what is new',
    },
  );
}
