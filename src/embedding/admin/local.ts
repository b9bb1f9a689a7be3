/**
 * What an operator asks of a space that this process holds. Owns nothing of the space but, where it was opened for one
 * command, its end; who started a program through here hears what it prints until this is closed.
 */
import { PowerboxError } from '../../errors.ts';
import { print } from '../../rholang/index.ts';
import { toValue } from '../../values/index.ts';
import { VERSION } from '../../version.ts';
import { internalsOf, type SpaceInternals } from '../internals.ts';
import type {
  AuditOptions,
  AuditRecord,
  Deploy,
  EstimateReport,
  Explanation,
  ForkOptions,
  GrantReport,
  HolderReport,
  QuiescentOptions,
  Report,
  Space,
  SystemContractReport,
  UsageReport,
  WhoseOptions,
} from '../types.ts';
import type { Outlet } from './outlets.ts';
import { processFacts } from './place.ts';
import type {
  Admin,
  AdminEstimateOptions,
  BackupReport,
  DeployReport,
  QueryTexts,
  SpaceInfo,
  StartOptions,
} from './types.ts';

export class LocalAdmin implements Admin {
  readonly owner = null;
  readonly #space: Space;
  readonly #parts: SpaceInternals;
  readonly #outlet: Outlet | null;
  readonly #closes: boolean;

  /** Without an outlet, output goes where the space was opened. `closes`: the space ends with this. */
  constructor(space: Space, { outlet, closes }: { readonly outlet: Outlet | null; readonly closes: boolean }) {
    this.#space = space;
    this.#parts = internalsOf(space);
    this.#outlet = outlet;
    this.#closes = closes;
  }

  get data(): string | null {
    return this.#space.data;
  }

  inspect(channel?: string): Promise<Report> {
    return this.#space.inspect(channel);
  }

  explain(channel: string): Promise<Explanation> {
    return this.#space.explain(channel);
  }

  async query(text: string, options: StartOptions & ForkOptions): Promise<QueryTexts> {
    const { answers, ...report } = await this.#space.query(text, { ...options, ...(await this.#whose(options)) });
    return { ...report, answers: answers.map((message) => message.map((value) => print(toValue(value)))) };
  }

  async estimate(text: string, options: StartOptions & AdminEstimateOptions): Promise<EstimateReport> {
    return this.#space.estimate(text, { ...options, ...(await this.#whose(options)) });
  }

  async deploys(): Promise<readonly DeployReport[]> {
    return this.#space.deploys().map(deployReport);
  }

  async systemContracts(): Promise<readonly SystemContractReport[]> {
    return this.#space.systemContracts();
  }

  async holders(): Promise<readonly HolderReport[]> {
    return this.#space.holders();
  }

  async grants(): Promise<readonly GrantReport[]> {
    return this.#space.grants();
  }

  async usage(): Promise<readonly UsageReport[]> {
    return this.#space.usage();
  }

  async info(): Promise<SpaceInfo> {
    const { engine, store, platform, configurationFile, powers } = this.#parts;
    const { pid, uptime_ms } = processFacts();
    const deploys = await this.deploys();
    return {
      version: VERSION,
      pid,
      started: new Date(platform.clock.now_ms() - uptime_ms).toISOString(),
      data: this.data,
      space: store.spaceId === undefined ? null : Buffer.from(store.spaceId).toString('hex'),
      configuration: configurationFile,
      turn: engine.turn,
      deploys: deploys.length,
      unfinished: deploys.filter(({ ready, outside, parked, sources }) => ready + outside + parked + sources > 0)
        .length,
      holders: powers.holders().map(({ name }) => name),
      service: this.#space.health(),
    };
  }

  audit(options: AuditOptions): AsyncIterable<AuditRecord> {
    return this.#space.audit(options);
  }

  revoke(power: string, whose: WhoseOptions): Promise<boolean> {
    return this.#space.revoke(power, whose);
  }

  regrant(power: string, whose: WhoseOptions): Promise<boolean> {
    return this.#space.regrant(power, whose);
  }

  async run(text: string, options: StartOptions): Promise<DeployReport> {
    const whose = await this.#whose(options);
    return deployReport(
      await this.#starting(() =>
        this.#space.run(text, { name: options.name, atomic: options.atomic === true, ...whose }),
      ),
    );
  }

  async system(text: string, options: StartOptions): Promise<DeployReport | null> {
    const whose = await this.#whose(options);
    const started = await this.#starting(() => this.#space.system(text, { name: options.name, ...whose }));
    return started === null ? null : deployReport(started);
  }

  async updateSystem(name: string): Promise<DeployReport> {
    return deployReport(await this.#starting(() => this.#space.updateSystem(name)));
  }

  async #whose({ holder, grants }: StartOptions): Promise<{ readonly holder?: string }> {
    if (holder !== undefined) return { holder };
    return grants === undefined ? {} : { holder: await this.#parts.powers.granting(grants) };
  }

  #starting<T extends Deploy | null>(start: () => Promise<T>): Promise<T> {
    return this.#outlet === null ? start() : this.#parts.outlets.starting(this.#outlet, start);
  }

  async listen(deploys: readonly number[]): Promise<void> {
    if (this.#outlet !== null) for (const deploy of deploys) this.#parts.outlets.listen(deploy, this.#outlet);
  }

  async quiescent({
    deploys,
    ...options
  }: QuiescentOptions & { readonly deploys?: readonly number[] }): Promise<Report> {
    const space = this.#space;
    if (deploys === undefined) return space.quiescent(options);
    const wanted = space.deploys().filter(({ id }) => deploys.includes(id));
    const reports = await Promise.all(wanted.map((deploy) => deploy.quiescent(options)));
    return {
      ...(await space.inspect()),
      failures: reports.reduce((sum, { failures }) => sum + failures, 0),
      quiescent: reports.every(({ quiescent }) => quiescent),
    };
  }

  async backup(directory: string): Promise<BackupReport> {
    const { store } = this.#parts;
    if (store.backup !== undefined) return store.backup(directory);
    throw new PowerboxError('not_available', 'a space in memory has no backup: nothing of it is on disk');
  }

  async record(file: string, signal: AbortSignal, begun: () => void): Promise<void> {
    const recording = await this.#space.record(file);
    begun();
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([recording.ended, stopped]);
    await recording.stop();
  }

  async close(): Promise<void> {
    if (this.#outlet !== null) this.#parts.outlets.forget(this.#outlet);
    if (this.#closes) await this.#space.close();
  }
}

function deployReport(deploy: Deploy): DeployReport {
  return { id: deploy.id, name: deploy.name, ...deploy.pending() };
}
