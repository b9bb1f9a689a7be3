/**
 * Who answers for one kind of power. A resolver owns what is open in this process for its grants (trees, pools,
 * ports) and gives natives that act under a grant by its id, which stands in the handle of every call. An id that
 * it was not given is answered `not_available`; what is taken back is gone at once.
 */
import type { PowerKind, PowerOf } from '../src/capability/index.ts';
import type { Native } from '../src/natives/index.ts';

export interface Resolver<K extends PowerKind> {
  readonly kind: K;
  /** One for each declaration; registered with the dispatcher before the space is opened. */
  readonly natives: readonly Native[];
  /** Refused with `config_invalid` or `storage_locked`; then nothing of it is granted. */
  grant(id: string, power: PowerOf<K>): Promise<void> | void;
  /** Ends what is under way for this grant. */
  revoke(id: string): void;
  close(): Promise<void> | void;
}

/** One of any kind. What it is granted is of its own kind: `Resolvers` sees to it. */
export type AnyResolver = { readonly [K in PowerKind]: Resolver<K> }[PowerKind];
