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
  const { clock, timers } = realPlatform();
  const until_ms = clock.monotonic_ms() + limits.control_wait_ms;
  for (;;) {
    const client = await ControlClient.connect(resolve(data), SPACE_SOCKET);
    if (client !== null) return remoteAdmin(client, data, options, joins);
    try {
      return new LocalAdmin(await openSpace(options), { outlet: null, closes: true });
    } catch (error) {
      if (!isPowerboxError(error) || error.code !== 'storage_locked' || clock.monotonic_ms() >= until_ms) throw error;
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

/**
 * Opens a space to hold it. Who only looks into its directory has it for a moment and is waited for; who holds it is not.
 */
export async function openToHold(options: OpenOptions & { readonly data: string }): Promise<Space> {
  const { clock, timers } = realPlatform();
  const until_ms = clock.monotonic_ms() + limits.control_wait_ms;
  for (;;) {
    try {
      return await openSpace(options);
    } catch (error) {
      if (!isPowerboxError(error) || error.code !== 'storage_locked' || clock.monotonic_ms() >= until_ms) throw error;
      const holder = await ControlClient.connect(resolve(options.data), SPACE_SOCKET);
      holder?.close();
      if (holder !== null) throw error;
      await new Promise<void>((run) => timers.after(limits.control_retry_ms, run));
    }
  }
}
