/**
 * One granted directory and everything beneath it: opened once, shared by all natives that speak of it.
 *
 * Owns the root's descriptor, the sidecar and the order of things: changes are made one at a time, reads run
 * together and never see half of a change. What a crash left begun is settled before the first of either. A change
 * that the machine fails is told to whoever takes the node out of service, before its caller hears of it.
 * Never answers a host's path to a contract.
 */
import { mkdir, statfs } from 'node:fs/promises';
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import type { Timers } from '../../src/platform/index.ts';
import { makeQueue } from './queue.ts';
import type { Queue } from './queue.ts';
import type { Desk } from './change.ts';
import { leaveOwnership, takeOwnership } from './owner.ts';
import { type Caller, failedMachine, MachineError, readAgain } from './machine.ts';
import { SIDECAR } from './path.ts';
import { EffectRecord } from './record.ts';
import { settle, sweep } from './settle.ts';
import { countBeneath, isBounded, NO_ALLOTMENT } from './usage.ts';
import type { Allotment, Usage } from './usage.ts';
import { confinementHere, errnoOf, openFolder, openRoot } from './walk.ts';
import type { Confinement, Folder, Root } from './walk.ts';

export interface FileTreeOptions {
  readonly root: string;
  /** Nothing beneath the root is written, not even a record. */
  readonly readOnly?: boolean;
  /** The operator's word for a system on which a racing process could swap a directory for a link. */
  readonly acceptWeakConfinement?: boolean;
  /** For tests: as if this system could do no better. */
  readonly confinement?: Confinement;
  /** For the attempts of a read that the machine fails. */
  readonly timers: Timers;
  /** Bytes that changes leave on the file system, for others; default: none. */
  readonly kept_bytes?: number;
  /** Whether anything may be begun; default: always. */
  readonly inService?: () => boolean;
  /** The machine has failed a change beneath this root; what it answers is waited for. */
  readonly onOutage?: (outage: Outage) => Promise<void>;
}

/** Why a node cannot go on: for its operator, so with the host's path. */
export interface Outage {
  readonly root: string;
  readonly reason: string;
}

/** Of a call, what a change needs. */
export interface Effect {
  readonly effectId: Uint8Array;
  readonly signal?: AbortSignal;
}

/** What became of a change that was begun. */
export type Outcome = 'applied' | 'not_applied' | 'unknown';

export class FileTree {
  readonly root: Root;
  readonly readOnly: boolean;
  readonly #desk: Desk | null;
  readonly #timers: Timers;
  readonly #inService: () => boolean;
  readonly #onOutage: (outage: Outage) => Promise<void>;
  readonly #queue: Queue = makeQueue();
  /** Effects that are to be forgotten once it is our turn. */
  readonly #forgetting: string[] = [];
  #closed = false;

  private constructor(root: Root, desk: Desk | null, { timers, ...node }: FileTreeOptions) {
    this.root = root;
    this.readOnly = desk === null;
    this.#desk = desk;
    this.#timers = timers;
    this.#inService = node.inService ?? (() => true);
    this.#onOutage = node.onOutage ?? (async () => {});
  }

  static async open(options: FileTreeOptions): Promise<FileTree> {
    const confinement = options.confinement ?? confinementHere();
    if (confinement === 'weak' && options.acceptWeakConfinement !== true) {
      throw new PowerboxError(
        'config_invalid',
        `on this system a program that runs beside the powerbox could lead it out of ${options.root} by swapping a directory for a link at the right moment`,
        {
          hint: 'Where no such program runs, accept this by word: add the option `weak` to the grant.',
        },
      );
    }
    const root = await openRoot(options.root, confinement);
    if (options.readOnly === true) return new FileTree(root, null, options);
    let sidecar: Folder | null = null;
    let record: EffectRecord | null = null;
    let owned = false;
    try {
      sidecar = await openSidecar(root);
      await takeOwnership(sidecar, options.root);
      owned = true;
      record = await EffectRecord.open(sidecar);
      const { kept_bytes = 0 } = options;
      const requireDisk = (bytes: number): Promise<void> => leaveRoom(root, bytes, kept_bytes);
      const desk: Desk = { root, sidecar, record, allotted: NO_ALLOTMENT, requireDisk };
      await settle(desk);
      await sweep(desk);
      return new FileTree(root, desk, options);
    } catch (error) {
      await record?.close();
      if (sidecar !== null && owned) await leaveOwnership(sidecar);
      await sidecar?.handle.close();
      await root.folder.handle.close();
      if (isPowerboxError(error)) throw error;
      throw new PowerboxError(
        'config_invalid',
        `the directory ${options.root} cannot be granted for writing: ${errnoOf(error)}`,
        {
          hint: 'Grant it read-only, or let this user write there.',
          cause: error,
        },
      );
    }
  }

