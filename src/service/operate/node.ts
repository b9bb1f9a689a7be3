/**
 * A node that serves: its spaces, its port, its control socket, and what it tells of itself. Owns the order in which they
 * open and close, and the time in which a node that is told to go has gone.
 */
import { resolve } from 'node:path';
import type { Console } from '../../../resolvers/index.ts';
import {
  parseEndpoint,
  requireConfiguration,
  SERVICE_LISTEN_DEFAULT,
  type ServiceConfig,
  serviceConfig,
} from '../../capability/index.ts';
import { checkConfiguration, ControlServer, rememberedConfiguration } from '../../embedding/index.ts';
import { PowerboxError } from '../../errors.ts';
import { realPlatform } from '../../platform/index.ts';
import { VERSION } from '../../version.ts';
import { openAuthenticator } from '../auth.ts';
import { nodeDirectory } from '../node-directory.ts';
import { createService } from '../service.ts';
import type { ConnectionReport, ListenOptions, RunningService, ServiceAddress, ServiceObserver } from '../types.ts';
import type { Log, LogFields } from './logs.ts';
import { ServiceTallies } from './metrics.ts';
import { NODE_SOCKET, nodeDesk, type NodeInfo } from './node-admin.ts';
import { type NodeState, operatorRoutes } from './routes.ts';
import { openTelemetry, type Telemetry } from './telemetry.ts';
import { memoryOfProcess, processFigures, readTls, removeLeftovers } from './space-files.ts';
import { MAIN_SPACE } from '../space-places.ts';
import { type NodeHolds, NodeSpaces } from './spaces.ts';

/** Of the time to close, what clients get for what they wait for; the rest is for the spaces. */
const CLIENTS_SHARE = 0.5;

export interface NodeOptions {
  /** Data directory; default: that of the configuration. */
  readonly data?: string;
  /** Configuration file; default: what the directory remembers. */
  readonly config?: string;
  /** `HOST:PORT`; goes before the configuration. */
  readonly listen?: string;
  /** For the host of a native of `main` that is configured to get them. */
  readonly hostArguments?: readonly string[];
  readonly console: Console;
  readonly log: (level: ServiceConfig['logs']['level']) => Log;
}

export interface RunningNode {
  readonly address: ServiceAddress;
  /** As the operator wrote it. */
  readonly data: string;
  /** Resolves with the reason when the space `main` has closed itself: the node cannot go on. */
  readonly lost: Promise<Error>;
  /** Resolves when a host that may has asked for the end of the node. */
  readonly asked: Promise<void>;
  /** Resolves true when all has been closed in good order, and false when the time was over before that. */
  close(): Promise<boolean>;
}

/** What a node is started with, from options and configuration together. */
export interface NodeSettings {
  readonly data: string;
  readonly config: string | null;
  readonly service: ServiceConfig;
}

/** Refused with `usage` where no data directory is named, and with `config_invalid`. */
export function nodeSettings({ data, config, listen }: Pick<NodeOptions, 'data' | 'config' | 'listen'>): NodeSettings {
  const remembered = config ?? (data === undefined ? null : rememberedConfiguration(resolve(data)));
  const configuration = remembered === null ? null : requireConfiguration(checkConfiguration(remembered), remembered);
  const directory = data ?? configuration?.data ?? undefined;
  if (directory === undefined) {
    throw new PowerboxError('usage', 'a data directory is missing', {
      hint: 'powerbox serve --data DIR; or data: in the configuration that --config names',
    });
  }
  const said = configuration?.service ?? serviceConfig.parse({});
  const service = listen === undefined ? said : requireService({ ...said, listen });
  return { data: directory, config: remembered, service };
}

/** As if the configuration said so. */
function requireService(service: ServiceConfig): ServiceConfig {
  const { listen, tls, insecure } = service;
  const read = serviceConfig.safeParse({ listen, insecure, ...(tls === undefined ? {} : { tls }) });
  if (read.success) return service;
  throw new PowerboxError('config_invalid', `--listen ${JSON.stringify(listen)}: ${read.error.issues[0]?.message}`, {
    hint: `For example --listen ${SERVICE_LISTEN_DEFAULT}.`,
  });
}

