/**
 * What an embedding program holds: a space, its deploys, and reports about them. Words and laws only; `open.ts`
 * makes them. Plain JavaScript data stands for values as `toValue` and `fromValue` say.
 */
import type { Native } from '../../channels/index.ts';
import type { ConfigurationSource, Power, PowerSource, QuotaSettingsSource } from '../capability/index.ts';
import type { Console } from '../../resolvers/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { HostLine, HostReport } from '../natives/index.ts';
import type { Follow, Quota } from '../space/index.ts';
import type { Durability } from '../store/index.ts';
import type { TraceSink } from '../trace/index.ts';
import type { HostValue, Name, Value } from '../values/index.ts';

/** A public name by its value (`'orders'` is `@"orders"` in Rholang), or an unforgeable one. */
export type ChannelName = HostValue | Name;
/** The values of one message. `x!(1, 2)` in Rholang is the message `[1, 2]`. */
export type Message = readonly HostValue[];
/** As a message; `any` at a place admits anything there. */
export type Pattern = readonly HostValue[];

/** Authority that an operator gives to whoever runs programs here. No file is granted that is not named. */
export interface Grants {
  /** Directories by the name under which `fileSystem` hands them out; a string alone is the one named `files`. */
  readonly files?: string | Readonly<Record<string, string | FilesGrantOptions>>;
  /** Standard input, output and error, under the `rho:io:…` URIs and in the powerbox. Default true. */
  readonly stdio?: boolean;
  /** Any other power, as a configuration writes it: `{kind: 'http', …}`. */
  readonly powers?: readonly PowerSource[];
  /** The program's own powerbox, under `rho:powerbox`. Default true. */
  readonly powerbox?: boolean;
  /** Also answer on the public name `@"system"`, to everybody. Default false. */
  readonly publicSystem?: boolean;
}

export interface FilesGrantOptions {
  readonly root: string;
  readonly readOnly?: boolean;
  /** The operator's word where the operating system cannot promise that nothing leads out of the root. */
  readonly acceptWeakConfinement?: boolean;
}

export interface OpenOptions {
  /** Directory of the space; without it the space is in memory and ends with the process. */
  readonly data?: string;
  /** What an acknowledgement promises. Default `sync`: it is on disk. */
  readonly durability?: Durability;
  readonly grants?: Grants;
  /**
   * A configuration file, by its path, or what would stand in one. It says which holders there are, what they hold,
   * and which system contracts run; what is given beside it here goes before it. A directory remembers the path.
   */
  readonly config?: string | ConfigurationSource;
  /** What holders may store and run; goes before the quotas of the configuration. Default: as much as they like. */
  readonly quotas?: QuotaSettingsSource;
  /** How long the record of calls is kept, by age and by size, whichever ends first. Default: ninety days, 64 MiB. */
  readonly audit?: AuditRetention;
  /** Also what was granted in earlier openings, to the work that had it then and to no other. Default false. */
  readonly rememberGrants?: boolean;
  /** Refuse with `config_invalid` when there is no space in `data` yet. */
  readonly mustExist?: boolean;
  /**
   * What is done with work that an earlier run left: go on (the default), refuse to open, or leave it as it is (`hold`);
   * `look` does that, too, and lets queries ask natives.
   */
  readonly unfinished?: 'resume' | 'refuse' | 'hold' | 'look';
  /**
   * Record the space from here on, for `replayTrace` and `powerbox replay`: into a new file, or wherever the program
   * keeps it. See `spec/traces.md`.
   */
  readonly trace?: string | TraceSink;
  /** Refuse with `machine_short` on a machine that falls short of the configured role; else that is only said. */
  readonly strict?: boolean;
  /** Natives that answer from the start on; also those that an earlier run registered. */
  readonly natives?: readonly Native[];
  /** What stands after `--` on a command line: it goes to the command of the native that is configured to get it. */
  readonly hostArguments?: readonly string[];
  /** One line of what a host says, on its standard streams or for the log. Default: a line on standard error. */
  readonly onHostLine?: (line: HostLine) => void;
  /** A host asks for the end of the node, or its end is the node's, as configured. Default: the space closes. */
  readonly onShutdown?: (reason: string) => void;
  /** Default: the standard streams of this process. */
  readonly console?: Console;
  /** One structured record for each failure that no caller hears of. Default: a line on standard error. */
  readonly onFailure?: (failure: FailureReport) => void;
  /** Whether a message from outside is followed on its way, and where its steps are told. Default: none is. */
  readonly follow?: Follow;
  /** The machine has failed a change of a file, and the node is out of service from now on. */
  readonly onOutOfService?: (health: HealthReport) => void;
  /** The space has closed itself because storage failed. */
  readonly onClosed?: (error: Error) => void;
}

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
}

  /** What all that runs in it may cost, by the price list (`spec/cost.md`); past it it ends with `quota_exceeded`. */
  readonly cost_max?: number;
}