  /**
   * Runs one change by itself. One whose effect was made already is not made again; one whose caller has left
   * while it waited for its turn is not begun.
   */
  async change(
    { effectId, signal }: Effect,
    allotted: Allotment,
    run: (desk: Desk, id: string) => Promise<void>,
  ): Promise<void> {
    const desk = this.#desk;
    if (desk === null) throw new PowerboxError('not_available', 'this directory was granted for reading only');
    const id = hex(effectId);
    await this.#queue.alone(async () => {
      this.#requireOpen();
      if (signal?.aborted === true) throw new PowerboxError('cancelled', 'the call ended before its change began');
      // It was asked for before the node went out, and has waited for its turn since.
      if (!this.#inService())
        throw new PowerboxError('out_of_service', 'the node is out of service, and the change was not begun');
      try {
        await settle(desk);
        const line = desk.record.get(id);
        if (line?.mark === 'L') throw cannotTell();
        if (line?.mark === 'D') return;
        if (isBounded(allotted)) await counted(desk);
        await run({ ...desk, allotted }, id);
      } catch (error) {
        const reason = failedMachine(error);
        // Before the next one may begin: it would fail as well, or worse, be made.
        if (reason !== null) await this.#onOutage({ root: this.root.folder.directory, reason });
        throw error;
      }
    });
  }

  /** What is used beneath the root; null where nothing is counted, for it is only read. Counts at the first time. */
  async usage(): Promise<Usage | null> {
    const desk = this.#desk;
    if (desk === null) return null;
    return this.#queue.alone(async () => {
      this.#requireOpen();
      await settle(desk);
      return counted(desk);
    });
  }

  /** Bytes that the file system of the root has left for this user. */
  async diskFree_bytes(): Promise<number> {
    return this.read(freeOf);
  }

  /** Runs a read beside other reads, and beside no change; again where the machine fails it. */
  read<T>(run: (root: Root) => Promise<T>, caller?: Caller): Promise<T> {
    return readAgain(this.#timers, caller, async () => {
      const desk = this.#desk;
      if (desk !== null && desk.record.pending().length > 0) await this.#queue.alone(() => settle(desk));
      return this.#queue.together(() => {
        this.#requireOpen();
        return run(this.root);
      });
    });
  }

  async ask(effectId: Uint8Array): Promise<Outcome> {
    const desk = this.#desk;
    if (desk === null) return 'not_applied';
    return this.#queue.alone(async () => {
      this.#requireOpen();
      await settle(desk);
      const mark = desk.record.get(hex(effectId))?.mark;
      return mark === 'D' ? 'applied' : mark === 'L' ? 'unknown' : 'not_applied';
    });
  }

  /** Those that are to be forgotten while others wait for their turn go together. */
  async forget(effectIds: readonly Uint8Array[]): Promise<void> {
    const desk = this.#desk;
    if (desk === null || this.#closed) return;
    const waiting = this.#forgetting.length > 0;
    for (const effectId of effectIds) this.#forgetting.push(hex(effectId));
    if (waiting) return;
    await this.#queue.alone(async () => {
      const ids = this.#forgetting.splice(0);
      if (!this.#closed) await desk.record.forget(ids);
    });
  }

  async close(): Promise<void> {
    await this.#queue.alone(async () => {
      if (this.#closed) return;
      this.#closed = true;
      if (this.#desk !== null) {
        await this.#desk.record.close();
        await leaveOwnership(this.#desk.sidecar);
        await this.#desk.sidecar.handle.close();
      }
      await this.root.folder.handle.close();
    });
  }

  #requireOpen(): void {
    if (this.#closed) throw new PowerboxError('space_closed', 'the powerbox is closed');
  }
}

async function freeOf(root: Root): Promise<number> {
  const { bavail, bsize } = await statfs(root.folder.at('.'), { bigint: true });
  const free = bavail * bsize;
  return Number(free > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : free);
}

/** Refuses, as a full disk would, what leaves less than is kept. */
async function leaveRoom(root: Root, bytes: number, kept_bytes: number): Promise<void> {
  if (kept_bytes === 0) return;
  const free = await freeOf(root);
  if (free - bytes >= kept_bytes) return;
  throw new MachineError(
    `the disk is full: it has ${free} bytes left, of which ${kept_bytes} are kept for the journal of the space`,
    'ENOSPC',
  );
}

/** The count, begun by a walk where there is none yet or it can no longer be told. */
async function counted({ root, record }: Desk): Promise<Usage> {
  if (record.used !== null) return record.used;
  const used = await countBeneath(root);
  await record.count(used);
  return used;
}

export function cannotTell(): PowerboxError {
  return new PowerboxError(
    'interrupted',
    'the change was interrupted, and the file has been changed from outside since: it cannot be told whether the change was made',
  );
}

async function openSidecar(root: Root): Promise<Folder> {
  try {
    await mkdir(root.folder.at(SIDECAR), { mode: 0o700 });
    await root.folder.handle.sync();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return openFolder(root, root.folder, SIDECAR, SIDECAR);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
