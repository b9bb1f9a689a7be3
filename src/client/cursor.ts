/**
 * Where a program that may be killed writes down how far it came, so that its next run goes on with the same session.
 * Owns what stands in the store, and the deliveries for standing receives that the new run has not yet asked for. Must
 * never write an older state over a newer one.
 */
import { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';

/**
 * Keeps one text for one client: a file, an entry of `localStorage`. The text has the secret of the session, so it is
 * kept like a password; whoever has it and a token of the same holder can take the session over.
 */
export interface CursorStore {
  /** Null: there is none. */
  load(): string | null | Promise<string | null>;
  /** Resolves when it would survive the end of the program. */
  save(text: string): void | Promise<void>;
}

export interface SessionCursor {
  readonly session: number;
  readonly secret: Uint8Array;
  /** Everything up to this number was handled. */
  readonly handled: number;
  /** Standing receives by the name that the program gave them. */
  readonly requests: ReadonlyMap<string, number>;
}

export interface Orphan {
  readonly value: Value;
  readonly last: boolean;
  readonly handled: () => void;
}

const FORMAT = 1;

export class CursorKeeper {
  readonly #store: CursorStore | null;
  readonly #onFailure: (error: unknown) => void;
  #cursor: SessionCursor | null;
  readonly #orphans = new Map<number, Orphan[]>();
  /** The last write that was begun. */
  #saving: Promise<void> = Promise.resolve();
  #stale = false;
  #frozen = false;

  private constructor(store: CursorStore | null, cursor: SessionCursor | null, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#cursor = cursor;
    this.#onFailure = onFailure;
  }

  /** Rejects with `arguments_invalid` where something else stands in the store. */
  static async open(store: CursorStore | null, onFailure: (error: unknown) => void): Promise<CursorKeeper> {
    const text = store === null ? null : await store.load();
    return new CursorKeeper(store, text === null || text === '' ? null : readCursor(text), onFailure);
  }

  /** Whether this program means to be gone on with. */
  get kept(): boolean {
    return this.#store !== null;
  }

  get cursor(): SessionCursor | null {
    return this.#cursor;
  }

  /** A session is there: the one of the cursor, or another one, of which nothing is known yet. */
  connected(session: number, secret: Uint8Array, handled: number): void {
    const same = this.#cursor?.session === session;
    this.#cursor = { session, secret, handled, requests: same ? (this.#cursor?.requests ?? new Map()) : new Map() };
    if (!same) this.#orphans.clear();
    this.#saveSoon();
  }

  handled(number: number): void {
    if (this.#cursor === null) return;
    this.#cursor = { ...this.#cursor, handled: number };
    this.#saveSoon();
  }

  /** By which id a standing receive of this name was asked for. */
  idOf(name: string): number | undefined {
    return this.#cursor?.requests.get(name);
  }

  /** Resolves when the next run will know. */
  remember(name: string, id: number): Promise<void> {
    if (this.#cursor !== null) {
      this.#cursor = { ...this.#cursor, requests: new Map([...this.#cursor.requests, [name, id]]) };
    }
    return this.#save();
  }

  /** This run ends, and what it asked for does not: the next one goes on with it. */
  freeze(): void {
    this.#frozen = true;
  }

  /** The standing receive has ended. */
  drop(name: string): void {
    if (this.#frozen || this.#cursor === null || !this.#cursor.requests.has(name)) return;
    const requests = new Map(this.#cursor.requests);
    requests.delete(name);
    this.#cursor = { ...this.#cursor, requests };
    this.#saveSoon();
  }

  /** Whether deliveries of this request belong to a standing receive of an earlier run. */
  keeps(id: number): boolean {
    return [...(this.#cursor?.requests.values() ?? [])].includes(id);
  }

  orphan(id: number, orphan: Orphan): void {
    this.#orphans.set(id, [...(this.#orphans.get(id) ?? []), orphan]);
  }

  claim(id: number): readonly Orphan[] {
    const orphans = this.#orphans.get(id) ?? [];
    this.#orphans.delete(id);
    return orphans;
  }

  /** The session is over: the next run begins another one. */
  forget(): void {
    this.#cursor = null;
    this.#saveSoon();
  }

  /** When everything that was said before is in the store. */
  settled(): Promise<void> {
    return this.#saving;
  }

  #saveSoon(): void {
    if (this.#stale) return;
    this.#save().catch(this.#onFailure);
  }

  /** One write at a time, and each of the newest state: those that were asked for meanwhile are one. */
  #save(): Promise<void> {
    const store = this.#store;
    if (store === null) return Promise.resolve();
    if (this.#stale) return this.#saving;
    this.#stale = true;
    this.#saving = this.#saving
      .catch(() => {})
      .then(() => {
        this.#stale = false;
        return store.save(this.#cursor === null ? '' : writeCursor(this.#cursor));
      });
    return this.#saving;
  }
}

function writeCursor({ session, secret, handled, requests }: SessionCursor): string {
  const hex = Array.from(secret, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return JSON.stringify({ format: FORMAT, session, secret: hex, handled, requests: Object.fromEntries(requests) });
}

function readCursor(text: string): SessionCursor {
  const read = parse(text);
  const { format, session, secret, handled, requests } = read;
  const ids = typeof requests === 'object' && requests !== null ? Object.entries(requests) : [];
  if (
    format !== FORMAT ||
    !isCount(session) ||
    !isCount(handled) ||
    typeof secret !== 'string' ||
    !/^([0-9a-f]{2})*$/.test(secret) ||
    !ids.every((entry): entry is [string, number] => isCount(entry[1]))
  ) {
    throw new PowerboxError('arguments_invalid', 'what the cursor store holds is no cursor of this client', {
      hint: 'Give each client a store of its own; empty it to begin a new session.',
    });
  }
  const bytes = Uint8Array.from(secret.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return { session, secret: bytes, handled, requests: new Map(ids) };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isCount(thing: unknown): thing is number {
  return Number.isSafeInteger(thing) && (thing as number) >= 0;
}
