/**
 * What stands behind a `Space`, for the service: the parts that `open.ts` put together. Owns the way from the public
 * object to them; no public index names it, so a program that embeds a space holds the space and nothing behind it.
 */
import type { Configuration } from '../capability/index.ts';
import type { Audit, Deploys, Dispatcher } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Hosts } from '../natives/index.ts';
import type { Platform } from '../platform/index.ts';
import type { SpaceEngine, SpaceHost } from '../space/index.ts';
import type { Store } from '../store/index.ts';
import type { Outlets } from './admin/index.ts';
import type { NodeAuthority } from './node-authority.ts';
import type { Powers } from './powers.ts';
import type { Service } from './service.ts';
import type { Sessions } from './sessions/index.ts';
import type { FailureReport, Space } from './types.ts';

export interface SpaceInternals {
  readonly engine: SpaceEngine;
  readonly store: Store;
  /** Messages of whoever stands outside of the space, as values. */
  readonly host: SpaceHost;
  readonly dispatcher: Dispatcher;
  readonly deploys: Deploys;
  readonly powers: Powers;
  readonly sessions: Sessions;
  readonly hosts: Hosts;
  readonly audit: Audit;
  readonly authority: NodeAuthority;
  /** Whether the node is in service. */
  readonly service: Service;
  readonly platform: Platform;
  /** 32 bytes. It seals what crosses the wire, and never leaves the data directory. */
  readonly sealKey: Uint8Array;
  /** Where output and failures of programs lead. */
  readonly outlets: Outlets;
  readonly configuration: Configuration | null;
  /** The configuration file that it was opened with, absolute. */
  readonly configurationFile: string | null;
  /** One structured record for each failure that no caller hears of. */
  readonly tell: (failure: FailureReport) => void;
}

const INTERNALS = new WeakMap<Space, SpaceInternals>();

/** Called once, by who has opened the space. */
export function rememberInternals(space: Space, internals: SpaceInternals): void {
  INTERNALS.set(space, internals);
}

export function internalsOf(space: Space): SpaceInternals {
  const internals = INTERNALS.get(space);
  if (internals === undefined) throw new PowerboxError('bad_request', 'this space was not opened by openSpace');
  return internals;
}
