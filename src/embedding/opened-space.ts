/**
 * One open space as its program holds it. Owns the order of closing and the deploys' handles; every operation is
 * that of a part below.
 */
import type { Native } from '../../channels/index.ts';
import type { Deploy as DeployRecord, Deploys, Dispatcher } from '../dispatch/index.ts';
import { limits } from '../limits.ts';
import { compileText, RHO_LABEL, rememberPositions } from '../rholang/index.ts';
import { type Contents, contentsOf, type SpaceEngine } from '../space/index.ts';
import { type Name, toValue, type Value } from '../values/index.ts';
import type { HostChannels } from './host-channels.ts';
import type { Powers } from './powers.ts';
import { refuseSystemSends } from './public-system.ts';
import { channelReport, channelReports, nameText, pendingReport } from './reports.ts';
import { compileSystemContract } from './system-contract.ts';
import type {
  ChannelName,
  Deploy,
  LeaseOptions,
  Message,
  OpenOptions,
  Pattern,
  ProduceOptions,
  ReceiveSlot,
  Report,
  RunOptions,
  Space,
  SystemOptions,
  WaitOptions,
} from './types.ts';

/** What `openSpace` has opened, in the order in which it is closed. */
export interface Parts {
  readonly dispatcher: Dispatcher;
  readonly engine: SpaceEngine;
  readonly powers: Powers;
  readonly deploys: Deploys;
  readonly channels: HostChannels;
}

/** What deploys of system contracts are called, and the facts by which the space knows that one has had its message. */
const SYSTEM_PREFIX = 'system/';

export class OpenedSpace implements Space {
  readonly #parts: Parts;
  readonly #publicSystem: boolean;
  /** Those of this program, to be closed with the space. */
  readonly #natives: Native[];
  /** Who waits for quiescence, to be told when the space closes. */
  readonly #waiting = new Set<(error: Error) => void>();
  #closing: Promise<void> | null = null;

  constructor(parts: Parts, { grants, natives = [] }: OpenOptions) {
    this.#parts = parts;
    this.#publicSystem = grants?.publicSystem === true;
    this.#natives = [...natives];
    parts.engine.onClose((error) => {
      for (const reject of this.#waiting) reject(error);
    });
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
    const isRegistered = this.#natives.includes(native);
    const name = await this.#parts.powers.addNative(native, uri, isRegistered);
    if (!isRegistered) this.#natives.push(native);
    return name;
  }

  async run(text: string, { name = 'program' }: RunOptions = {}): Promise<Deploy> {
    const { powers, deploys } = this.#parts;
    const uris = await powers.bound();
    const { term, positions } = compileText(text, { uris, granted: powers.granted() });
    if (!this.#publicSystem) refuseSystemSends(term, positions);
    rememberPositions(term, positions);
    return this.#handle(await deploys.start({ holder: powers.holder, name, label: RHO_LABEL, term }));
  }

  async system(text: string, { name = 'system', config = {} }: SystemOptions = {}): Promise<Deploy | null> {
    const { powers, deploys, engine } = this.#parts;
    const label = `${SYSTEM_PREFIX}${name}`;
    if (engine.fact(label) !== undefined) return null;
    const main = await this.newName();
    const { term, positions } = compileSystemContract(text, {
      uris: await powers.bound(),
      granted: powers.granted(),
      main,
      message: [await powers.powerbox(), toValue(config)],
    });
    if (!this.#publicSystem) refuseSystemSends(term, positions);
    rememberPositions(term, positions);
    // Its contract and its one message are one turn with the record that says so.
    const request = { holder: powers.holder, name: label, label: RHO_LABEL, term, once: label };
    const started = await deploys.start(request).catch((error: unknown) => {
      // Another call was faster since this one looked.
      if (engine.fact(label) !== undefined) return null;
      throw error;
    });
    return started === null ? null : this.#handle(started);
  }

  deploys(): readonly Deploy[] {
    return this.#parts.deploys.list().map((record) => this.#handle(record));
  }

  #handle({ account, name }: DeployRecord): Deploy {
    const { dispatcher, engine } = this.#parts;
    return {
      id: account,
      name,
      pending: () => ({ ...engine.pending(account), sources: dispatcher.sources.count(account) }),
      quiescent: async () => {
        const { quiescent } = await this.#unlessClosed(dispatcher.settled(account));
        return this.#report(await this.#contents(), quiescent, [account]);
      },
    };
  }

  async quiescent(): Promise<Report> {
    const { dispatcher, engine } = this.#parts;
    for (;;) {
      const accounts = this.#accounts();
      const settled = await this.#unlessClosed(Promise.all(accounts.map((account) => dispatcher.settled(account))));
      // What settled last may have woken what settled first.
      const moves = this.#accounts().some((account) => {
        const { ready, outside } = engine.pending(account);
        return ready + outside > 0;
      });
      if (!moves)
        return this.#report(
          await this.#contents(),
          settled.every(({ quiescent }) => quiescent),
          accounts,
        );
    }
  }

  /** The space's own, which is this program's too, and those of the deploys. */
  #accounts(): readonly number[] {
    return [0, ...this.#parts.deploys.list().map(({ account }) => account)];
  }

  /** A space that closes settles nothing any more: whoever waits is told why. */
  #unlessClosed<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      promise.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  // -------------------------------------------------------------- reports

  async inspect(channel?: string): Promise<Report> {
    const contents = await this.#contents();
    if (channel === undefined) return this.#report(contents, this.#isQuiescent(), this.#accounts());
    const wanted = this.#channelOf(channel, contents);
    return { ...this.#report(contents, this.#isQuiescent(), this.#accounts()), channels: [wanted], truncated: false };
  }

  #contents(): Promise<Contents> {
    return this.#parts.engine.inspect({ channels_max: limits.report_channels_max, items_max: limits.report_items_max });
  }

  #channelOf(text: string, contents: Contents): Report['channels'][number] {
    // An unforgeable name cannot be written, only copied from a report.
    const shown = contents.channels.find(({ channel }) => nameText(channel) === text);
    if (shown !== undefined) return channelReport(shown);
    const written = text.startsWith('@') ? text.slice(1) : text;
    const { term } = compileText(written, { uris: new Map() });
    return channelReport(contentsOf(this.#parts.engine.place(term), limits.report_items_max));
  }

  #report(contents: Contents, quiescent: boolean, accounts: readonly number[]): Report {
    const { dispatcher } = this.#parts;
    return {
      quiescent,
      failures: accounts.reduce((sum, account) => sum + dispatcher.failures(account).count, 0),
      channels: channelReports(contents),
      truncated: contents.truncated,
      pending: accounts.flatMap((account) => dispatcher.report(account).map(pendingReport)),
    };
  }

  #isQuiescent(): boolean {
    return this.#parts.deploys.unfinished().length === 0;
  }

  // -------------------------------------------------------------- the end

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { dispatcher, engine, powers } = this.#parts;
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
