/**
 * Commits: makes the turns since the last flush durable together, one append at a time, lets out what waits for
 * them, and has the rows brought up to date behind the journal.
 *
 * Nothing is let out before its entry is durable. Rows are never written before the entry they hold is durable,
 * and the journal is only dropped up to what the rows hold.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';
import { Encoder, type NameDeriver, type Value } from '../values/index.ts';
import type { Channels } from './channels.ts';
import { SpaceCounters } from './counters.ts';
import type { Cutter } from './cut.ts';
import { digestOf } from './digest.ts';
import { Commit, type EntryHeader } from './entry.ts';
import { EntryWriter } from './entry-writer.ts';
import type { Messages } from './messages.ts';
import type { EngineOptions } from './options.ts';
import type { Recorders } from './recorders.ts';
import type { Terms } from './terms.ts';

/** Turns of one commit; past it the next slice waits for the append. Bounds what a crash can undo. */
const COMMIT_TURNS_MAX = 65_536;
/** Turns of a commit that nobody waits for, past which it is written all the same. */
const UNAWAITED_TURNS_MAX = 4096;
/**
 * So many heard of the last commit, from which on the next waits for one more turn of the event loop: what comes in that is
 * written with it. An append costs as much processor time as some twenty messages, most of it for waking the thread that
 * makes it; and who comes in such company waits longer for the others than for that turn. Of more than `COMPANY_MAX` an
 * append costs each so little that nothing is gained.
 */
const COMPANY_MIN = 8;
const COMPANY_MAX = 128;
/**
 * Of what the journal's tail may be, how much is written before a cut begins; the rest is for what is written while it is
 * made. Each cut writes a channel once, however often it has changed, so fewer of them are less work.
 */
const CUT_SHARE = 2 / 3;
/** Channels that one slice encodes for a cut. */
const CUT_CHANNELS_A_SLICE = 512;
/** Channels encoded between two looks at the clock. */
const CUT_CHANNELS_A_LOOK = 32;
/** How late an append is when a planted bug has acknowledged it, or written its rows, already. */
const PLANTED_DELAY_MS = 5;

const NO_DIGEST = new Uint8Array(0);
const NO_ENTRY = new Uint8Array(0);

/** What the commits need of the engine. */
export interface CommitHost {
  readonly channels: Channels;
  readonly terms: Terms;
  readonly messages: Messages;
  /** What stands in memory only, between two turns; see `standing.ts`. */
  standing(): Value;
  /** The engine's counters as they are now, between two turns. */
  header(): EntryHeader;
  /** Called just before the turns since the last commit are written: the last that may be added to them. */
  beforeWrite(): void;
  /** Asks for another slice. */
  schedule(): void;
  fail(error: unknown): void;
  /** Who draws the space's names: in entries they stand as they were drawn. */
  readonly names: NameDeriver;
  readonly closed: PowerboxError | null;
}

export class Committer {
  /** What the turns since the last flush did. */
  current = new Commit(1);
  /** The journal's last durable entry. */
  last = 0;
  /** Bytes of journal since the last cut began. */
  tail_bytes = 0;
  appending = false;
  readonly counters = new SpaceCounters();
  /** When what is being written began to be: the commit, and its append after its blobs. */
  #commitBegan_ms = 0;
  #appendBegan_ms = 0;
  readonly #options: EngineOptions;
  readonly #host: CommitHost;
  readonly #platform: Platform;
  readonly #store: Store | null;
  readonly #cutter: Cutter | null;
  readonly #encoder: Encoder;
  readonly #writer: EntryWriter;
  readonly #tail_bytes_max: number;
  readonly #tailAge_ms_max: number;
  readonly #delay_ms: number;
  readonly #recorders: Recorders;
  readonly #digesting = new Encoder(4096);
  #digest: Uint8Array = NO_DIGEST;
  /** The append that is under way, or was last. */
  #appended: Promise<void> = Promise.resolve();
  #cutSince_ms: number;
  /** How many heard of the last commit. */
  #company = 0;
  /** The first append since opening is still to come, or under way. */
  #isFirst = true;
  /** A cut was due when that began: it comes with the next one, or as soon as nothing else is to be written. */
  #isCutPutOff = false;
  #writing: Promise<void> | null = null;
  #ageTimer: { cancel(): void } | null = null;
  #delayTimer: { cancel(): void } | null = null;

