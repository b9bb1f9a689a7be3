/**
 * What an operator asks of a node as a whole: its spaces, and what it is. A node that runs is asked over the control
 * socket in `DIR/node`; else the directories are worked on by this process.
 */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  ControlClient,
  type ControlMethod,
  controlMethod,
  type HealthReport,
  restoreService,
} from '../../embedding/index.ts';
import { limits } from '../../limits.ts';
import { createSpace, findSpace, listSpaces, removeSpace, type SpaceEntry, type SpaceSettings } from './space-files.ts';
import type { NodeSpaces } from './spaces.ts';

export const NODE_SOCKET = 'control';

/** What a node that runs is. */
export interface NodeInfo {
  readonly version: string;
  readonly pid: number;
  /** Of the process, ISO 8601, UTC. */
  readonly started: string;
  readonly url: string;
  readonly spaces: readonly string[];
  readonly connections: number;
  readonly sessions: number;
}

export interface NodeAdmin {
  list(): Promise<readonly SpaceEntry[]>;
  create(name: string, settings: SpaceSettings): Promise<SpaceEntry>;
  remove(name: string, force: boolean): Promise<void>;
  /** Back into service; see `restoreService`. */
  restoreService(space: string): Promise<HealthReport>;
  /** Null: none runs. */
  info(): Promise<NodeInfo | null>;
  close(): Promise<void>;
}

/** Of the node that runs in `data`, or of the directory itself. */
export async function openNodeAdmin(data: string): Promise<NodeAdmin> {
  const directory = resolve(data);
  const client = await ControlClient.connect(join(directory, 'node'), NODE_SOCKET);
  if (client === null) {
    return {
      list: () => listSpaces(data),
      create: (name, settings) => createSpace(data, name, settings),
      remove: (name, force) => removeSpace(data, name, force),
      restoreService: async (space) => restoreService({ data: (await findSpace(data, space)).directory }),
      info: async () => null,
      close: async () => undefined,
    };
  }
  return {
    // The directories are as whoever asks names them.
    list: () => listSpaces(data),
    create: async (name, settings) => ({
      ...((await client.ask('create', { name, settings })) as SpaceEntry),
      directory: join(data, 'spaces', name),
    }),
    remove: async (name, force) => {
      await client.ask('remove', { name, force });
    },
    restoreService: async (space) => (await client.ask('restoreService', { name: space })) as HealthReport,
    info: async () => (await client.ask('info')) as NodeInfo,
    close: async () => client.close(),
  };
}

const settings = z.strictObject({
  owner: z.string().max(128).nullable(),
  quotas: z.record(z.string(), z.unknown()).nullable(),
  config: z.string().max(limits.path_bytes_max).nullable(),
});

/** What the control socket of a node answers. */
export function nodeDesk(spaces: NodeSpaces, info: () => NodeInfo): Readonly<Record<string, ControlMethod>> {
  const name = z.string().max(128);
  return {
    create: controlMethod(z.strictObject({ name, settings }), (given) =>
      spaces.create(given.name, given.settings as SpaceSettings),
    ),
    remove: controlMethod(z.strictObject({ name, force: z.boolean() }), (given) =>
      spaces.remove(given.name, given.force),
    ),
    restoreService: controlMethod(z.strictObject({ name }), (given) => spaces.restoreService(given.name)),
    info: controlMethod(z.strictObject({}), () => info()),
  };
}
