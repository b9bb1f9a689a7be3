/**
 * What an operator asks of a space that another process holds: each question goes over the control socket, and what the
 * programs started here print comes back over it. Leaves the space as it is.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Console } from '../../../resolvers/index.ts';
import { ERROR_CODES } from '../../errors.ts';
import type {
  AuditOptions,
  AuditRecord,
  EstimateReport,
  Explanation,
  FailureReport,
  ForkOptions,
  GrantReport,
  Grants,
  HolderReport,
  QuiescentOptions,
  Report,
  SystemContractReport,
  UsageReport,
  WhoseOptions,
} from '../types.ts';
import type { ControlClient } from './control-client.ts';
import type { Line } from './lines.ts';
import type {
  Admin,
  AdminEstimateOptions,
  BackupReport,
  DeployReport,
  QueryTexts,
  SpaceInfo,
  StartOptions,
} from './types.ts';

const event = z.union([
  z.strictObject({ stream: z.enum(['stdout', 'stderr']), bytes: z.base64() }),
  z.strictObject({
    failure: z.strictObject({
      deploy: z.int(),
      mode: z.enum(['transaction', 'query', 'estimate', 'atomic']).optional(),
      code: z.enum(ERROR_CODES),
      message: z.string(),
      hint: z.string(),
      source: z.string(),
      dropped: z.int(),
    }),
  }),
]);

export interface RemoteOptions {
  /** As whoever asks wrote it. */
  readonly data: string;
  readonly console: Console;
  readonly onFailure: (failure: FailureReport) => void;
}

export class RemoteAdmin implements Admin {
  readonly data: string;
  readonly owner: number;
  readonly #client: ControlClient;
  /** What has been printed so far, in its order; what is told of an end comes after it. */
  #printed: Promise<unknown> = Promise.resolve();

  constructor(client: ControlClient, { data, console, onFailure }: RemoteOptions) {
    this.data = data;
    this.owner = client.pid;
    this.#client = client;
    client.onEvent = (line: Line) => {
      const read = event.safeParse(line);
      if (!read.success) return;
      const told = read.data;
      this.#printed = this.#printed
        .then(() =>
          'failure' in told ? onFailure(told.failure) : console[told.stream](Buffer.from(told.bytes, 'base64')),
        )
        .catch(() => undefined);
    };
  }

  /** The owner is the same version of the same program: its answers are what its types say. */
  async #ask<T>(method: string, given: object = {}): Promise<T> {
    const answer = await this.#client.ask(method, given);
    await this.#printed;
    return answer as T;
  }

  inspect(channel?: string): Promise<Report> {
    return this.#ask('inspect', { channel });
  }

  explain(channel: string): Promise<Explanation> {
    return this.#ask('explain', { channel });
  }

  query(text: string, { grants, ...options }: StartOptions & ForkOptions): Promise<QueryTexts> {
    return this.#ask('query', { text, ...options, ...(grants === undefined ? {} : { grants: absolute(grants) }) });
  }

  estimate(
    text: string,
    { grants, replies, ...options }: StartOptions & AdminEstimateOptions,
  ): Promise<EstimateReport> {
    const recorded = replies === undefined ? {} : { replies: resolve(replies) };
    return this.#ask('estimate', {
      text,
      ...options,
      ...recorded,
      ...(grants === undefined ? {} : { grants: absolute(grants) }),
    });
  }

  deploys(): Promise<readonly DeployReport[]> {
    return this.#ask('deploys');
  }

  systemContracts(): Promise<readonly SystemContractReport[]> {
    return this.#ask('systemContracts');
  }

  holders(): Promise<readonly HolderReport[]> {
    return this.#ask('holders');
  }

  grants(): Promise<readonly GrantReport[]> {
    return this.#ask('grants');
  }

  usage(): Promise<readonly UsageReport[]> {
    return this.#ask('usage');
  }

  info(): Promise<SpaceInfo> {
    return this.#ask('info');
  }

  audit(options: AuditOptions): AsyncIterable<AuditRecord> {
    return this.#client.items('audit', options) as AsyncIterable<AuditRecord>;
  }

  revoke(power: string, whose: WhoseOptions): Promise<boolean> {
    return this.#ask('revoke', { power, ...whose });
  }

  regrant(power: string, whose: WhoseOptions): Promise<boolean> {
    return this.#ask('regrant', { power, ...whose });
  }

  run(text: string, { grants, ...options }: StartOptions): Promise<DeployReport> {
    return this.#ask('run', { text, ...options, ...(grants === undefined ? {} : { grants: absolute(grants) }) });
  }

  system(text: string, { grants, ...options }: StartOptions): Promise<DeployReport | null> {
    return this.#ask('system', { text, ...options, ...(grants === undefined ? {} : { grants: absolute(grants) }) });
  }

  updateSystem(name: string): Promise<DeployReport> {
    return this.#ask('updateSystem', { name });
  }

  listen(deploys: readonly number[]): Promise<void> {
    return this.#ask('listen', { deploys });
  }

  quiescent(options: QuiescentOptions & { readonly deploys?: readonly number[] }): Promise<Report> {
    return this.#ask('quiescent', options);
  }

  async record(file: string, signal: AbortSignal, begun: () => void): Promise<void> {
    await this.#client.until('record', { file: resolve(file) }, signal, begun);
  }

  backup(directory: string): Promise<BackupReport> {
    return this.#ask('backup', { directory: resolve(directory) });
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#printed;
  }
}

/** Paths mean the same for the owner, which stands elsewhere. Nothing public is granted by one program's start. */
function absolute({ files, publicSystem: _, ...others }: Grants): Grants {
  if (files === undefined) return others;
  if (typeof files === 'string') return { ...others, files: resolve(files) };
  const roots = Object.entries(files).map(([name, given]) => [
    name,
    typeof given === 'string' ? resolve(given) : { ...given, root: resolve(given.root) },
  ]);
  return { ...others, files: Object.fromEntries(roots) };
}