  constructor(options: EngineOptions, host: CommitHost, cutter: Cutter | null, recorders: Recorders) {
    this.#options = options;
    this.#host = host;
    this.#encoder = new Encoder(4096, null, (bytes) => host.messages.outside(bytes), host.names);
    this.#writer = new EntryWriter(this.#encoder, host.terms, host.messages);
    this.#platform = options.platform;
    this.#store = options.store;
    this.#cutter = cutter;
    this.#recorders = recorders;
    this.#tail_bytes_max = options.journal_tail_bytes_max ?? limits.journal_tail_bytes_max;
    this.#tailAge_ms_max = options.journal_tail_age_ms_max ?? limits.journal_tail_age_ms_max;
    this.#delay_ms = options.commit_delay_ms ?? limits.commit_delay_ms;
    this.#cutSince_ms = options.platform.clock.monotonic_ms();
  }

  /** Whether what follows from the commit under way is hashed, for a record or a replay of one. */
  get digests(): boolean {
    return this.#recorders.any || this.#options.replays === true;
  }

  /** Stamped on what is born in the current commit. */
  get serial(): number {
    return this.current.serial;
  }

  get full(): boolean {
    const { current } = this;
    return (
      current.turns >= COMMIT_TURNS_MAX ||
      current.data.length >= COMMIT_TURNS_MAX ||
      current.held_bytes >= limits.commit_ahead_bytes_max
    );
  }

  /** Nothing waits to be written or is being written. */
  get idle(): boolean {
    return !this.appending && this.current.empty;
  }

  /** No more timers; resolves when rows that are being written are. */
  async stop(): Promise<void> {
    this.#ageTimer?.cancel();
    this.#delayTimer?.cancel();
    if (this.#writing !== null) await this.#writing;
  }

  /**
   * As `flush`; but what nobody waits for is kept for a moment, when it is not much: what follows from it often makes
   * somebody wait, and what came and went in between costs no disk.
   */
  flushDue(): void {
    const { current } = this;
    if (this.#growsYet(current)) {
      current.isPutOff = true;
      this.#host.schedule();
      return;
    }
    if (current.awaited || this.#store === null || current.turns >= UNAWAITED_TURNS_MAX || this.#delay_ms === 0) {
      this.flush();
      return;
    }
    if (current.held_bytes >= limits.commit_delay_bytes_max) this.flush();
    if (this.current.empty || this.#delayTimer !== null) return;
    this.#delayTimer = this.#platform.timers.after(this.#delay_ms, () => {
      this.#delayTimer = null;
      if (this.#host.closed !== null) return;
      // When one is being written, its end asks for the next slice.
      this.current.awaited = true;
      this.#host.schedule();
    });
  }

  /** Whether others will come to it, as far as one can tell: once for each commit, and not when it is a round's worth. */
  #growsYet({ awaited, isPutOff, isRound }: Commit): boolean {
    if (!awaited || isPutOff || isRound || this.#store === null) return false;
    const isCompany = this.#company >= COMPANY_MIN && this.#company <= COMPANY_MAX;
    return isCompany && !this.appending && !this.full;
  }

  /** Starts writing the current commit, unless one is being written. */
  flush(): void {
    if (this.appending) return;
    const commit = this.current;
    if (commit.empty) return;
    if (commit.turns > 0) this.#host.beforeWrite();
    this.current = new Commit(commit.serial + 1);
    this.#company = commit.company;
    const store = this.#store;
    if (store === null || commit.turns === 0) {
      this.#letOut(commit);
      return;
    }
    const encoder = this.#encoder;
    encoder.reset();
    const header = this.#host.header();
    if (this.digests) this.#hash(commit, header);
    const beside_bytes = this.#writer.write(commit, header);
    this.#tell(commit, header);
    const entry_bytes = encoder.length;
    // Nobody recovers from what a replay would append. Until it is durable, nothing else is written there.
    const entry = this.#options.replays === true ? NO_ENTRY : encoder.view();
    const cutter = this.#cutter as Cutter;
    cutter.note(commit);
    // Only now is it known which channels must stay: those that this commit changed are marked.
    this.#host.channels.evict(this.#options.cache_bytes ?? limits.cache_bytes_default);
    this.tail_bytes += entry_bytes + beside_bytes;
    this.appending = true;
    this.counters.appended_bytes += entry_bytes;
    this.#commitBegan_ms = this.#platform.clock.monotonic_ms();
    this.#options.failpoint?.('append:before');
    if (this.#options.plant === 'acknowledge-before-sync') this.#letOut(commit);
    const blobs = this.#blobsOf(this.#options.plant);
    const appended = blobs === null ? this.#append(store, entry) : blobs.then(() => this.#append(store, entry));
    this.#appended = appended.then(
      () => {
        this.#options.failpoint?.('sync:after');
        this.appending = false;
        this.#isFirst = false;
        this.#noteWritten();
        this.last++;
        this.#recorders.durable();
        this.#options.failpoint?.('append:after');
        if (this.#options.plant !== 'acknowledge-before-sync') this.#letOut(commit);
        if (this.#host.closed !== null) return;
        this.#goOn();
        this.#host.schedule();
      },
      (error) => {
        this.appending = false;
        commit.lose(outcomeUnknown(error));
        this.#host.fail(error);
      },
    );
    this.#maybeCut(header);
  }

  /** The disk does not wait for those who were told just now to ask again. */
  #goOn(): void {
    if (!this.current.isRound) return;
    try {
      this.flush();
    } catch (error) {
      this.#host.fail(error);
    }
  }

  #hash(commit: Commit, header: EntryHeader): void {
    this.#digest = digestOf(commit, header, this.#digesting, (bytes) => this.#platform.hashing.sha256(bytes));
  }

  /** Those who record: what was written, and who comes after it. */
  #tell({ causes }: Commit, header: EntryHeader): void {
    const standing = (): Value => this.#host.standing();
    if (this.#recorders.any) {
      const written = this.#writer.causes;
      this.#recorders.commit({ header, causes, written, digest: this.#digest, standing });
    }
    this.#recorders.begin(header, standing);
  }

