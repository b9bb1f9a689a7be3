/**
 * Taking back: what ends with a capability, and when. A revoker's word, an operator's and the end of a time come
 * together here: the capability ends in a turn, so do the sources below it, and calls under way are cut off once that is
 * durable. Owns the timers of capabilities that expire.
 */
import type { Native } from '../../channels/index.ts';
import type { NumberMap } from '../platform/index.ts';
import type { Turn } from '../space/index.ts';
import type { Tuple } from '../values/index.ts';
import { cancelled, expired, revoked, type Capabilities, type Capability, type Ended } from './capabilities.ts';
import { Expiry } from './expiry.ts';
import { insist, recordOf, type JobContext, type OutsideWork } from './job.ts';
import type { SourceRecord } from './source-record.ts';
import type { Sources } from './sources.ts';
import type { Failure } from './stderr.ts';
import type { DispatcherPlatform } from './types.ts';

export class TakingBack {
  readonly #capabilities: Capabilities;
  readonly #sources: Sources;
  readonly #work: Pick<NumberMap<OutsideWork>, 'values'>;
  readonly #natives: () => Iterable<Native>;
  readonly #expiry: Expiry;
  #context: JobContext | null = null;

  constructor(
    platform: DispatcherPlatform,
    capabilities: Capabilities,
    sources: Sources,
    work: Pick<NumberMap<OutsideWork>, 'values'>,
    natives: () => Iterable<Native>,
  ) {
    this.#capabilities = capabilities;
    this.#sources = sources;
    this.#work = work;
    this.#natives = natives;
    this.#expiry = new Expiry(platform, capabilities, (made) => this.#expire(made));
  }

  attach(context: JobContext): void {
    this.#context = context;
    context.engine.register('expired', (turn, { payload }) => {
      const [, id] = (payload as Tuple).items;
      return this.end(turn, id as string, 'expired');
    });
  }

  /** Time goes on: said once, when the space moves. */
  start(): void {
    this.#expiry.start();
  }

  stop(): void {
    this.#expiry.stop();
  }

  /** One that ends by itself has been made, and is durable. */
  expect(made: Capability): void {
    this.#expiry.expect(made);
  }

  /** What a revoker is asked for, by the call of this number. */
  command(turn: Turn, method: string, cap: string, number: number): void {
    if (method === 'revoke') {
      this.end(turn, cap, 'revoked');
      return;
    }
    // It stands for calls that came before this one, also where the process ends before they have been answered.
    this.#capabilities.cancel(turn, cap, number);
    this.#cutBelow(turn, cap, cancelled(), number);
    // A reply that comes later is a call under way; any other source is a thing that was handed out.
    this.#endSources(turn, cap, cancelled(), ({ replies }) => replies);
  }

  /** Ends a capability, or a grant, and all that were derived from it. False: it had ended before. */
  end(turn: Turn, cap: string, ended: Ended): boolean {
    if (!this.#capabilities.end(turn, cap, ended)) return false;
    const failure = ended === 'revoked' ? revoked() : expired();
    this.#endSources(turn, cap, failure, () => true);
    this.#cutBelow(turn, cap, failure, Number.POSITIVE_INFINITY);
    turn.afterDurable(() => this.#tellNatives(cap, failure));
    return true;
  }

  /** Its time is over: that is a cause, for no turn has a clock. */
  #expire({ id, by }: Capability): void {
    const cause = { kind: 'expired', payload: recordOf([id]), account: by };
    const context = this.#context;
    if (context === null || context.stopped) return;
    // A space that closes meanwhile finds it again when it opens.
    insist(context, () => context.engine.enact(cause)).catch(() => {});
  }

  #endSources(turn: Turn, cap: string, failure: Failure, which: (source: SourceRecord) => boolean): void {
    for (const source of this.#sources.records())
      if (which(source) && this.#capabilities.isBelow(source.cap, cap)) this.#sources.end(turn, source.id, failure);
  }

  #cutBelow(turn: Turn, cap: string, failure: Failure, before: number): void {
    turn.afterDurable(() => {
      for (const work of this.#work.values())
        if (work.cap !== null && work.asked < before && this.#capabilities.isBelow(work.cap, cap)) work.cut(failure);
    });
  }

  /** What is open in this process and was opened by it closes; it is the business of each native to know what that is. */
  #tellNatives(cap: string, { code, message }: Failure): void {
    const isBelow = (one: string): boolean => this.#capabilities.isBelow(one, cap);
    for (const native of this.#natives()) {
      try {
        native.ended?.(isBelow, { code, message });
      } catch {
        if (this.#context !== null) this.#context.counts.thrown++;
      }
    }
  }
}