export interface EstimateOptions extends ForkOptions {
  /**
   * A trace of a run of the same program: past a call that an estimate cannot make it goes on with the reply that the
   * same call had then. Refused with `trace_departed` when no deploy of the trace is this program.
   */
  readonly replies?: string | Uint8Array;
/** A branch that failed. */
export interface ModeFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface QueryReport {
  /** What the program sent on `rho:answer`, in order. */
  readonly answers: readonly Message[];
  /** By the price list (`spec/cost.md`). */
  readonly cost: number;
  readonly failures: readonly ModeFailure[];
}

/** A call that an estimate cannot make: what follows from its answer is not in the cost. */
export interface UnmadeCall {
  /** `native.method`, or the label of a task that nobody runs in a fork. */
  readonly what: string;
  readonly effect: 'none' | 'observe' | 'change' | null;
  /** In Rholang. */
  readonly args: readonly string[];
}

export interface EstimateReport {
  /** By the price list (`spec/cost.md`). */
  readonly cost: number;
  /** No call was left out: run on the same state, it costs exactly this. */
  readonly exact: boolean;
  readonly calls: readonly UnmadeCall[];
  readonly failures: readonly ModeFailure[];
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

/** Of a system contract: what runs, and what the configuration has. */
export interface SystemContractReport {
  readonly name: string;
  /** Its deploy; null as long as it was not started. */
  readonly deploy: number | null;
  readonly holder: string;
  /** As the configuration names it; empty for one that was given as text. */
  readonly file: string;
  /** SHA-256 of the text that was started, in hexadecimal; empty where none was, or before this was kept. */
  readonly hash: string;
  /** The same of the text in the configuration; empty where it is not there. */
  readonly fileHash: string;
  /** `changed`: another text was started than the file has now. It goes on until `updateSystem`. */
  readonly state: 'running' | 'changed' | 'not configured' | 'not started';
}

/** Who holds what: a holder of programs, or a part of the node itself. */
export interface HolderReport {
  /** `node/…` for a part of the node. */
  readonly name: string;
  readonly holds: readonly HeldReport[];
}

export interface HeldReport {
  readonly name: string;
  readonly kind: Power['kind'] | 'node';
  /** In words of the configuration, secrets as placeholders. */
  readonly limits: Readonly<Record<string, unknown>>;
}

/** One power of one holder, and what programs made of it to hand on. */
export interface GrantReport {
  readonly holder: string;
  readonly power: string;
  readonly kind: Power['kind'] | 'native' | 'powerbox';
  /** As the audit names it: `holder/power`. */
  readonly grant: string;
  readonly revoked: boolean;
  readonly derived: readonly DerivedReport[];
}

/** A channel that was made of another one so that it can do less (see `restrict`, `revocable` and the like). */
export interface DerivedReport {
  /** As the audit names it. */
  readonly capability: string;
  /** What it takes away. */
  readonly rule: string;
  /** Of `count`; else null. */
  readonly calls_left: number | null;
  /** Of `expire`: ISO 8601, UTC; else null. */
  readonly expires: string | null;
  /** Who made it. */
  readonly by: Person;
  /** Others who have used it, in the order of their first call: to whom it was passed, as far as that shows. */
  readonly users: readonly Person[];
  /** By itself; what is above it may have ended, too. */
  readonly ended: 'revoked' | 'expired' | null;
  readonly derived: readonly DerivedReport[];
}

/** A deploy, and whose it is. */
export interface Person {
  readonly deploy: number;
  readonly holder: string;
}

/** Whose power is meant. Default: that of whoever alone has one of this name. */
export interface WhoseOptions {
  readonly holder?: string;
}

/** How long rows of the audit are kept. They are looked at when the space opens and every few hundred calls. */
export interface AuditRetention {
  readonly age_ms_max?: number;
  readonly bytes_max?: number;
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

/** One call of a native that was more than computing. What was said in it is here as a hash alone. */
export interface AuditRecord {
  /** Place in the audit; never given twice. */
  readonly number: number;
  /** When the call was made: ISO 8601, UTC. */
  readonly time: string;
  readonly duration_ms: number;
  /** Whose deploy called; empty for this program. */
  readonly holder: string;
  readonly deploy: number;
  /** The grant under which it was made: `holder/power`. */
  readonly grant: string;
  /** The grant again, or what was derived from it and passed on. */
  readonly capability: string;
  readonly native: string;
  readonly method: string;
  /** SHA-256 of the canonical bytes of the list of arguments, in hexadecimal. */
  readonly digest: string;
  /** `ok`, or the code of the error. */
  readonly result: string;
  /** In and out, as the native counts them; else those of arguments and result. */
  readonly bytes: number;
  /** By which the native knows a change again, in hexadecimal; null for a call that only looks. */
  readonly effect: string | null;
}

export interface QuiescentOptions {
  /** Also wait until no source is open that could still speak: a server then goes on until its ports are closed. */
  readonly silent?: boolean;
}

/** Whether the node may begin anything; and why not: since when (ISO 8601), what the machine said, of which directory. */
export type HealthReport =
  | { readonly service: 'in'; readonly since: null; readonly reason: null; readonly root: null }
  | { readonly service: 'out'; readonly since: string; readonly reason: string; readonly root: string };

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

export interface FailureReport {
  readonly deploy: number;
  /** How the program ran; absent where no program failed. */
  readonly mode?: 'transaction' | 'query' | 'estimate' | 'atomic' | undefined;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  /** Who failed: a label, or `native.method`. */
  readonly source: string;
  /** Failures of the same deploy that were left out since the last one. */
  readonly dropped: number;
}

/** What waits on one channel, in Rholang syntax: the oldest of each, and how many there are. */
export interface ChannelReport {
  readonly channel: string;
  readonly dataCount: number;
  readonly data: readonly string[];
  readonly waitingCount: number;
  /** Continuations. A join stands on each of its channels. */
  readonly waiting: readonly string[];
}

/** What is still to happen, and what it waits for. */
export type PendingReport =
  | {
      readonly kind: 'effect';
      readonly what: string;
      readonly stage: 'queued' | 'running' | 'answered';
      readonly for_ms: number;
    }
  /** Not unfinished, but something may still arrive by itself: a connection, a datagram, a line, a timer. */
  | { readonly kind: 'source'; readonly what: string; readonly channel: string }
  | { readonly kind: 'parked'; readonly label: string; readonly tasks: number; readonly reason: string }
  /** Ready, but the tasks or steps of its quota are used up for now: of the deploy's own, or of its holder's. */
  | { readonly kind: 'refill'; readonly tasks: number; readonly of: 'deploy' | 'holder' };

/** How much of a quota is used: of a holder, or with a `deploy` of that deploy alone. Bytes are estimated. */
export interface UsageReport {
  readonly holder: string;
  readonly deploy: number | null;
  readonly quota: Quota;
  readonly bytes: number;
  /** Waiting. */
  readonly continuations: number;
  /** Made and not yet done. */
  readonly tasks: number;
  /** What may run before the next refill; null without that bound. A turn may overdraw its steps. */
  readonly tasks_left: number | null;
  readonly steps_left: number | null;
  /** What its turns have cost; counted where the quota has `cost_max`. */
  readonly cost: number;
  /** Deploys that have something ready and wait for a refill of this quota. */
  readonly waiting: number;
}

export interface Report {
  readonly quiescent: boolean;
  /** Branches that failed, of the deploy since it was made, or of all. */
  readonly failures: number;
  readonly channels: readonly ChannelReport[];
  /** There are more channels than a report holds. */
  readonly truncated: boolean;
  readonly pending: readonly PendingReport[];
  /** Why what waits has not fired, a sentence each; not of what stays and has nothing to do. `explain` says more. */
  readonly explanations: readonly string[];
}

/** Why what waits on one channel has not fired, and who could still send there. */
export interface Explanation {
  readonly channel: string;
  readonly dataCount: number;
  readonly waitingCount: number;
  /** The oldest that wait there. */
  readonly waiting: readonly ContinuationExplanation[];
  /** Of all that waits, runs or is open in the space: who could send where something is lacking. */
  readonly senders: readonly SenderReport[];
  /** The last branches that have failed, where messages lie and nobody receives them. */
  readonly failures: readonly string[];
  /** All of it in words. */
  readonly sentences: readonly string[];
}

export interface ContinuationExplanation {
  /** In Rholang, without its body. */
  readonly continuation: string;
  readonly slots: readonly SlotExplanation[];
  readonly sentence: string;
}

/** What lies for one receive of a continuation. */
export interface SlotExplanation {
  readonly channel: string;
  /** Something fits; nothing lies there; no message has as many values; none fits. */
  readonly reason: 'fits' | 'empty' | 'arity' | 'differs';
  /** The oldest messages that do not fit, and where each differs. */
  readonly candidates: readonly { readonly datum: string; readonly difference: string }[];
  readonly sentence: string;
}

/** Who could still send on a channel. */
export interface SenderReport {
  readonly channel: string;
  readonly who: string;
  /**
   * A call that answers there; a task that is to run; a source; a continuation with a send on it in its code; one that
   * holds the name, and may hand it on; a message that holds it.
   */
  readonly how: 'effect' | 'task' | 'source' | 'sends' | 'holds' | 'message';
  /** Numbers of values of the sends in its code. */
  readonly values: readonly number[];
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

/**
 * One open space. Out of service, every operation that begins something is refused with `out_of_service`; what is there
 * is still read, counted and inspected. After a storage error every call rejects, and the space is closed for good.
 */
export interface Space extends Channels, Programs, AsyncDisposable {
  /** Directory of the space, as it was given or configured; null in memory. */
  readonly data: string | null;
  /** Whether the node is in service. */
  health(): HealthReport;
  /** Finishes the commit under way and closes. Nothing that was acknowledged is lost. */
  close(): Promise<void>;
}