async function listenOptions({ listen, tls, insecure }: ServiceConfig): Promise<ListenOptions> {
  const endpoint = parseEndpoint(listen);
  if (typeof endpoint === 'string') throw new PowerboxError('config_invalid', endpoint);
  const { host, port } = endpoint;
  return { host, port, insecure, ...(tls === undefined ? {} : { tls: await readTls(tls) }) };
}

/** What a node that serves may touch beside what its spaces do. */
function partsOf({ listen, tls, auth, telemetry }: ServiceConfig): readonly NodeHolds[] {
  const reads = [auth.publicKey ?? 'secret', ...(tls === undefined ? [] : [tls.certificate, tls.key])];
  const endpoints = telemetry === undefined ? [] : [telemetry.endpoint];
  return [
    { part: 'node/clients', name: 'port', limits: { listen, encrypted: tls !== undefined } },
    ...reads.map((name) => ({ part: 'node/clients', name, limits: { read: true } }) as const),
    ...endpoints.map((endpoint) => ({ part: 'node/telemetry', name: 'collector', limits: { endpoint } }) as const),
  ];
}

function connectionFields({ number, peer, holder, session, client }: ConnectionReport): LogFields {
  return { connection: number, peer, holder, session, client };
}

/** Opens everything, or rejects and leaves nothing open. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const settings = nodeSettings(options);
  const { service: said } = settings;
  const log = options.log(said.logs.level);
  const data = resolve(settings.data);
  const node = new Node(log, said.shutdown_ms);
  try {
    await node.open(data, settings, options);
  } catch (error) {
    await node.close();
    throw error;
  }
  return {
    address: node.address,
    data: settings.data,
    lost: node.lost,
    asked: node.asked,
    close: () => node.close(),
  };
}

class Node implements NodeState {
  readonly lost: Promise<Error>;
  readonly asked: Promise<void>;
  readonly #log: Log;
  readonly #shutdown_ms: number;
  readonly #platform = realPlatform();
  readonly #tallies = new ServiceTallies();
  #lose: (error: Error) => void = () => undefined;
  #ask: () => void = () => undefined;
  #spaces: NodeSpaces | null = null;
  #service: RunningService | null = null;
  #control: ControlServer | null = null;
  #telemetry: Telemetry | null = null;
  publicMetrics = false;
  leaving = false;

  constructor(log: Log, shutdown_ms: number) {
    this.#log = log;
    this.#shutdown_ms = shutdown_ms;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
  }

  async open(
    data: string,
    { config, service: said }: NodeSettings,
    { console, hostArguments = [] }: Pick<NodeOptions, 'console' | 'hostArguments'>,
  ): Promise<void> {
    const log = this.#log;
    this.publicMetrics = said.publicMetrics;
    const failed = (why: string): void => log.warn(`spans cannot be told: ${why}`);
    this.#telemetry = openTelemetry(said.telemetry, { platform: this.#platform, failed });
    const telemetry = this.#telemetry;
    this.#spaces = await NodeSpaces.open({
      ...(telemetry === null ? {} : { follow: (space: string) => telemetry.follow(space) }),
      data,
      config,
      console,
      hostArguments,
      parts: partsOf(said),
      log,
      onLost: (name, error) => {
        if (name === MAIN_SPACE) this.#lose(error);
      },
      // Of whichever space: who configures one is an operator of the node.
      onShutdown: (reason, hasEnded) => {
        if (hasEnded)
          this.#lose(
            new PowerboxError('space_closed', reason, { hint: 'Its configuration says that the node ends with it.' }),
          );
        else this.#ask();
      },
    });
    const directory = await nodeDirectory(data);
    await removeLeftovers(directory);
    const { publicNames, session_ms, ping_ms, origins, limits: bounds } = said;
    this.#service = await createService({
      spaces: this.#spaces,
      defaultSpace: MAIN_SPACE,
      auth: await openAuthenticator({ directory, platform: this.#platform }, said.auth),
      listen: await listenOptions(said),
      routes: operatorRoutes(this, this.#tallies),
      origins,
      publicNames,
      ...(session_ms === undefined ? {} : { session_ms }),
      ping_ms,
      bounds,
      observe: this.#observer(),
    });
    const tag = Buffer.from(this.#platform.randomness.bytes(8)).toString('hex');
    const methods = nodeDesk(this.#spaces, () => this.nodeInfo());
    this.#control = await ControlServer.open({ directory, name: NODE_SOCKET, tag, methods });
    log.info('ready', { url: this.address.url, version: VERSION });
  }

  /** Counted, and told: who came and went, and what was refused. */
  #observer(): ServiceObserver {
    const tallies = this.#tallies;
    const log = this.#log;
    return {
      opened: (connection) => {
        tallies.opened();
        log.of(connection.space).debug('a client came', connectionFields(connection));
      },
      closed: (connection, why) =>
        log.of(connection.space).debug('a client went', { ...connectionFields(connection), why }),
      requests: (...told) => tallies.requests(...told),
      refused: (space, holder, code) => {
        tallies.refused(space, holder, code);
        log.of(space).info('refused', { holder, code });
      },
      bytes: (...told) => tallies.bytes(...told),
    };
  }

  get address(): ServiceAddress {
    return (this.#service as RunningService).address;
  }

  spaces(): ReturnType<NodeSpaces['opened']> {
    return this.#spaces?.opened() ?? [];
  }

  service(): RunningService | null {
    return this.#service;
  }

  memory(): ReturnType<NodeState['memory']> {
    return processFigures().memory;
  }

  memoryOf(pid: number): Promise<number | null> {
    return memoryOfProcess(pid);
  }

  states(): ReturnType<NodeState['states']> {
    return this.#spaces?.states() ?? [];
  }

  /** For whoever asks: no name of a space, of a holder, no path. */
  async info(): Promise<object> {
    const { uptime_ms } = processFigures();
    const spaces = this.states();
    return {
      powerbox: VERSION,
      uptime_ms,
      spaces: spaces.length,
      inService: spaces.every(({ space, failure }) => failure === null && space?.health().service === 'in'),
    };
  }

  nodeInfo(): NodeInfo {
    const { pid, uptime_ms } = processFigures();
    const counts = this.#service?.counts();
    return {
      version: VERSION,
      pid,
      started: new Date(this.#platform.clock.now_ms() - uptime_ms).toISOString(),
      url: this.address.url,
      spaces: this.states().map(({ name }) => name),
      connections: counts?.connections ?? 0,
      sessions: counts?.sessions ?? 0,
    };
  }

  #closed: Promise<boolean> | null = null;

  close(): Promise<boolean> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<boolean> {
    this.leaving = true;
    this.#log.info('closing', { limit_ms: this.#shutdown_ms });
    const { timers } = this.#platform;
    let over: { cancel(): void } | null = null;
    const limit = new Promise<false>((resolve) => {
      over = timers.after(this.#shutdown_ms, () => resolve(false));
    });
    const isWhole = await Promise.race([this.#closeAll().then(() => true as const), limit]);
    (over as { cancel(): void } | null)?.cancel();
    if (isWhole) this.#log.info('closed');
    else this.#log.error('not closed in time: what is durable goes on at the next start');
    return isWhole;
  }

  async #closeAll(): Promise<void> {
    // Clients first, that nothing new is begun; half of the time is theirs, the rest is for what is under way.
    await this.#service?.close(Math.floor(this.#shutdown_ms * CLIENTS_SHARE));
    await this.#control?.close();
    await this.#spaces?.close();
    await this.#telemetry?.close();
  }
}
