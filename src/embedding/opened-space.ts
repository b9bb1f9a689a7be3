/**
 * One open space as its program holds it. Owns the order of closing and the deploys' handles; every operation is
 * that of a part below.
 */
import type { Native } from '../../channels/index.ts';
import { type Configuration, type ConfiguredContract, type Power, powerNameOf } from '../capability/index.ts';
import type { Audit, Deploy as DeployRecord, Deploys, Dispatcher } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { HostReport, Hosts } from '../natives/index.ts';
import type { Hashing, Platform } from '../platform/index.ts';
import { compileText, RHO_LABEL, rememberPositions } from '../rholang/index.ts';
import { type Contents, contentsOf, type SpaceEngine } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import type { TraceSink } from '../trace/index.ts';
import { type Name, toValue, type Value } from '../values/index.ts';
import { changedContract, contractNote, contractReports, SYSTEM_PREFIX, textHash } from './contracts.ts';
import type { ControlServer } from './admin/index.ts';
import { readAudit } from './audit.ts';
import type { Documents } from './documents.ts';
import { grantReports } from './grants.ts';
import type { HostChannels } from './host-channels.ts';
import type { NodeAuthority } from './node-authority.ts';
import type { Powers } from './powers.ts';
import { compileProgram } from './programs.ts';
import { refuseSystemSends } from './public-system.ts';
import { explainAll, explainChannel } from './explain.ts';
import { recordInto, recordStream } from './live-recording.ts';
import { estimate, query, runAtomic } from './modes.ts';
import { OpenedFork } from './space-fork.ts';
import { channelReport, channelReports, nameText, pendingReport } from './reports.ts';
import { refillReport, usageReports } from './usage.ts';
import type { Service } from './service.ts';
import { compileSystemContract } from './system-contract.ts';
import type {
  AuditOptions,
  AuditRecord,
  ChannelName,
  Deploy,
  EstimateOptions,
  EstimateReport,
  Explanation,
  FailureReport,
  ForkOptions,
  GrantReport,
  HealthReport,
  HolderReport,
  LeaseOptions,
  Message,
  OpenOptions,
  Pattern,
  ProduceOptions,
  QueryReport,
  QuiescentOptions,
  ReceiveSlot,
  Recording,
  RecordingStream,
  Report,
  RunOptions,
  Space,
  SpaceFork,
  SystemContractReport,
  SystemOptions,
  UsageReport,
  WaitOptions,
  WhoseOptions,
} from './types.ts';

/** What `openSpace` has opened, in the order in which it is closed. */
export interface Parts {
  readonly dispatcher: Dispatcher;
  readonly engine: SpaceEngine;
  readonly audit: Audit;
  readonly yielding: () => Promise<void>;
  readonly powers: Powers;
  readonly deploys: Deploys;
  readonly channels: HostChannels;
  readonly configuration: Configuration | null;
  readonly documents: Documents;
  readonly authority: NodeAuthority;
  readonly service: Service;
  readonly hosts: Hosts;
  readonly hashing: Hashing;
  readonly tell: (failure: FailureReport) => void;
  readonly store: Store;
  readonly platform: Platform;
}

interface ContractText {
  readonly name: string;
  readonly text: string;
  readonly file: string;
  readonly config: Value;
  readonly holder: string | undefined;
}

