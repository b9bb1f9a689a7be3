/**
 * What a holder was given: for each name (or bundle around another value) a row, with the rights that went with it and
 * the sessions that it was given to. A token is accepted only while there is such a row: it goes when the last session
 * that has it releases it or ends, and all go with the epoch. Rows are facts of the sessions,
 * `ws/<session>/h<id>` = `(value, rights)`; what they add up to is kept here, and tokens are kept once made or read.
 */
import { type Opened, powerboxFact, TokenRight, Tokens } from '../../capability/index.ts';
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Hashing } from '../../platform/index.ts';
import type { Turn } from '../../space/index.ts';
import { Bundle, bundle, encodeValue, Kind, Name, sameName, Tuple, type Value } from '../../values/index.ts';
import { WireExtension } from '../../wire/index.ts';
import { heldKey } from './keys.ts';

/** A token as it is written into a message. */
export interface Sealed {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** What a session has of one thing. */
interface Claim {
  /** Bit `1 << rights` for each set of rights that it was given. */
  given: number;
  /** Number of the newest delivery that brought it. */
  delivered: number;
}

/** One thing that a holder was given. */
export interface Held {
  /** Of the row; unique in the space, and never used again. */
  readonly id: string;
  /** Without the bundle. */
  readonly body: Value;
  readonly bytes: Uint8Array;
  /** By session. */
  readonly claims: Map<number, Claim>;
  readonly sealed: (Sealed | undefined)[];
  readonly values: (Value | undefined)[];
}

/** A token that came, and what it stands for. */
export interface Use {
  readonly held: Held;
  readonly rights: number;
  readonly value: Value;
}

/** The row of a holder's powerbox, which every session has as long as the holder has one. */
export const POWERBOX_ROW = 'powerbox';
const EVERY_SESSION = 0;

const { Read, Write } = TokenRight;

export class Holdings {
  readonly holder: string;
  readonly #hashing: Hashing;
  readonly #tokens: Tokens;
  readonly #rows = new Map<string, Held>();
  readonly #byName = new WeakMap<Name, Held>();
  readonly #byBytes = new Map<string, Held>();
  readonly #byToken = new Map<string, Use>();
  #lastTask = -1;
  #made = 0;

  constructor(holder: string, epoch: number, sealKey: Uint8Array, hashing: Hashing) {
    this.holder = holder;
    this.#hashing = hashing;
    this.#tokens = new Tokens(sealKey, holder, epoch);
  }

  get count(): number {
    return this.#rows.size;
  }

  /**
   * The token of a name or bundle, given to this session from now on. Throws `quota_exceeded` when it has too many.
   * Without a turn it was given before, in a turn of an earlier process.
   */
  give(turn: Turn | null, session: number, value: Name | Bundle, delivery: number): Sealed {
    const rights = rightsOf(value);
    const body = bodyOf(value);
    const isPowerbox = turn !== null && this.#isPowerbox(turn, body);
    let held = this.#heldOf(value);
    if (held === undefined) {
      // It was released since: its token is written as it was, and is refused. Or it is the powerbox, which needs no row.
      if (turn === null || isPowerbox) return this.#seal(transient(body, this.#bytesOf(body)), rights);
      held = this.#add(this.#nextId(turn), body);
    }
    if (!isPowerbox && !held.claims.has(EVERY_SESSION)) {
      const bit = 1 << rights;
      const claim = held.claims.get(session) ?? { given: 0, delivered: 0 };
      if (turn !== null && (claim.given & bit) === 0) {
        claim.given |= bit;
        held.claims.set(session, claim);
        turn.setFact(heldKey(session, held.id), new Tuple([held.body, claim.given]));
      }
      claim.delivered = Math.max(claim.delivered, delivery);
    }
    return this.#seal(held, rights);
  }

  /** By the facts, for a turn must not hang on whether a client has come for it in this process. */
  #isPowerbox(turn: Turn, body: Value): boolean {
    if (!(body instanceof Name)) return false;
    const name = turn.fact(powerboxFact(this.holder));
    return name instanceof Name && sameName(name, body);
  }

  /** The holder's powerbox, which needs no row. */
  powerbox(value: Value): Sealed {
    if (!(value instanceof Bundle)) throw new PowerboxError('bad_request', 'a powerbox is a bundle');
    const held = this.#heldOf(value) ?? this.#add(POWERBOX_ROW, value.body);
    held.claims.set(EVERY_SESSION, { given: 1 << rightsOf(value), delivered: 0 });
    return this.#seal(held, rightsOf(value));
  }

