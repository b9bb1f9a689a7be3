/**
 * What an embedding program holds: a space, its deploys, and what is asked of them. Words and laws only; `open.ts`
 * makes them. Plain JavaScript data stands for values as `toValue` and `fromValue` say.
 */
import type { Native } from '../../channels/index.ts';
import type { HostReport } from '../natives/index.ts';
import type { TraceSink } from '../trace/index.ts';
import type { HostValue, Name, Value } from '../values/index.ts';
import type {
  QueryReport,
  EstimateReport,
  SystemContractReport,
  HolderReport,
  GrantReport,
  AuditRecord,
  HealthReport,
  UsageReport,
  Report,
  Explanation,
} from './report-types.ts';
import type { ChannelName, Message, Pattern } from './words.ts';

export type * from './open-options.ts';
export type * from './report-types.ts';
export type * from './words.ts';

export interface ProduceOptions {
  /** The message stays when it is received. */
  readonly persist?: boolean;
}

export interface LeaseOptions extends ProduceOptions {
  /** Milliseconds after which the message goes away by itself, also across restarts. */
  readonly lease_ms?: number;
}

export interface WaitOptions {
  /** Milliseconds; then the wait is taken back and rejects with `timed_out`. Without it: for ever. */
  readonly limit_ms?: number;
  readonly signal?: AbortSignal;
}

export interface ReceiveSlot {
  readonly channel: ChannelName;
  /** Default: any message. */
  readonly match?: Pattern;
  /** The message stays on the channel. */
  readonly peek?: boolean;
}

export interface RunOptions {
  /** What reports call this deploy; a file's name, often. */
  readonly name?: string;
  /** Whose powers it has, of the holders of the configuration. Default: what `grants` says. */
  readonly holder?: string;
  /**
   * Up to its first calls that are more than computing, all of it happens in one turn, or nothing does: it is refused
   * when a branch of it fails, and with `fork_conflict` when something that it has looked at has changed meanwhile.
   */
  readonly atomic?: boolean;
}

export interface ForkOptions {
  /** Milliseconds after which it ends by itself, with `fork_expired`. */
  readonly limit_ms?: number;
  /** What all that runs in it may cost, by the price list (`spec/cost.md`); past it it ends with `quota_exceeded`. */
  readonly cost_max?: number;
}

export interface EstimateOptions extends ForkOptions {
  /**
   * A trace of a run of the same program: past a call that an estimate cannot make it goes on with the reply that the
   * same call had then. Refused with `trace_departed` when no deploy of the trace is this program.
   */
  readonly replies?: string | Uint8Array;
}

/**
 * An overlay over the space as it was when the fork was made. What is written stays in it, and it is over when it is
 * applied, dropped, or too old; everything is refused then. Tasks of the space do not run in it.
 */