export class OpenedSpace implements Space {
  readonly data: string | null;
  readonly #parts: Parts;
  /** Those of this program, to be closed with the space. */
  readonly #natives: Native[];
  /** Who waits for quiescence, to be told when the space closes. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** Who follows the audit, to be woken when the space closes. */
  readonly #readers = new Set<() => void>();
  /** Answers other processes, while this one holds the directory. */
  #control: ControlServer | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: Parts, { natives = [], data }: OpenOptions) {
    this.#parts = parts;
    this.data = data ?? null;
    this.#natives = [...natives];
    const refuse = (error: Error): void => {
      for (const reject of this.#waiting) reject(error);
    };
    parts.engine.onClose(refuse);
    parts.engine.onClose(() => {
      for (const wake of this.#readers) wake();
    });
    // Nothing comes to rest there: what is ready waits for another opening.
    parts.service.onLeave(refuse);
  }

  // -------------------------------------------------------------- messages

  produce(channel: ChannelName, message: Message, options?: LeaseOptions): Promise<void> {
    return this.#parts.channels.produce(channel, message, options);
  }

  produceAll(
    messages: readonly (ProduceOptions & { readonly channel: ChannelName; readonly message: Message })[],
  ): Promise<void> {
    return this.#parts.channels.produceAll(messages);
  }

  consume(slots: readonly ReceiveSlot[], options?: WaitOptions): Promise<readonly Message[]> {
    return this.#parts.channels.consume(slots, options);
  }

  take(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined> {
    return this.#parts.channels.take(channel, options);
  }

  read(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined> {
    return this.#parts.channels.read(channel, options);
  }

  count(channel: ChannelName): { readonly data: number; readonly waiting: number } {
    return this.#parts.channels.count(channel);
  }

  channel(channel: ChannelName, options?: { readonly match?: Pattern }): AsyncIterable<Message> {
    return this.#parts.channels.channel(channel, options);
  }

  newName(): Promise<Name> {
    return this.#parts.channels.newName();
  }

  // -------------------------------------------------------------- programs

  async register(
    native: Native,
    { uri = `native:${native.declaration.name}` }: { readonly uri?: string } = {},
  ): Promise<Value> {
    this.#parts.service.requireIn();
    const isRegistered = this.#natives.includes(native);
    const name = await this.#parts.powers.addNative(native, uri, isRegistered);
    if (!isRegistered) this.#natives.push(native);
    return name;
  }

  async run(text: string, options: RunOptions = {}): Promise<Deploy> {
    const { powers, deploys, service, engine } = this.#parts;
    const { name = 'program', holder } = options;
    service.requireIn();
    if (options.atomic === true) return this.#handle(await runAtomic(this.#parts, text, options));
    const term = await compileProgram(powers, text, holder);
    const whose = holder ?? powers.holder;
    const span = engine.follow('deploy', { mode: 'transaction', holder: whose, name });
    const started = await deploys.start({ holder: whose, name, label: RHO_LABEL, term, span });
    span?.end('ok');
    return this.#handle(started);
  }

  query(text: string, options: RunOptions & ForkOptions = {}): Promise<QueryReport> {
    return query(this.#parts, text, options);
  }

  estimate(text: string, options: RunOptions & EstimateOptions = {}): Promise<EstimateReport> {
    return estimate({ ...this.#parts, natives: this.#natives }, text, options);
  }

  fork(options: ForkOptions = {}): SpaceFork {
    this.#parts.service.requireIn();
    return new OpenedFork(this.#parts, options);
  }

  system(text: string, { name = 'system', config = {}, holder }: SystemOptions = {}): Promise<Deploy | null> {
    return this.#startOnce({ name, text, file: '', config: toValue(config), holder });
  }

  /** Of one that was started with another text it is told that this one is not. */
  async #startOnce(contract: ContractText): Promise<Deploy | null> {
    const { engine, hashing, tell } = this.#parts;
    const started = await this.#startContract(contract);
    const changed = started === null ? changedContract(engine, contract, hashing) : null;
    if (changed !== null) tell(changed);
    return started;
  }

  async #startContract(contract: ContractText, replaces?: number): Promise<Deploy | null> {
    const { powers, deploys, engine, hashing, service } = this.#parts;
    service.requireIn();
    const { name, text, file, config, holder = powers.holder } = contract;
    const label = `${SYSTEM_PREFIX}${name}`;
    if (engine.fact(label) !== replaces) return null;
    const main = await this.newName();
    const { term, positions } = compileSystemContract(text, {
      uris: await powers.bound(holder),
      granted: powers.granted(holder),
      main,
      message: [await powers.powerbox(holder), config],
    });
    if (!powers.isPublic) refuseSystemSends(term, positions);
    rememberPositions(term, positions);
    // Its contract and its one message are one turn with the record that says so.
    const notes = [contractNote(name, { hash: textHash(text, hashing), file, holder })];
    const request = { holder, name: label, label: RHO_LABEL, term, once: label, notes };
    const starting = deploys.start(replaces === undefined ? request : { ...request, replaces });
    const started = await starting.catch((error: unknown) => {
      // Another call was faster since this one looked.
      if (engine.fact(label) !== replaces) return null;
      throw error;
    });
    return started === null ? null : this.#handle(started);
  }

  /** Those of the configuration that were never started. */
  async startContracts(): Promise<void> {
    for (const contract of this.#parts.configuration?.systemContracts ?? [])
      await this.#startOnce(this.#contractText(contract));
  }

  #contractText({ name, text, file, holder, config }: ConfiguredContract): ContractText {
    const document = config === null ? undefined : this.#parts.documents.values.get(config);
    const { authority } = this.#parts;
    authority.give('node/contracts', name, null, { powerboxOf: holder, file });
    return { name, text, file, holder, config: document?.value ?? toValue({}) };
  }

  systemContracts(): readonly SystemContractReport[] {
    return contractReports(this.#parts);
  }

  async updateSystem(name: string): Promise<Deploy> {
    const contract = this.#parts.configuration?.systemContracts.find((one) => one.name === name);
    const report = this.systemContracts().find((one) => one.name === name);
    if (contract === undefined || report === undefined) {
      const names = this.#parts.configuration?.systemContracts.map((one) => one.name) ?? [];
      throw new PowerboxError('config_invalid', `the configuration has no system contract ${JSON.stringify(name)}`, {
        hint: names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`,
      });
    }
    if (report.state !== 'changed' || report.deploy === null)
      throw new PowerboxError('config_invalid', `${contract.file} is what runs as ${name}: there is nothing to update`);
    const started = await this.#startContract(this.#contractText(contract), report.deploy);
    if (started === null) throw new PowerboxError('bad_request', `${name} was started by another call meanwhile`);
    return started;
  }

  holders(): readonly HolderReport[] {
    const { powers, authority } = this.#parts;
    const programs = powers.holders().map(({ name, granted, standing }) => ({
      name,
      holds: granted.map((power) => {
        const { kind, name: _, ...limits } = JSON.parse(JSON.stringify(power)) as Record<string, unknown>;
        return { name: powerNameOf(power), kind: kind as Power['kind'], limits, revoked: !standing.includes(power) };
      }),
    }));
    return [...programs, ...authority.holders()];
  }

  deploys(): readonly Deploy[] {
    return this.#parts.deploys.list().map((record) => this.#handle(record));
  }

  #handle({ account, name }: DeployRecord): Deploy {
    const { dispatcher, engine } = this.#parts;
    return {
      id: account,
      name,
      cost: () => engine.tasks.of(account).cost,
      pending: () => ({ ...engine.pending(account), sources: dispatcher.sources.count(account) }),
      quiescent: async ({ silent = false } = {}) => {
        const { quiescent } = await this.#unlessClosed(dispatcher.settled(account, silent));
        return this.#report(await this.#contents(), quiescent, [account]);
      },
    };
  }

  async quiescent({ silent = false }: QuiescentOptions = {}): Promise<Report> {
    const { dispatcher, engine } = this.#parts;
    for (;;) {
      const accounts = this.#accounts();
      const settled = await this.#unlessClosed(
        Promise.all(accounts.map((account) => dispatcher.settled(account, silent))),
      );
      // What settled last may have woken what settled first.
      const moves = this.#accounts().some((account) => {
        const { ready, outside } = engine.pending(account);
        return ready + outside > 0 || (silent && dispatcher.sources.count(account) > 0);
      });
      if (!moves)
        return this.#report(
          await this.#contents(),
          settled.every(({ quiescent }) => quiescent),
          accounts,
        );
    }
  }

  /** The space's own, which is this program's too, those of the deploys, and those that move and are on record no more. */
  #accounts(): readonly number[] {
    const { deploys, engine } = this.#parts;
    return [...new Set([0, ...deploys.list().map(({ account }) => account), ...engine.tasks.busy()])];
  }

  /** A space that closes settles nothing any more: whoever waits is told why. */
  #unlessClosed<T>(promise: Promise<T>): Promise<T> {
    const { service } = this.#parts;
    if (!service.isIn) return Promise.reject(service.refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      promise.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  // -------------------------------------------------------------- reports

  hosts(): readonly HostReport[] {
    return this.#parts.hosts.reports();
  }

  usage(): readonly UsageReport[] {
    const { deploys, engine } = this.#parts;
    return usageReports(engine, (deploy) => deploys.holderOf(deploy) ?? '');
  }

  grants(): readonly GrantReport[] {
    const { powers, dispatcher, deploys } = this.#parts;
    return grantReports(powers.everyGrant(), dispatcher.capabilities, (deploy) => deploys.holderOf(deploy) ?? '');
  }

  revoke(power: string, { holder }: WhoseOptions = {}): Promise<boolean> {
    return this.#parts.powers.revoke(power, holder);
  }

  regrant(power: string, { holder }: WhoseOptions = {}): Promise<boolean> {
    return this.#parts.powers.regrant(power, holder);
  }

  audit(options: AuditOptions = {}): AsyncIterable<AuditRecord> {
    const { audit, engine, yielding } = this.#parts;
    return readAudit(audit, { yielding, closed: () => engine.closed, readers: this.#readers }, options);
  }

  async inspect(channel?: string): Promise<Report> {
    const contents = await this.#contents();
    if (channel === undefined) return this.#report(contents, this.#isQuiescent(), this.#accounts());
    const wanted = channelReport(contentsOf(this.#place(channel, contents), limits.report_items_max));
    return { ...this.#report(contents, this.#isQuiescent(), this.#accounts()), channels: [wanted], truncated: false };
  }

  async explain(channel: string): Promise<Explanation> {
    const { dispatcher, engine } = this.#parts;
    const contents = await this.#contents();
    const failures = this.#accounts().flatMap((account) => dispatcher.failures(account).last);
    const { value } = this.#place(channel, contents);
    return explainChannel(
      { engine, sources: dispatcher.sources, failures: failures.map(({ code, message }) => `${code}: ${message}`) },
      value,
      contents,
    );
  }

  #contents(): Promise<Contents> {
    return this.#parts.engine.inspect({ channels_max: limits.report_channels_max, items_max: limits.report_items_max });
  }

  #place(text: string, contents: Contents): ReturnType<SpaceEngine['place']> {
    const { engine } = this.#parts;
    // An unforgeable name cannot be written, only copied from a report.
    const shown = contents.channels.find(({ channel }) => nameText(channel) === text);
    if (shown !== undefined) return engine.place(shown.channel);
    const written = text.startsWith('@') ? text.slice(1) : text;
    return engine.place(compileText(written, { uris: new Map() }).term);
  }

  #report(contents: Contents, quiescent: boolean, accounts: readonly number[]): Report {
    const { dispatcher, engine } = this.#parts;
    return {
      quiescent,
      failures: accounts.reduce((sum, account) => sum + dispatcher.failures(account).count, 0),
      channels: channelReports(contents),
      truncated: contents.truncated,
      pending: accounts.flatMap((account) => [
        ...dispatcher.report(account).map(pendingReport),
        ...refillReport(engine, account),
      ]),
      explanations: explainAll({ engine }, contents),
    };
  }

  #isQuiescent(): boolean {
    return this.#parts.deploys.unfinished().length === 0;
  }

  health(): HealthReport {
    return this.#parts.service.health();
  }

  // -------------------------------------------------------------- recordings

  record(into: string | TraceSink): Promise<Recording> {
    return recordInto(this.#parts, into);
  }

  recordStream(): Promise<RecordingStream> {
    return recordStream(this.#parts);
  }

  // -------------------------------------------------------------- the end

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Who asks while it closes finds nobody, and tries again. */
  async listen(open: () => Promise<ControlServer | null>): Promise<void> {
    this.#control = await open();
  }

  async #close(): Promise<void> {
    const { dispatcher, engine, powers } = this.#parts;
    await this.#control?.close();
    // Effects first: their answers still find the space open, and files are whole when it closes.
    await dispatcher.stop();
    await engine.close();
    await powers.close();
    await Promise.all(this.#natives.map((native) => native.close?.()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
