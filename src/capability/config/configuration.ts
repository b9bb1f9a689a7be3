/** A configuration that was read without a mistake: what it says, with every default, path and secret in its place. */
import type { Durability } from '../../store/index.ts';
import type { Power } from '../powers/index.ts';
import type { SecretSource } from '../powers/secret.ts';
import type { MachineConfig } from '../machine-config.ts';
import type { NativeConfig } from '../natives-config.ts';
import type { PeersConfig } from '../peers-config.ts';
import type { HolderQuota, QuotaSettings } from '../quota.ts';
import type { ServiceConfig } from '../service-config.ts';
import type { AuditSection } from './schema.ts';

export interface Configuration {
  /** Where it stands, absolute; null when it was given as an object. */
  readonly file: string | null;
  readonly data: string | null;
  readonly durability: Durability | null;
  readonly powers: ReadonlyMap<string, Power>;
  readonly holders: ReadonlyMap<string, ConfiguredHolder>;
  readonly quotas: QuotaSettings;
  readonly machine: MachineConfig | null;
  readonly audit: AuditSection | null;
  /** Natives that hosts run, by name. */
  readonly natives: ReadonlyMap<string, NativeConfig>;
  readonly peers: PeersConfig | null;
  /** Paths absolute. */
  readonly service: ServiceConfig | null;
  readonly systemContracts: readonly ConfiguredContract[];
  readonly documents: ReadonlyMap<string, ConfiguredDocument>;
  /** Whose powerbox answers everybody. */
  readonly publicSystem: string | null;
  /** Which variables and files fill in which secrets. */
  readonly fillings: readonly Filling[];
  /** Files that the configuration leads to and that were read. */
  readonly filesRead: readonly string[];
}

export interface ConfiguredHolder {
  readonly name: string;
  readonly powers: readonly Power[];
  /** Its own; null where it has those of everybody. */
  readonly quotas: HolderQuota | null;
  /** Its clients may record the space, with all that anybody has in it. */
  readonly record: boolean;
}

export interface ConfiguredContract {
  readonly name: string;
  /** As it is written in the configuration. */
  readonly file: string;
  readonly text: string;
  readonly holder: string;
  /** The document that is its second argument. */
  readonly config: string | null;
}

export interface ConfiguredDocument {
  readonly name: string;
  /** As it is written in the configuration; null where the document stands there itself. */
  readonly file: string | null;
  /** Plain data, as JSON has it. */
  readonly value: unknown;
}

export interface Filling {
  readonly path: string;
  readonly from: SecretSource;
  readonly name: string;
}