  /** What a token stands for; null: it was never given, or does not hold any more. */
  find(token: Uint8Array): Use | null {
    const key = textOf(token);
    const known = this.#byToken.get(key);
    if (known !== undefined) return this.#holds(known) ? known : null;
    const opened = this.#tokens.open(token);
    if (opened === null) return null;
    const held = this.#byBytes.get(textOf(opened.bytes) + suffixOf(opened.rights));
    if (held === undefined) return null;
    const use = this.#useOf(held, opened);
    if (!this.#holds(use)) return null;
    this.#byToken.set(key, use);
    return use;
  }

  /** Whether a row still allows what it did when a request that uses it came. */
  allows(id: string, rights: number): boolean {
    if (id === POWERBOX_ROW) return true;
    const held = this.#rows.get(id);
    return held !== undefined && given(held, rights);
  }

  /**
   * What a session gives up: these rights of a row. Not those that came again in a delivery that its client had not
   * handled when it said so.
   */
  release(turn: Turn, session: number, { held, rights }: Pick<Use, 'held' | 'rights'>, handled: number): void {
    const claim = held.claims.get(session);
    if (claim === undefined || claim.delivered > handled) return;
    claim.given &= ~(1 << rights);
    if (claim.given === 0) this.#drop(turn, session, held);
    else turn.setFact(heldKey(session, held.id), new Tuple([held.body, claim.given]));
  }

  /** A row of this id, for a cause that names it. */
  row(id: string): Held | undefined {
    return this.#rows.get(id);
  }

  /** A session ends, and with it all that it was given. */
  releaseAll(turn: Turn, session: number): void {
    for (const held of [...this.#rows.values()]) if (held.claims.has(session)) this.#drop(turn, session, held);
  }

  /** A row that an earlier process left. */
  found(session: number, id: string, fact: Value): void {
    const [body, rights] = (fact as Tuple).items as readonly [Value, number];
    const held = this.#rows.get(id) ?? this.#add(id, body);
    held.claims.set(session, { given: rights, delivered: 0 });
  }

  // ------------------------------------------------------------------ inside

  #holds({ held, rights }: Use): boolean {
    return given(held, rights);
  }

  #heldOf(value: Name | Bundle): Held | undefined {
    const body = bodyOf(value);
    if (!(body instanceof Name)) return this.#byBytes.get(`${textOf(this.#digest(body))}v`);
    const known = this.#byName.get(body);
    if (known !== undefined && this.#rows.get(known.id) === known) return known;
    const found = this.#byBytes.get(`${textOf(body.bytes)}n`);
    if (found !== undefined) this.#byName.set(body, found);
    return found;
  }

  #add(id: string, body: Value): Held {
    if (this.#rows.size >= limits.session_capabilities_max)
      throw new PowerboxError('quota_exceeded', `a holder is given at most ${limits.session_capabilities_max} names`, {
        hint: 'release those that are not needed any more',
      });
    const bytes = this.#bytesOf(body);
    const held: Held = { id, body, bytes, claims: new Map(), sealed: [], values: [] };
    this.#rows.set(id, held);
    this.#byBytes.set(`${textOf(bytes)}${body instanceof Name ? 'n' : 'v'}`, held);
    if (body instanceof Name) this.#byName.set(body, held);
    return held;
  }

  #drop(turn: Turn, session: number, held: Held): void {
    held.claims.delete(session);
    turn.setFact(heldKey(session, held.id), undefined);
    if (held.claims.size > 0) return;
    this.#rows.delete(held.id);
    this.#byBytes.delete(`${textOf(held.bytes)}${held.body instanceof Name ? 'n' : 'v'}`);
    // A name may live long after this, and would hold what it was given for.
    if (held.body instanceof Name) this.#byName.delete(held.body);
    for (const sealed of held.sealed) if (sealed !== undefined) this.#byToken.delete(textOf(sealed.payload));
  }

  #seal(held: Held, rights: number): Sealed {
    const known = held.sealed[rights];
    if (known !== undefined) return known;
    const flags = rights | (held.body instanceof Name ? 0 : TokenRight.Value);
    const payload = this.#tokens.seal(held.bytes, flags);
    const sealed = { type: WireExtension.Capability, payload };
    held.sealed[rights] = sealed;
    if (held.id !== '') this.#byToken.set(textOf(payload), this.#useOf(held, { rights: flags, bytes: held.bytes }));
    return sealed;
  }

  #useOf(held: Held, { rights: flags }: Opened): Use {
    const rights = flags & (Read | Write);
    held.values[rights] ??=
      rights === (Read | Write) ? held.body : bundle(held.body, (rights & Read) !== 0, (rights & Write) !== 0);
    return { held, rights, value: held.values[rights] as Value };
  }

  #bytesOf(body: Value): Uint8Array {
    return body instanceof Name ? body.bytes : this.#digest(body);
  }

  /** What stands for a value that is no name. */
  #digest(body: Value): Uint8Array {
    return this.#hashing.sha256(encodeValue(new Tuple(['capability', body])));
  }

  /** Turns have numbers that are never used again, so ids made of them are not, either. */
  #nextId(turn: Turn): string {
    if (this.#lastTask !== turn.task) {
      this.#lastTask = turn.task;
      this.#made = 0;
    }
    const index = this.#made++;
    return index === 0 ? `${turn.task}` : `${turn.task}.${index}`;
  }
}

function transient(body: Value, bytes: Uint8Array): Held {
  return { id: '', body, bytes, claims: new Map(), sealed: [], values: [] };
}

function given({ claims }: Held, rights: number): boolean {
  const bit = 1 << rights;
  for (const claim of claims.values()) if ((claim.given & bit) !== 0) return true;
  return false;
}

function bodyOf(value: Name | Bundle): Value {
  return value instanceof Bundle ? value.body : value;
}

function rightsOf(value: Name | Bundle): number {
  if (value.kind === Kind.Name) return Read | Write;
  return (value.read ? Read : 0) | (value.write ? Write : 0);
}

function suffixOf(flags: number): string {
  return (flags & TokenRight.Value) === 0 ? 'n' : 'v';
}

/** Bytes as the key of a map. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
