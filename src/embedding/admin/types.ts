/**
 * What an operator asks of a space, whoever holds it: this process, or another one that is asked over the control socket
 * of the data directory. Every answer is plain data, so that both give the same.
 */
import type { BackupReport } from '../../store/index.ts';
import type {
  AuditOptions,
  AuditRecord,
  EstimateReport,
  Explanation,
  ForkOptions,
  GrantReport,
  Grants,
  HealthReport,
  HolderReport,
  QueryReport,
  QuiescentOptions,
  Report,
  SystemContractReport,
  UsageReport,
  WhoseOptions,
} from '../types.ts';

/** A deploy, and what of it is still to happen. */
export interface DeployReport {
  readonly id: number;
  readonly name: string;
  readonly ready: number;
  readonly outside: number;
  readonly parked: number;
  readonly sources: number;
}

/** What a space is, as a whole. */
export interface SpaceInfo {
  readonly version: string;
  /** Process that holds it. */
  readonly pid: number;
  /** Of that process, ISO 8601, UTC. */
  readonly started: string;
  /** As whoever opened it wrote it; null in memory. */
  readonly data: string | null;
  /** Its id, in hexadecimal: what tells it from every other one, also when its directory has moved; null in memory. */
  readonly space: string | null;
  /** The configuration file that it was opened with. */
  readonly configuration: string | null;
  readonly turn: number;
  readonly deploys: number;
  /** Deploys that have something to do, or a source. */
  readonly unfinished: number;
  readonly holders: readonly string[];
  readonly service: HealthReport;
}

export type { BackupReport } from '../../store/index.ts';

/** A program to start beside what runs. */
export interface StartOptions {
  readonly name: string;
  /** Up to its first calls to the world all of it happens, or nothing. */
  readonly atomic?: boolean;
  readonly holder?: string;
  /** What it is granted, where no holder is named. Default: what the opening grants. */
  readonly grants?: Grants;
}

/** As in a program; a trace is named by its path, for another process may read it. */
export type AdminEstimateOptions = ForkOptions & { readonly replies?: string };

/** What a query answered, in Rholang: messages of values. */
export type QueryTexts = Omit<QueryReport, 'answers'> & { readonly answers: readonly (readonly string[])[] };

/** Reports: nothing changes. */
export interface AdminReports {
  inspect(channel?: string): Promise<Report>;
  explain(channel: string): Promise<Explanation>;
  deploys(): Promise<readonly DeployReport[]>;
  systemContracts(): Promise<readonly SystemContractReport[]>;
  holders(): Promise<readonly HolderReport[]>;
  grants(): Promise<readonly GrantReport[]>;
  usage(): Promise<readonly UsageReport[]>;
  info(): Promise<SpaceInfo>;
  /** The answers in Rholang. */
  query(text: string, options: StartOptions & ForkOptions): Promise<QueryTexts>;
  /** `replies`: a trace, by its path. */
  estimate(text: string, options: StartOptions & AdminEstimateOptions): Promise<EstimateReport>;
  audit(options: AuditOptions): AsyncIterable<AuditRecord>;
}

/** Acts. */
export interface AdminActs {
  revoke(power: string, whose: WhoseOptions): Promise<boolean>;
  regrant(power: string, whose: WhoseOptions): Promise<boolean>;
  /** What it prints is heard here as long as this admin is open. */
  run(text: string, options: StartOptions): Promise<DeployReport>;
  /** Null when a system contract of this name was started before. */
  system(text: string, options: StartOptions): Promise<DeployReport | null>;
  updateSystem(name: string): Promise<DeployReport>;
  /** From now on what these deploys print is heard here. */
  listen(deploys: readonly number[]): Promise<void>;
  /** Of these deploys; without any named, of all that is there. */
  quiescent(options: QuiescentOptions & { readonly deploys?: readonly number[] }): Promise<Report>;
  /**
   * Records the space into a new file until the signal ends that, or the space closes; resolves when the trace is whole.
   * `begun` is called when everything from then on is in it.
   */
  record(file: string, signal: AbortSignal, begun: () => void): Promise<void>;
  /** Writes all that is durable now to a new directory; resolves when it is whole and on disk. */
  backup(directory: string): Promise<BackupReport>;
}

export interface Admin extends AdminReports, AdminActs {
  readonly data: string | null;
  /** The process that holds the space, where it is another one. */
  readonly owner: number | null;
  /** Lets go: closes a space of this process, and leaves one of another as it is. */
  close(): Promise<void>;
}
