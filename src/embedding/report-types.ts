/** What a space tells of itself: plain data, of which nothing changes once it was told. */
import type { Power } from '../capability/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { Mode, PurseUsage } from '../space/index.ts';
import type { Message } from './words.ts';

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
  /** It was granted and is taken back: nothing is reached by it. */
  readonly revoked: boolean;
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

/** One call of a native that was more than computing. What was said in it is here as a hash alone. */
export interface AuditRecord {
  /** Place in the audit; never given twice. */
  readonly number: number;
  /** When the call was made: ISO 8601, UTC. */
  readonly time: string;
  readonly duration_ms: number;
  /** How it was called: as part of what happened, for what is called in a fork leaves no row. */
  readonly mode: Mode;
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

/** Whether the node may begin anything; and why not: since when (ISO 8601), what the machine said, of which directory. */
export type HealthReport =
  | { readonly service: 'in'; readonly since: null; readonly reason: null; readonly root: null }
  | { readonly service: 'out'; readonly since: string; readonly reason: string; readonly root: string };

export interface FailureReport {
  readonly deploy: number;
  /** How the program ran; absent where no program failed. */
  readonly mode?: Mode | undefined;
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
export interface UsageReport extends Omit<PurseUsage, 'key'> {
  readonly holder: string;
  readonly deploy: number | null;
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