  /** For a replay: ends the commit as `flush` does, and brings the rows up to date when that is due. Its digest. */
  async redo(): Promise<Uint8Array> {
    this.flush();
    const digest = this.#digest;
    await this.#appended;
    for (const cutter = this.#cutter as Cutter; cutter.busy && this.#host.closed === null; ) {
      cutter.advance(Number.MAX_SAFE_INTEGER);
      this.advanceCut();
      await this.#writing;
    }
    return digest;
  }

  #noteWritten(): void {
    const now_ms = this.#platform.clock.monotonic_ms();
    this.counters.append.note(now_ms - this.#appendBegan_ms);
    this.counters.commit.note(now_ms - this.#commitBegan_ms);
  }

  #append(store: Store, entry: Uint8Array): Promise<void> {
    this.#appendBegan_ms = this.#platform.clock.monotonic_ms();
    const appended = store.journal.append(this.last, entry);
    this.#options.failpoint?.('sync:before');
    return appended;
  }

  /** What the entry names by hash must be durable before it. A bug that is planted gets time to show. */
  #blobsOf(plant: EngineOptions['plant']): Promise<unknown> | null {
    const blobs = this.#host.messages.takePending();
    if (plant !== 'acknowledge-before-sync' && plant !== 'rows-ahead') return blobs;
    return new Promise((resolve) => this.#platform.timers.after(PLANTED_DELAY_MS, () => resolve(blobs)));
  }

