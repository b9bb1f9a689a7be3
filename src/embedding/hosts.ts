/**
 * The natives of a configuration as hosts that can be started: each form with the launcher that knows it. Owns what a
 * host is told of this node beside its calls: its variables, its arguments, and keys derived for it alone.
 */
import { pathToFileURL } from 'node:url';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { z } from 'zod';
import type { Configuration, NativeConfig } from '../capability/index.ts';
import type { Dispatcher } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  ChildLauncher,
  type ConfiguredHost,
  type DeclarationSource,
  declarationSource,
  type HostLine,
  Hosts,
  inlineNatives,
  type Launcher,
  SocketLauncher,
  WorkerLauncher,
} from '../natives/index.ts';
import type { Platform } from '../platform/index.ts';
import type { SpaceEngine } from '../space/index.ts';
import { surroundingsOf } from './config-surroundings.ts';
import type { NodeAuthority } from './node-authority.ts';
import { tellHostLine } from './surroundings.ts';
import type { FailureReport, OpenOptions } from './types.ts';

/** The hosts of a space that is being opened. Nothing is started yet. */
export function hostsOf(given: {
  readonly engine: SpaceEngine;
  readonly dispatcher: Dispatcher;
  readonly platform: Platform;
  readonly configuration: Configuration | null;
  readonly options: Pick<OpenOptions, 'hostArguments' | 'onHostLine' | 'onShutdown'>;
  readonly sealKey: Uint8Array;
  readonly authority: NodeAuthority;
  readonly tell: (failure: FailureReport) => void;
  /** Closes the space, where nobody else wants to decide. */
  readonly stop: () => void;
}): Hosts {
  const { engine, dispatcher, configuration, options, authority, tell } = given;
  const natives = [...(configuration?.natives.values() ?? [])];
  const isAny = natives.length > 0;
  const platform = isAny ? authority.give('node/hosts', 'platform', given.platform) : given.platform;
  for (const { name, module, command, url } of natives)
    authority.give('node/hosts', name, name, { module, command, url });
  const log = options.onHostLine ?? tellHostLine;
  const { variable } = surroundingsOf(null);
  return new Hosts(configuredHosts(natives, { platform, variable, args: options.hostArguments ?? [], log }), {
    platform,
    engine,
    names: engine.names,
    sealKey: given.sealKey,
    keyOf: keysFrom(given.sealKey),
    register: (native) => dispatcher.registerNative(native),
    timers: platform.timers,
    log,
    onShutdown: (reason, hasEnded) => {
      tell({ deploy: 0, code: 'host_failed', message: reason, hint: '', source: 'hosts', dropped: 0 });
      if (options.onShutdown === undefined) given.stop();
      else options.onShutdown(reason, hasEnded);
    },
  });
}

interface HostsSetting {
  readonly platform: Platform;
  readonly variable: (name: string) => string | undefined;
  /** What stands after the marker on the command line. */
  readonly args: readonly string[];
  readonly log: (line: HostLine) => void;
}

function configuredHosts(natives: Iterable<NativeConfig>, setting: HostsSetting): ConfiguredHost[] {
  const all = [...natives];
  if (setting.args.length > 0 && !all.some((native) => native.arguments === true)) {
    throw new PowerboxError('usage', 'there are arguments after --, and no native of the configuration gets them', {
      hint: 'Say arguments: true at the native whose command is to get them.',
    });
  }
  return all.map((native) => {
    if (native.inline === true)
      return { kind: 'inline', name: native.name, natives: () => inlineNatives(moduleUrl(native)) };
    const { name, onExit, mayShutDown = false, calls_max, queue_max, message_bytes_max, start_ms_max } = native;
    const isFar = native.url !== undefined;
    return {
      kind: 'host',
      settings: {
        name,
        launcher: launcherOf(native, setting),
        required: native.required ?? !isFar,
        onExit,
        restarts_max: native.restarts_max ?? (isFar ? null : limits.host_restarts_default),
        mayShutDown,
        calls_max,
        queue_max,
        call_ms_max: native.call_ms_max ?? null,
        message_bytes_max,
        start_ms_max,
        silent_ms_max: isFar ? (native.silent_ms_max ?? limits.host_silent_ms_default) : null,
        pinned: pinnedOf(native),
      },
    };
  });
}

function launcherOf(native: NativeConfig, { platform, variable, args, log }: HostsSetting): Launcher {
  const { name, message_bytes_max, command, url, key, token, environment = {}, folder = '.' } = native;
  const { clock, timers, randomness } = platform;
  const line = (stream: 'stdout' | 'stderr', text: string): void =>
    log({ native: name, level: stream === 'stdout' ? 'info' : 'warn', text });
  const common = { message_bytes_max, clock, timers };
  if (command !== undefined) {
    return new ChildLauncher({
      ...common,
      command: native.arguments === true ? [...command, ...args] : command,
      folder,
      environment: () => ({
        PATH: variable('PATH') ?? '/usr/bin:/bin',
        ...Object.fromEntries(Object.entries(environment).map(([key, secret]) => [key, secret.reveal()])),
      }),
      randomness,
      line,
    });
  }
  if (url !== undefined) {
    const secret = key !== undefined ? { key: () => key.reveal() } : { token: () => token?.reveal() ?? '' };
    return new SocketLauncher({
      ...common,
      start_ms_max: native.start_ms_max,
      url,
      native: name,
      secret,
      ca: native.ca ?? null,
    });
  }
  return new WorkerLauncher({ ...common, module: moduleUrl(native), line });
}

function moduleUrl({ module = '' }: NativeConfig): string {
  return pathToFileURL(module).href;
}

function pinnedOf({ name, pinned }: NativeConfig): readonly DeclarationSource[] | null {
  if (pinned === undefined) return null;
  const read = z.array(declarationSource).safeParse(pinned);
  if (read.success) return read.data;
  const where = read.error.issues.slice(0, 4).map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new PowerboxError('config_invalid', `natives.${name}.declaration is none: ${where.join('; ')}`);
}

/** Keys for one use each, the same whenever this space is opened. */
function keysFrom(sealKey: Uint8Array): (use: string) => Uint8Array {
  return (use) => hkdf(sha256, sealKey, undefined, new TextEncoder().encode(`powerbox/${use}`), 32);
}
