/**
 * Puts the parts together: a store, the space on it, the dispatcher with its runners and natives, and the
 * powerboxes. The one place, with its callers, that names a runner. Owns the order in which parts open and
 * close, and gives back what it opened when a later part refuses.
 */
import { resolve } from 'node:path';
import { Deploys, type DispatchFailpoint, Dispatcher } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { realPlatform } from '../platform/index.ts';
import { RHO_LABEL, RholangRunner } from '../rholang/index.ts';
import { type EngineOptions, type Failpoint, SpaceEngine, SpaceHost } from '../space/index.ts';
import { openMemoryStore, openStore, type Store } from '../store/index.ts';
import { directoryExists, processConsole, tellFailure } from './surroundings.ts';
import { HostChannels } from './host-channels.ts';
import { OpenedSpace } from './opened-space.ts';
import { Powers } from './powers.ts';
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
export async function openInstrumented(
  options: OpenOptions,
  { recovered, ...instruments }: Instruments,
): Promise<Space> {
  const { plant, failpoint } = instruments;
  const platform = realPlatform();
  const onFailure = options.onFailure ?? tellFailure;
  const dispatcher = new Dispatcher({
    platform,
    ...(failpoint === undefined ? {} : { failpoint }),
    ...(plant === 'effect-not-begun' ? { plant } : {}),
    report: (account, { code, message, hint, source, dropped }) =>
      onFailure({ deploy: account, code, message, hint, source, dropped }),
  });
  dispatcher.registerInline(RHO_LABEL, new RholangRunner());

  const store = await storeOf(options);
  let engine: SpaceEngine | null = null;
  let powers: Powers | null = null;
  try {
    engine = await SpaceEngine.open({
      platform,
      store,
      ...instruments,
      ...(options.onClosed === undefined ? {} : { onClosed: options.onClosed }),
    });
    await recovered?.(engine);
    const deploys = new Deploys(engine);
    refuseUnfinished(options, deploys);
    powers = await Powers.open({ engine, dispatcher, platform, options, console: options.console ?? processConsole() });
    for (const native of options.natives ?? []) dispatcher.registerNative(native);
    dispatcher.attach(engine, engine.names);
    const parts = {
      engine,
      dispatcher,
      deploys,
      powers,
      channels: new HostChannels(engine, new SpaceHost(engine, platform)),
    };
    const space = new OpenedSpace(parts, options);
    if (options.unfinished === 'hold') return space;
    engine.start(dispatcher);
    dispatcher.openSources();
    await powers.setPublicSystem(options.grants?.publicSystem === true);
    return space;
  } catch (error) {
    await powers?.close();
    await (engine ?? store).close();
    throw error;
  }
}

function storeOf(options: OpenOptions): Promise<Store> {
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
  const directory = resolve(data);
  if (options.mustExist === true && !directoryExists(directory)) {
    throw new PowerboxError('config_invalid', `there is no space in ${data}: the directory does not exist`);
  }
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
