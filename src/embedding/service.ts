/**
 * Whether a node is in service. A change that the machine fails takes it out: it runs no task and starts no effect,
 * records what is still under way, tells what it has, and refuses what would begin something. Only
 * `restoreService` ends that, on the closed directory, after both directories have taken a probe.
 *
 * Owns the fact `service` together with the dispatcher, which sets it in the turn that ends the failing change. The
 * data directory's file says the same (`store/service.ts`), so that one of the two is always there: out of service is
 * what either says.
 */
import { resolve } from 'node:path';
import { type Dispatcher, SERVICE_FACT } from '../dispatch/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Platform, realPlatform } from '../platform/index.ts';
import { SpaceEngine } from '../space/index.ts';
import {
  dropBallast,
  IN_SERVICE,
  makeBallast,
  openStore,
  probe,
  readService,
  type ServiceState,
  writeService,
} from '../store/index.ts';
import { Tuple, type Value } from '../values/index.ts';
import { registerServiceCause } from './causes.ts';
import { requireSpace, sidecarOf } from './surroundings.ts';
import type { FailureReport, HealthReport } from './types.ts';

/** What a disk must have left beside all that is kept of it, for there to be anything to go on with. */
const ROOM_BYTES = 1024 * 1024;
/** What fails for want of room can be helped by making some. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

export interface ServiceOptions {
  readonly engine: SpaceEngine;
  readonly platform: Platform;
  /** As its operator wrote it; undefined for a space in memory. */
  readonly data: string | undefined;
  readonly tell: (failure: FailureReport) => void;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #directory: string | null;
  readonly #left: ((error: PowerboxError) => void)[] = [];
  #state: ServiceState;
  #dispatcher: Dispatcher | null = null;

  private constructor(options: ServiceOptions, state: ServiceState) {
    this.#options = options;
    this.#directory = options.data === undefined ? null : resolve(options.data);
    this.#state = state;
  }

  /** Finds out what file and journal say, and mends whichever of them does not say it. */
  static async open(options: ServiceOptions): Promise<Service> {
    const { engine, data } = options;
    const fact = readFact(engine.fact(SERVICE_FACT));
    const file = data === undefined ? null : await readService(resolve(data));
    const state = file?.service === 'out' ? file : (fact ?? IN_SERVICE);
    const service = new Service(options, state);
    if (state.service === 'in') return service;
    engine.pause();
    if (file?.service !== 'out') await service.#writeFile();
    if (fact === null) await recordFact(engine, writeFact(state));
    return service;
  }

  /** Nothing of what was found is begun when the node is out. */
  attach(dispatcher: Dispatcher): void {
    this.#dispatcher = dispatcher;
    if (this.#state.service === 'out') dispatcher.pause(null);
  }

  get isIn(): boolean {
    return this.#state.service === 'in';
  }

  health(): HealthReport {
    return healthOf(this.#state);
  }

  /** Throws `out_of_service`. */
  requireIn(): void {
    if (!this.isIn) throw outOfService(this.#state, this.#options.data);
  }

  refusal(): PowerboxError {
    return outOfService(this.#state, this.#options.data);
  }

  /** Called once, when the node goes out of service. */
  onLeave(run: (error: PowerboxError) => void): void {
    this.#left.push(run);
  }

  /**
   * The machine has failed a change. Resolves when that is kept: before whoever asked for the change hears of it, so
   * nothing that follows from the answer runs.
   */
  async leave({ root, reason }: { readonly root: string; readonly reason: string }): Promise<void> {
    if (!this.isIn) return;
    const { engine, platform, tell } = this.#options;
    this.#state = { service: 'out', since_ms: platform.clock.now_ms(), reason, root };
    engine.pause();
    this.#dispatcher?.pause(writeFact(this.#state));
    // Room first, for some file systems need it even for what is overwritten in its place.
    if (this.#directory !== null && FULL.has(reason)) await dropBallast(this.#directory).catch(() => undefined);
    await this.#writeFile();
    const refusal = this.refusal();
    tell({
      deploy: 0,
      code: refusal.code,
      message: refusal.message,
      hint: refusal.hint,
      source: 'service',
      dropped: 0,
    });
    for (const run of this.#left.splice(0)) run(refusal);
  }

  /** Where the file cannot be written the journal says it, and the next opening mends the file. */
  async #writeFile(): Promise<void> {
    if (this.#directory === null) return;
    try {
      await writeService(this.#directory, this.#state);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `that the node is out of service could not be written down beside the journal: ${why}`;
      this.#options.tell({ deploy: 0, code: 'storage_failed', message, hint: '', source: 'service', dropped: 0 });
    }
  }
}

function healthOf({ service, since_ms, reason, root }: ServiceState): HealthReport {
  if (service === 'in' || since_ms === null) return { service: 'in', since: null, reason: null, root: null };
  return { service, since: new Date(since_ms).toISOString(), reason, root };
}

function outOfService(state: ServiceState, data: string | undefined): PowerboxError {
  const { since, reason, root } = healthOf(state);
  return new PowerboxError('out_of_service', `the node is out of service since ${since}: ${reason} in ${root}`, {
    hint:
      data === undefined
        ? 'a space in memory ends with its process: open another one'
        : `mend the disk, then: powerbox service restore --data ${shellWord(data)}`,
  });
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function writeFact({ since_ms, reason, root }: ServiceState): Value {
  return new Tuple([since_ms ?? 0, reason, root]);
}

function readFact(fact: Value | undefined): ServiceState | null {
  if (!(fact instanceof Tuple)) return null;
  const [since_ms, reason, root] = fact.items;
  return { service: 'out', since_ms: Number(since_ms), reason: String(reason), root: String(root) };
}

async function recordFact(engine: SpaceEngine, fact: Value | null): Promise<void> {
  await engine.enact({ kind: 'service', payload: fact, account: 0 });
}

// ---------------------------------------------------------------- for an operator, on a directory

/** Whether the node of a directory is in service; also while a process has it open. */
export async function serviceHealth({ data }: { readonly data: string }): Promise<HealthReport> {
  const directory = requireSpace(data);
  const file = await readService(directory);
  return file === null ? onClosed(directory, async (engine) => healthOf(stateOf(engine))) : healthOf(file);
}

/**
 * Brings the node of a closed directory back into service. Rejects with `out_of_service`, and changes nothing, where the
 * data directory or the directory whose change failed does not take a probe. What waited goes on at the next opening.
 */
export async function restoreService({ data }: { readonly data: string }): Promise<HealthReport> {
  const directory = requireSpace(data);
  const platform = realPlatform();
  return onClosed(directory, async (engine) => {
    const file = await readService(directory);
    const state = file?.service === 'out' ? file : stateOf(engine);
    if (state.service === 'in') return healthOf(IN_SERVICE);
    try {
      // The reserve first: a disk that has no room for more than it is full still.
      await probed(data, async () => {
        await makeBallast(directory, platform);
        await probe(directory, platform, limits.journal_room_bytes + ROOM_BYTES);
      });
      await probed(state.root, () => probe(sidecarOf(state.root), platform));
    } catch (error) {
      if (FULL.has(state.reason)) await dropBallast(directory).catch(() => undefined);
      throw error;
    }
    // The file last: as long as it says so, the node stays out, whatever a crash leaves of the rest.
    await recordFact(engine, null);
    await writeService(directory, IN_SERVICE);
    return healthOf(IN_SERVICE);
  });
}

function stateOf(engine: SpaceEngine): ServiceState {
  return readFact(engine.fact(SERVICE_FACT)) ?? IN_SERVICE;
}

async function probed(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PowerboxError('out_of_service', `the node stays out of service: ${what} failed the probe: ${why}`, {
      hint: 'mend the disk, or make room on it, and try again',
      cause,
    });
  }
}

/** The space with nobody in it: no contract runs, no grant is opened. */
async function onClosed<T>(directory: string, run: (engine: SpaceEngine) => Promise<T>): Promise<T> {
  const platform = realPlatform();
  const store = await openStore({ directory, durability: 'sync', platform });
  let engine: SpaceEngine;
  try {
    engine = await SpaceEngine.open({ platform, store });
  } catch (error) {
    await store.close();
    throw error;
  }
  registerServiceCause(engine);
  engine.pause();
  let result: T;
  try {
    result = await run(engine);
  } catch (error) {
    await engine.close().catch(() => undefined);
    throw isPowerboxError(error) ? error : new PowerboxError('storage_failed', String(error), { cause: error });
  }
  await engine.close();
  return result;
}