export interface SpaceFork extends Disposable {
  produce(channel: ChannelName, message: Message, options?: ProduceOptions): Promise<void>;
  take(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined>;
  read(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined>;
  count(channel: ChannelName): { readonly data: number; readonly waiting: number };
  /** Runs a program in it, until nothing moves but calls that wait for the fork to be applied. */
  run(text: string, options?: RunOptions): Promise<void>;
  /** All of it in one turn; refused with `fork_conflict` when something that it has looked at has changed. */
  apply(): Promise<void>;
  drop(): void;
  /** The code of why it is over, or null. */
  readonly ended: string | null;
}

export interface SystemOptions {
  /** A contract of one name gets its message once in the life of the space. */
  readonly name?: string;
  /** Its second argument. */
  readonly config?: HostValue;
  /** Whose powerbox is its first. Default: what `grants` says. */
  readonly holder?: string;
}

/** Whose power is meant. Default: that of whoever alone has one of this name. */
export interface WhoseOptions {
  readonly holder?: string;
}

/** Which rows of the audit are read: those that fit all that is said. */
export interface AuditOptions {
  /** Whose deploy called. */
  readonly holder?: string;
  /** `holder/power`, also of channels that were derived from it. */
  readonly grant?: string;
  /** `get`, or `httpClient.get`. */
  readonly method?: string;
  /** Milliseconds since 1970. */
  readonly since_ms?: number;
  /** The newest so many of those that fit; they come in their order all the same. */
  readonly limit?: number;
  /** Go on with new ones as they become durable, until the loop is left or the space closes. */
  readonly follow?: boolean;
}

export interface QuiescentOptions {
  /** Also wait until no source is open that could still speak: a server then goes on until its ports are closed. */
  readonly silent?: boolean;
}

/** One program that was given to the space. */
export interface Deploy {
  readonly id: number;
  readonly name: string;
  /**
   * Its tasks that are ready, in an effect, or parked because nobody here runs their label; and its sources, which
   * may still speak.
   */
  pending(): { readonly ready: number; readonly outside: number; readonly parked: number; readonly sources: number };
  /** What its turns have cost since the space was opened, by the price list (`spec/cost.md`). */
  cost(): number;
  /** Resolves when nothing of this deploy moves any more without a message from outside. */
  quiescent(options?: QuiescentOptions): Promise<Report>;
}

/** Messages on channels, as a program of this process sends and receives them. */
export interface Channels {
  /** Resolves when the message is as durable as `durability` says. With `lease_ms` it goes away after that time. */
  produce(channel: ChannelName, message: Message, options?: LeaseOptions): Promise<void>;
  /** Several messages in one turn: all of them or none. */
  produceAll(
    messages: readonly (ProduceOptions & { readonly channel: ChannelName; readonly message: Message })[],
  ): Promise<void>;
  /** Waits for one message on each slot at once, and takes them (or looks, where a slot peeks). */
  consume(slots: readonly ReceiveSlot[], options?: WaitOptions): Promise<readonly Message[]>;
  /** The oldest message that fits, taken; undefined when none is there now. */
  take(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined>;
  /** The oldest message that fits; it stays. */
  read(channel: ChannelName, options?: { readonly match?: Pattern }): Promise<Message | undefined>;
  count(channel: ChannelName): { readonly data: number; readonly waiting: number };
  /** Messages as they come, each taken when it is asked for. Ends when the loop is left or the space is closed. */
  channel(channel: ChannelName, options?: { readonly match?: Pattern }): AsyncIterable<Message>;
  /** A fresh unforgeable name. */
  newName(): Promise<Name>;
}

/** Programs and natives in a space. */
export interface Programs {
  /** Makes a native answer on a name of its own, and under `uri` for programs deployed from now on. */
  register(native: Native, options?: { readonly uri?: string }): Promise<Value>;
  /** Deploys Rholang. Rejects with every error of the text at once, before anything runs. */
  run(text: string, options?: RunOptions): Promise<Deploy>;
  /**
   * Runs a program in a fork that is dropped: its calls look at the world and change nothing (`not_permitted`), and what
   * it sends on the name under `rho:answer` is answered.
   */
  query(text: string, options?: RunOptions & ForkOptions): Promise<QueryReport>;
  /** What a program would cost: run in a fork that is dropped, as far as it goes without asking the world. */
  estimate(text: string, options?: RunOptions & EstimateOptions): Promise<EstimateReport>;
  /** An overlay over the space as it is now. */
  fork(options?: ForkOptions): SpaceFork;
  /** Deploys a system contract, once in the life of the space; null when it was deployed before. */
  system(text: string, options?: SystemOptions): Promise<Deploy | null>;
  /** The system contracts of the configuration, and those that were started before. */
  systemContracts(): readonly SystemContractReport[];
  /**
   * Starts the text that the configuration has now in the place of the one that was started. What the old one left
   * waiting goes on waiting, and receives before the new one does: a contract that is to be replaced must be told to
   * stop by its own means. Refused with `config_invalid` where nothing has changed.
   */
  updateSystem(name: string): Promise<Deploy>;
  /** Everybody who holds something here, the parts of the node itself among them. */
  holders(): readonly HolderReport[];
  /** Every deploy of this space, of this run or an earlier one. */
  deploys(): readonly Deploy[];
  /**
   * Resolves when nothing moves any more without a message from outside: no deploy, and nothing that messages of
   * this program set in motion. A caller pays: what a message starts runs for whoever sent it.
   */
  quiescent(options?: QuiescentOptions): Promise<Report>;
  /** The hosts of natives: where each runs, how it is, how much it is called. */
  hosts(): readonly HostReport[];
  /** What is used of each quota, by holder. Whoever has no quota is not counted. */
  usage(): readonly UsageReport[];
  /** What every holder was granted, what was derived from it and passed on, and what of it was revoked. */
  grants(): readonly GrantReport[];
  /**
   * Takes a power back while it is in use: every channel that came from it is answered `revoked` from the next commit
   * on, its sources end, and what is open under it is closed. It stays so over restarts, whatever the configuration
   * says, until `regrant`. False: it was revoked before. Refused with `config_invalid` where nobody has it.
   */
  revoke(power: string, options?: WhoseOptions): Promise<boolean>;
  /** A revoked power holds again, with what was derived from it and has not ended by itself. False: it was not revoked. */
  regrant(power: string, options?: WhoseOptions): Promise<boolean>;
  /** The calls of natives that were more than computing, oldest first. */
  audit(options?: AuditOptions): AsyncIterable<AuditRecord>;
  /** What waits, on one channel (written in Rholang) or on all. */
  inspect(channel?: string): Promise<Report>;
  /** Why what waits on a channel (written in Rholang, or copied from a report) has not fired. Nothing runs for it. */
  explain(channel: string): Promise<Explanation>;
}

/** A space that was open already is being recorded. */
export interface Recording extends AsyncDisposable {
  /** Ends it: all that is durable by now is in the trace, and it is whole. */
  stop(): Promise<void>;
  /** Resolves when it has come to its end, by `stop` or with the space; rejects with why it broke off. */
  readonly ended: Promise<void>;
}

/** The bytes of a trace as they are recorded. Leaving the loop ends the recording; what was not taken is lost. */
export interface RecordingStream extends AsyncIterableIterator<Uint8Array, undefined> {
  /** Ends it: what is still to be taken makes the trace whole. */
  stop(): Promise<void>;
}

/**
 * One open space. Out of service, every operation that begins something is refused with `out_of_service`; what is there
 * is still read, counted and inspected. After a storage error every call rejects, and the space is closed for good.
 */
export interface Space extends Channels, Programs, AsyncDisposable {
  /** Directory of the space, as it was given or configured; null in memory. */
  readonly data: string | null;
  /** Whether the node is in service. */
  health(): HealthReport;
  /**
   * Records from now on, for `replayTrace`: into a new file, or wherever the program keeps it. The trace begins with the
   * state that there is now. Refused with `rate_limited` when the space is recorded so many times already.
   */
  record(into: string | TraceSink): Promise<Recording>;
  /**
   * The same as bytes, as they come. Whoever takes them more slowly than the space goes on gets `rate_limited` after what
   * was kept for them, and the trace has no end; the space never waits.
   */
  recordStream(): Promise<RecordingStream>;
  /** Finishes the commit under way and closes. Nothing that was acknowledged is lost. */
  close(): Promise<void>;
}
