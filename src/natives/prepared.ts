/**
 * The node's half of a change that a host with a store of its own takes part in:
 *
 *   begun durable → the host prepares, and answers → finished durable, with the fact that it was prepared
 *   → finish, said until it is confirmed → the fact is gone
 *
 * The fact `prepared/<effect id>` is set in the turn of `finished`, by an answer that was prepared and by no other. So it
 * alone decides: what a host has prepared is finished where the fact stands, and dropped where it does not, unless
 * its answer is on its way into the journal. Owns that decision, and the repeating.
 */
import { limits } from '../limits.ts';
import type { Timers } from '../platform/index.ts';
import type { Engine } from '../space/index.ts';
import { Bytes, type Tuple, tuple, type Value } from '../values/index.ts';
import { PREPARED_PREFIX, preparedKey } from '../dispatch/index.ts';
import type { HostConnection } from './connection.ts';

/** What of a space its hosts need. */
export type HostFacts = Pick<Engine, 'fact' | 'facts' | 'enact' | 'register'>;

/** What the confirmation of a host does in its turn, also in a space that is only replayed. */
export function registerPreparedCauses(engine: Pick<Engine, 'register'>): void {
  engine.register('confirmed', (turn, { payload }) => {
    const [, , effect] = (payload as Tuple).items;
    turn.setFact(preparedKey((effect as Bytes).bytes), undefined);
  });
}

export class PreparedEffects {
  readonly #name: string;
  /** The natives of this host. */
  readonly #isOwn: (native: Value | undefined) => boolean;
  readonly #engine: HostFacts;
  readonly #timers: Timers;
  /** Answered as prepared, and not yet told how that ended: their facts are on their way, or never will be. */
  readonly #answered = new Set<string>();
  /** Told to finish, and not confirmed yet. */
  readonly #finishing = new Set<string>();
  /** Confirmed by the host before the space takes turns. */
  readonly #confirmed = new Set<string>();
  #connection: HostConnection | null = null;
  /** Whether the space takes causes. */
  #isStarted = false;
  #isClosed = false;

  constructor(name: string, isOwn: (native: Value | undefined) => boolean, engine: HostFacts, timers: Timers) {
    this.#name = name;
    this.#isOwn = isOwn;
    this.#engine = engine;
    this.#timers = timers;
  }

  /** Effects that are answered, and neither confirmed nor dropped. */
  get open(): number {
    return this.#answered.size + this.#finishing.size;
  }

  answered(effect: Uint8Array): void {
    this.#answered.add(keyOf(effect));
  }

  /** The host is there: what it has prepared is finished or dropped, before it is called again. */
  async connected(connection: HostConnection): Promise<void> {
    const { prepared } = connection.welcome;
    const listed = new Set(prepared.map(keyOf));
    for (const effect of prepared) {
      if (this.#answered.has(keyOf(effect))) continue;
      if (this.#isFinished(keyOf(effect))) await this.#finish(connection, effect);
      else await connection.request('drop', { effect: new Bytes(effect) });
    }
    // What it has no more was finished, and the word of it was lost.
    for (const [key, native] of this.#engine.facts(PREPARED_PREFIX)) {
      const hex = key.slice(PREPARED_PREFIX.length);
      if (this.#isOwn(native) && !listed.has(hex) && !this.#answered.has(hex)) this.#confirm(hex);
    }
    this.#connection = connection;
  }

  disconnected(): void {
    this.#connection = null;
  }

  /** The space takes causes from now on. */
  start(): void {
    this.#isStarted = true;
    for (const hex of this.#confirmed) this.#confirm(hex);
    this.#confirmed.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.#connection = null;
  }

  /** Their ends are durable, one way or the other. Said again at the next connection when this one is gone. */
  async forget(effects: readonly Uint8Array[]): Promise<void> {
    for (const effect of effects) {
      const hex = keyOf(effect);
      this.#answered.delete(hex);
      const connection = this.#connection;
      if (connection === null || !connection.welcome.store) continue;
      if (this.#isFinished(hex)) void this.#finish(connection, effect);
      else await connection.request('drop', { effect: new Bytes(effect) });
    }
  }

  #isFinished(hex: string): boolean {
    return this.#isOwn(this.#engine.fact(PREPARED_PREFIX + hex));
  }

  /** Until it is confirmed, or the connection is gone: an error answer ends nothing. */
  async #finish(connection: HostConnection, effect: Uint8Array): Promise<void> {
    this.#finishing.add(keyOf(effect));
    try {
      await this.#insist(connection, effect);
    } finally {
      this.#finishing.delete(keyOf(effect));
    }
  }

  async #insist(connection: HostConnection, effect: Uint8Array): Promise<void> {
    for (
      let delay_ms: number = limits.host_retry_ms_min;
      ;
      delay_ms = Math.min(delay_ms * 2, limits.host_retry_ms_max)
    ) {
      const reply = await connection.request('finish', { effect: new Bytes(effect) });
      if (reply.kind === 'gone') return;
      if (reply.kind === 'answer' && reply.fields.ok !== undefined) {
        this.#confirm(keyOf(effect));
        return;
      }
      await new Promise<void>((resolve) => void this.#timers.after(delay_ms, resolve));
      if (this.#isClosed) return;
    }
  }

  #confirm(hex: string): void {
    if (!this.#isStarted) {
      this.#confirmed.add(hex);
      return;
    }
    const cause = {
      kind: 'confirmed',
      payload: tuple(['transaction', this.#name, new Bytes(bytesOf(hex))]),
      account: 0,
    };
    // Where the space has closed, the next connection confirms it.
    this.#engine.enact(cause).catch(() => {});
  }
}

function keyOf(effect: Uint8Array): string {
  return preparedKey(effect).slice(PREPARED_PREFIX.length);
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
