/** With what a space is opened: where it is kept, what is granted in it, who hears of what. */
import type { Native } from '../../channels/index.ts';
import type { ConfigurationSource, PowerSource, QuotaSettingsSource } from '../capability/index.ts';
import type { Console } from '../../resolvers/index.ts';
import type { HostLine } from '../natives/index.ts';
import type { Follow } from '../space/index.ts';
import type { Durability } from '../store/index.ts';
import type { TraceSink } from '../trace/index.ts';
import type { HealthReport, FailureReport } from './report-types.ts';

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
  /** Bytes of the trace between two keyframes, from which a replay can begin. Default: 64 MiB. */
  readonly trace_keyframe_bytes?: number;
  /** Refuse with `machine_short` on a machine that falls short of the configured role; else that is only said. */
  readonly strict?: boolean;
  /** Natives that answer from the start on; also those that an earlier run registered. */
  readonly natives?: readonly Native[];
  /** What stands after `--` on a command line: it goes to the command of the native that is configured to get it. */
  readonly hostArguments?: readonly string[];
  /** One line of what a host says, on its standard streams or for the log. Default: a line on standard error. */
  readonly onHostLine?: (line: HostLine) => void;
  /** A host asks for the end of the node, or (`hasEnded`) its own end is the node's, as configured. Default: the space closes. */
  readonly onShutdown?: (reason: string, hasEnded: boolean) => void;
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

/** How long rows of the audit are kept. They are looked at when the space opens and every few hundred calls. */
export interface AuditRetention {
  readonly age_ms_max?: number;
  readonly bytes_max?: number;
}