  #letOut(commit: Commit): void {
    const { failpoint } = this.#options;
    failpoint?.('acknowledge:before');
    commit.letOut();
    if (failpoint !== undefined) this.#platform.timers.soon(() => failpoint('acknowledge:after'));
  }

  /** Starts bringing rows up to date when the journal's tail is long or old. Called right after a flush. */
  #maybeCut(header: EntryHeader): void {
    const cutter = this.#cutter as Cutter;
    const { clock } = this.#platform;
    if (cutter.busy) {
      this.#cutLater();
      return;
    }
    const age_ms = clock.monotonic_ms() - this.#cutSince_ms;
    if (this.tail_bytes < this.#tail_bytes_max * CUT_SHARE && age_ms < this.#tailAge_ms_max) {
      this.#cutLater();
      return;
    }
    // What a crash has left is long at once. Whoever comes first waits for a file of the journal, which is made in many
    // steps, and must not wait for a slice of a cut between each two of them.
    if (this.#isFirst) this.#isCutPutOff = true;
    else this.#beginCut(header);
  }

  /** Looks again when the tail is old: nothing more may come that would ask for a cut. */
  #cutLater(): void {
    this.#ageTimer ??= this.#platform.timers.after(Math.max(1, this.#tailAge_ms_max), () => {
      this.#ageTimer = null;
      this.#cutWhenQuiet();
    });
  }

  #cutWhenQuiet(): void {
    const cutter = this.#cutter as Cutter;
    if (this.#host.closed !== null || this.tail_bytes === 0) return;
    if (cutter.busy || this.appending || !this.current.empty) {
      this.#cutLater();
      return;
    }
    this.#beginCut(this.#host.header());
    this.#host.schedule();
  }

  #beginCut(header: EntryHeader): void {
    const cutter = this.#cutter as Cutter;
    this.#isCutPutOff = false;
    this.tail_bytes = 0;
    this.#cutSince_ms = this.#platform.clock.monotonic_ms();
    cutter.begin(this.appending ? this.last + 1 : this.last, header, this.#host.terms.takeFresh());
  }

  /** A cut is under way, and more journal than is left for that has been written since it began. */
  get rowsBehind(): boolean {
    return this.tail_bytes >= this.#tail_bytes_max * (1 - CUT_SHARE) && (this.#cutter?.busy ?? false);
  }

  /** A share of the cut that keeps it ahead of what changes, within the time of a slice: somebody may be waiting. */
  #encodeSome(cutter: Cutter): void {
    if (this.rowsBehind) {
      cutter.advance(Number.MAX_SAFE_INTEGER);
      return;
    }
    const { clock } = this.#platform;
    const deadline_ms = clock.monotonic_ms() + (this.#options.yield_ms ?? limits.yield_ms);
    for (let left = Math.max(CUT_CHANNELS_A_SLICE, cutter.behind); left > 0; left -= CUT_CHANNELS_A_LOOK) {
      cutter.advance(CUT_CHANNELS_A_LOOK);
      if (!cutter.encoding || clock.monotonic_ms() >= deadline_ms) return;
    }
  }

  /** Goes on with the cut that is under way, or was put off, if there is one. */
  advanceCut(): void {
    const cutter = this.#cutter;
    if (cutter === null || this.#writing !== null) return;
    if (this.#isCutPutOff && !this.#isFirst && this.idle) this.#beginCut(this.#host.header());
    if (!cutter.busy) return;
    if (cutter.encoding) {
      this.#encodeSome(cutter);
      if (cutter.encoding) {
        this.#host.schedule();
        return;
      }
    }
    // The rows must never run ahead of the journal.
    if (cutter.entry > this.last && this.#options.plant !== 'rows-ahead') return;
    const store = this.#store as Store;
    this.#options.failpoint?.('rows:before');
    this.#writing = cutter
      .finish()
      .then(async () => {
        this.#options.failpoint?.('rows:after');
        this.#options.failpoint?.('truncate:before');
        await store.journal.drop(cutter.entry);
        this.#options.failpoint?.('truncate:after');
      })
      .then(
        () => {
          this.#writing = null;
          if (this.#host.closed === null) this.#host.schedule();
        },
        (error) => {
          this.#writing = null;
          this.#host.fail(error);
        },
      );
  }
}

export function outcomeUnknown(cause: unknown): PowerboxError {
  return new PowerboxError(
    'outcome_unknown',
    'storage failed while this was being written: it may or may not have happened',
    {
      hint: 'Open the space again and look.',
      cause,
    },
  );
}
