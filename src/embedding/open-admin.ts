/**
 * Finds who can be asked about a space: the process that holds its directory, over the control socket, or else this
 * one, which opens it. Whoever is just beginning to hold it, or letting it go, is waited for a moment.
 */
import { resolve } from 'node:path';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { realPlatform } from '../platform/index.ts';
import { configured } from './configured.ts';
import { NodeAuthority } from './node-authority.ts';
import { openSpace } from './open.ts';
import { processConsole, tellFailure } from './surroundings.ts';
import type { OpenOptions, Space } from './types.ts';
import { type Admin, ControlClient, LocalAdmin, RemoteAdmin, SPACE_SOCKET } from './admin/index.ts';

/** `joins`: where another process has the space, its trace is not begun here: `Admin.record` does that. */
export async function openAdmin(
  options: OpenOptions,
  { joins = false }: { readonly joins?: boolean } = {},
): Promise<Admin> {
  const data = options.data ?? configured(options, new NodeAuthority()).options.data;
  if (data === undefined) return new LocalAdmin(await openSpace(options), { outlet: null, closes: true });
  return whenFree<Admin>(data, {
    held: (client) => remoteAdmin(client, data, options, joins),
    free: async () => new LocalAdmin(await openSpace(options), { outlet: null, closes: true }),
  });
}

/**
 * Opens a space to hold it. Who only looks into its directory has it for a moment and is waited for; who holds it is not.
 */
export function openToHold(options: OpenOptions & { readonly data: string }): Promise<Space> {
  return whenFree(options.data, {
    held: (client) => {
      client.close();
      // Refused, in the words of the store; or it has gone just now.
      return openSpace(options);
    },
    free: () => openSpace(options),
  });
}

/** What becomes of a directory that somebody holds, or nobody. Whoever is neither is on its way and waited for. */
async function whenFree<T>(
  data: string,
  { held, free }: { held(client: ControlClient): Promise<T>; free(): Promise<T> },
): Promise<T> {
  const { timers } = realPlatform();
  // Tries, and no clock: while this process stood still, nobody was waited for.
  for (let left = Math.ceil(limits.control_wait_ms / limits.control_retry_ms); ; left--) {
    const client = await ControlClient.connect(resolve(data), SPACE_SOCKET);
    if (client !== null) return held(client);
    try {
      return await free();
    } catch (error) {
      if (!isPowerboxError(error) || error.code !== 'storage_locked' || left === 0) throw error;
      await new Promise<void>((run) => timers.after(limits.control_retry_ms, run));
    }
  }
}

async function remoteAdmin(client: ControlClient, data: string, options: OpenOptions, joins: boolean): Promise<Admin> {
  const { console = processConsole(), onFailure = tellFailure, config, grants } = options;
  const admin = new RemoteAdmin(client, { data, console, onFailure });
  try {
    if (options.trace !== undefined && !joins) {
      throw new PowerboxError(
        'storage_locked',
        `process ${client.pid} has ${data} open: what it does cannot be recorded from here`,
        {
          hint: 'powerbox trace record records it from now on.',
        },
      );
    }
    if (grants?.publicSystem === true) {
      throw new PowerboxError(
        'config_invalid',
        `process ${client.pid} has ${data} open, and says what is public there`,
        {
          hint: 'Stop it first, or leave --public-system out.',
        },
      );
    }
    const { configuration } = await admin.info();
    if (typeof config === 'string' && resolve(config) !== configuration) {
      const with_ = configuration === null ? 'without a configuration' : `with the configuration ${configuration}`;
      throw new PowerboxError('config_invalid', `process ${client.pid} has ${data} open ${with_}, not with ${config}`, {
        hint: 'Stop it first, or leave --config out.',
      });
    }
    return admin;
  } catch (error) {
    await admin.close();
    throw error;
  }
}
