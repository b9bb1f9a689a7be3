/** A service on a real port, with spaces of its own; and everything closed again after each test. */
import { openSpace, type Space } from '../../src/embedding/index.ts';
import type { OpenOptions } from '../../src/embedding/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import {
  createService,
  type Authenticator,
  type RunningService,
  type ServiceOptions,
} from '../../src/service/index.ts';
import { RawClient } from './raw-client.ts';
import type { Hello } from '../../src/wire/index.ts';

export const HOLDERS = {
  version: 1 as const,
  powers: { clock: { kind: 'timer' as const } },
  holders: { alice: { grants: ['clock'] }, bob: { grants: [] }, carol: { grants: [] } },
};

/** Takes a holder's name for a token; what signed tokens are is tested with the real ones. */
export const BY_NAME: Authenticator = {
  authenticate: async ({ token }) => {
    if (token === null) throw new PowerboxError('auth_failed', 'a token is needed');
    return { holder: token, expires_ms: null, spaces: null };
  },
};

export class Bench {
  readonly #closing: (() => Promise<unknown>)[] = [];

  async space(options: OpenOptions = {}): Promise<Space> {
    const space = await openSpace({ config: HOLDERS, grants: { stdio: false }, ...options });
    this.#closing.unshift(() => space.close());
    return space;
  }

  async serve(space: Space, options: Partial<ServiceOptions> = {}): Promise<RunningService> {
    const service = await createService({
      spaces: { get: (name) => (name === 'default' ? space : undefined) },
      auth: BY_NAME,
      listen: { host: '127.0.0.1', port: 0 },
      publicNames: true,
      ...options,
    });
    this.#closing.unshift(() => service.close());
    return service;
  }

  async connect({ address }: RunningService, hello: Partial<Hello> = {}): Promise<RawClient> {
    const client = await RawClient.connect(address.url, hello);
    this.#closing.unshift(() => client.close());
    return client;
  }

  /** A space in memory, its service, and a client of alice. */
  async start(
    options: Partial<ServiceOptions> = {},
  ): Promise<{ space: Space; service: RunningService; client: RawClient }> {
    const space = await this.space();
    const service = await this.serve(space, options);
    return { space, service, client: await this.connect(service) };
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
  }
}

export const ECHO = 'new echo(`app:echo`) in { contract echo(@x, ret) = { ret!(x) } }';
