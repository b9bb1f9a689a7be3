/**
 * Capabilities: by what right an object is called. A *grant* (`holder/name`) is one; every other is derived from one,
 * by a call of `restrict`, `readOnly`, `expire`, `count`, `within` or `revocable`, and can do no more than it. A derived
 * one is a durable fact that says from what, by which rule, who made it and who used it; what comes out of an object is
 * held by the capability of the call. Revoking one ends all that were derived from it.
 *
 * Owns the tree. Looks at no clock: what expires has ended when its timer has fired, and that is a cause.
 */
import type { Method } from '../../channels/index.ts';
import { limits } from '../limits.ts';
import type { Account, Engine, Turn } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';
import type { Failure } from './stderr.ts';

/** What a derived capability takes away. */
export type Rule =
  | { readonly kind: 'restrict'; readonly native: string; readonly methods: readonly string[] }
  | { readonly kind: 'readOnly' | 'revocable' }
  | { readonly kind: 'expire'; readonly due_ms: number }
  | { readonly kind: 'count'; readonly left: number }
  | { readonly kind: 'within'; readonly limit_ms: number }
  /** It holds only while this other one does, too. */
  | { readonly kind: 'through'; readonly cap: string };

export type Ended = 'revoked' | 'expired';

export interface Capability {
  readonly id: string;
  readonly parent: string;
  readonly rule: Rule;
  /** The deploy that made it. */
  readonly by: Account;
  /** Other deploys that have called by it, in the order of their first call. */
  readonly users: readonly Account[];
  readonly ended: Ended | null;
  /** Calls by it, or by one below it, with a lower number than this were cancelled. */
  readonly cancelled: number;
}

/** What holds for one call. */
export interface Admission {
  /** The least that its caller allows; null: nothing was said. */
  readonly limit_ms: number | null;
  /** Its calls are counted: `take` must be asked, in a turn. */
  readonly counted: boolean;
}

const CAP_PREFIX = 'cap/';
const REVOKED_PREFIX = 'revoked/';
/** No holder's name begins with it, so no grant is taken for a derived capability that is not there any more. */
const DERIVED = '~';

const FREE: Admission = { limit_ms: null, counted: false };

export class Capabilities {
  readonly #derived = new Map<string, Capability>();
  readonly #revokedGrants = new Set<string>();
  readonly #counts = new Map<Account, number>();
  readonly #expiring: (turn: Turn, capability: Capability) => void;

  /** `expiring` hears, in its turn, of each new one that ends by itself. */
  constructor(expiring: (turn: Turn, capability: Capability) => void) {
    this.#expiring = expiring;
  }

  /** Reads what earlier processes left. */
  attach(engine: Pick<Engine, 'facts'>): void {
    for (const [key, fact] of engine.facts(CAP_PREFIX)) this.#add(read(key.slice(CAP_PREFIX.length), fact));
    for (const [key] of engine.facts(REVOKED_PREFIX)) this.#revokedGrants.add(key.slice(REVOKED_PREFIX.length));
  }

  /** A fork that was applied has set this fact. */
  adopt(key: string, fact: Value | undefined): void {
    if (!key.startsWith(CAP_PREFIX) || fact === undefined) return;
    const capability = read(key.slice(CAP_PREFIX.length), fact);
    if (this.#derived.has(capability.id)) this.#derived.set(capability.id, capability);
    else this.#add(capability);
  }

  // ------------------------------------------------------------------ calls

  /** Whether this method of a native may be called by this capability, and within what. Methods of every object may always. */
  admit(cap: string, native: string, method: Method, universal: boolean, isCounted: boolean): Admission | Failure {
    if (!isDerived(cap)) return this.#revokedGrants.has(cap) ? revoked() : FREE;
    const found = { limit_ms: null as number | null, counted: false };
    const failure = this.#walk(cap, ({ rule }) => {
      switch (rule.kind) {
        case 'restrict':
          return universal || rule.native !== native || rule.methods.includes(method.name)
            ? null
            : notPermitted(`this channel was restricted to ${rule.methods.join(', ') || 'no method'}`);
        case 'readOnly':
          return method.effect === 'change' ? notPermitted('this channel was made for reading only') : null;
        case 'count':
          if (universal || isCounted) return null;
          found.counted = true;
          return rule.left > 0 ? null : usedUp();
        case 'within':
          found.limit_ms = Math.min(found.limit_ms ?? rule.limit_ms, rule.limit_ms);
          return null;
        default:
          return null;
      }
    });
    return failure ?? found;
  }

  /** Why nothing comes of it any more; null while it holds. Counts say only what may begin. */
  endedBy(cap: string): Failure | null {
    if (!isDerived(cap)) return this.#revokedGrants.has(cap) ? revoked() : null;
    return this.#walk(cap, () => null);
  }

  /** The least time that those who handed it on allow a call; null: nothing was said. */
  limitOf(cap: string): number | null {
    let limit_ms: number | null = null;
    this.#walk(cap, ({ rule }) => {
      if (rule.kind === 'within') limit_ms = Math.min(limit_ms ?? rule.limit_ms, rule.limit_ms);
      return null;
    });
    return limit_ms;
  }

  /** Takes one from every count on the way; a failure when one of them has none left, and then nothing was taken. */
  take(turn: Turn, cap: string): Failure | null {
    const counting: Capability[] = [];
    const failure = this.#walk(cap, (capability) => {
      const { rule } = capability;
      if (rule.kind !== 'count') return null;
      counting.push(capability);
      return rule.left > 0 ? null : usedUp();
    });
    if (failure !== null) return failure;
    for (const capability of new Set(counting)) {
      const { left } = capability.rule as Extract<Rule, { kind: 'count' }>;
      this.#write(turn, { ...capability, rule: { kind: 'count', left: left - 1 } });
    }
    return null;
  }

  /** Notes who calls by a derived capability that somebody else made. */
  used(turn: Turn, cap: string, account: Account): void {
    if (!isDerived(cap)) return;
    this.#walk(cap, (capability) => {
      const { by, users } = capability;
      if (by !== account && !users.includes(account) && users.length < limits.capability_users_max)
        this.#write(turn, { ...capability, users: [...users, account] });
      return null;
    });
  }

  // ------------------------------------------------------------------ the tree

  /** A new capability below `parent`: its id, or why there is none. */
  derive(turn: Turn, id: string, parent: string, rule: Rule, by: Account): string | Failure {
    const own = `${DERIVED}${id}`;
    if (this.#depth(parent) + (rule.kind === 'through' ? this.#depth(rule.cap) : 0) >= limits.capability_depth_max) {
      return quota(`a capability is derived at most ${limits.capability_depth_max} times`);
    }
    if ((this.#counts.get(by) ?? 0) >= limits.capabilities_max && !this.#dropEnded(turn, by)) {
      return quota(`this program has derived ${limits.capabilities_max} capabilities, and none of them has ended`);
    }
    const capability = this.#write(turn, { id: own, parent, rule, by, users: [], ended: null, cancelled: 0 });
    this.#add(capability);
    if (rule.kind === 'expire') this.#expiring(turn, capability);
    return own;
  }

  /** That of a grant, for whoever holds it only through another capability. One for each pair. */
  through(turn: Turn, grant: string, cap: string, by: Account): string | Failure {
    const id = `${cap}>${grant}`;
    const known = this.#derived.get(`${DERIVED}${id}`);
    return known === undefined ? this.derive(turn, id, grant, { kind: 'through', cap }, by) : known.id;
  }

  /** Ends one for good, and with it all that were derived from it. False: it has ended before. */
  end(turn: Turn, cap: string, ended: Ended): boolean {
    if (!isDerived(cap)) {
      if (this.#revokedGrants.has(cap)) return false;
      this.#revokedGrants.add(cap);
      turn.setFact(REVOKED_PREFIX + cap, true);
      return true;
    }
    const capability = this.#derived.get(cap);
    if (capability === undefined || capability.ended !== null) return false;
    this.#write(turn, { ...capability, ended });
    return true;
  }

  /** Calls that came before the one of this number are cancelled: those that are not answered never will be otherwise. */
  cancel(turn: Turn, cap: string, before: number): void {
    const capability = this.#derived.get(cap);
    if (capability !== undefined) this.#write(turn, { ...capability, cancelled: before });
  }

  /** Whether the call of this number was cancelled, by whoever holds a revoker above it. */
  isCancelled(cap: string, number: number): boolean {
    let found = false;
    this.#walk(cap, ({ cancelled: before }) => {
      found ||= number < before;
      return null;
    });
    return found;
  }

  /** A revoked grant holds again, and what was derived from it. */
  regrant(turn: Turn, grant: string): boolean {
    if (!this.#revokedGrants.delete(grant)) return false;
    turn.setFact(REVOKED_PREFIX + grant, undefined);
    return true;
  }

  /** Whether `cap` is `ancestor`, or was derived from it. */
  isBelow(cap: string, ancestor: string): boolean {
    for (let id = cap; ; ) {
      if (id === ancestor) return true;
      const capability = this.#derived.get(id);
      if (capability === undefined) return false;
      if (capability.rule.kind === 'through' && this.isBelow(capability.rule.cap, ancestor)) return true;
      id = capability.parent;
    }
  }

  /** The grant that a capability was derived from. */
  rootOf(cap: string): string {
    let id = cap;
    for (let found = this.#derived.get(id); found !== undefined; found = this.#derived.get(id)) id = found.parent;
    return isDerived(id) ? '' : id;
  }

  derived(): readonly Capability[] {
    return [...this.#derived.values()];
  }

  revokedGrants(): readonly string[] {
    return [...this.#revokedGrants];
  }

  get(cap: string): Capability | undefined {
    return this.#derived.get(cap);
  }

  // ------------------------------------------------------------------ inside

  /** From the capability up to its grant, and of each one that holds through another up to that one's grant. */
  #walk(cap: string, look: (capability: Capability) => Failure | null): Failure | null {
    let id = cap;
    while (isDerived(id)) {
      const capability = this.#derived.get(id);
      // One that is not there any more had ended before it was dropped.
      if (capability === undefined || capability.ended === 'revoked') return revoked();
      if (capability.ended === 'expired') return expired();
      const failure = look(capability);
      if (failure !== null) return failure;
      if (capability.rule.kind === 'through') {
        const other = this.#walk(capability.rule.cap, look);
        if (other !== null) return other;
      }
      id = capability.parent;
    }
    return this.#revokedGrants.has(id) ? revoked() : null;
  }

  #depth(cap: string): number {
    let depth = 0;
    for (let found = this.#derived.get(cap); found !== undefined; found = this.#derived.get(found.parent)) {
      depth++;
      if (found.rule.kind === 'through') depth += this.#depth(found.rule.cap);
    }
    return depth;
  }

  #add(capability: Capability): void {
    this.#derived.set(capability.id, capability);
    this.#counts.set(capability.by, (this.#counts.get(capability.by) ?? 0) + 1);
  }

  #write(turn: Turn, capability: Capability): Capability {
    if (this.#derived.has(capability.id)) this.#derived.set(capability.id, capability);
    turn.setFact(CAP_PREFIX + capability.id, write(capability));
    return capability;
  }

  /** Makes room: those of the account that have ended go, a tenth of what it may have. */
  #dropEnded(turn: Turn, by: Account): boolean {
    let left = limits.capabilities_max / 10;
    for (const capability of [...this.#derived.values()]) {
      if (capability.by !== by || !this.#hasEnded(capability)) continue;
      this.#derived.delete(capability.id);
      this.#counts.set(by, (this.#counts.get(by) ?? 1) - 1);
      turn.setFact(CAP_PREFIX + capability.id, undefined);
      if (--left <= 0) break;
    }
    return (this.#counts.get(by) ?? 0) < limits.capabilities_max;
  }

  /** For good: a revoked grant may be granted again. */
  #hasEnded({ ended, rule, parent }: Capability): boolean {
    if (ended !== null || (rule.kind === 'count' && rule.left === 0)) return true;
    if (!isDerived(parent)) return false;
    const above = this.#derived.get(parent);
    return above === undefined || this.#hasEnded(above);
  }
}

/** Whether a grant was revoked: as the facts say, also before they have been read. */
export function isRevoked(engine: Pick<Engine, 'fact'>, grant: string): boolean {
  return engine.fact(REVOKED_PREFIX + grant) !== undefined;
}

export function isFailure(found: Admission | Failure | string): found is Failure {
  return typeof found === 'object' && 'code' in found;
}

function isDerived(cap: string): boolean {
  return cap.startsWith(DERIVED);
}

// ---------------------------------------------------------------- as values

export function ruleValue(rule: Rule): Tuple {
  switch (rule.kind) {
    case 'restrict':
      return new Tuple([rule.kind, rule.native, new List(rule.methods)]);
    case 'expire':
      return new Tuple([rule.kind, rule.due_ms]);
    case 'count':
      return new Tuple([rule.kind, rule.left]);
    case 'within':
      return new Tuple([rule.kind, rule.limit_ms]);
    case 'through':
      return new Tuple([rule.kind, rule.cap]);
    default:
      return new Tuple([rule.kind]);
  }
}

export function readRule(value: Value): Rule {
  const [kind, first, second] = (value as Tuple).items as readonly [Rule['kind'], Value, Value];
  switch (kind) {
    case 'restrict':
      return { kind, native: first as string, methods: (second as List).items as readonly string[] };
    case 'expire':
      return { kind, due_ms: first as number };
    case 'count':
      return { kind, left: first as number };
    case 'within':
      return { kind, limit_ms: first as number };
    case 'through':
      return { kind, cap: first as string };
    default:
      return { kind };
  }
}

function write({ parent, rule, by, users, ended, cancelled: before }: Capability): Tuple {
  return new Tuple([parent, ruleValue(rule), by, new List(users), ended, ...(before > 0 ? [before] : [])]);
}

function read(id: string, fact: Value): Capability {
  const [parent, rule, by, users, ended, before = 0] = (fact as Tuple).items;
  return {
    id,
    parent: parent as string,
    rule: readRule(rule as Value),
    by: by as number,
    users: (users as List).items as readonly number[],
    ended: ended as Ended | null,
    cancelled: before as number,
  };
}

// ---------------------------------------------------------------- refusals

export function revoked(): Failure {
  return { code: 'revoked', message: 'the right to use this channel was taken back', hint: '' };
}

export function cancelled(): Failure {
  return { code: 'cancelled', message: 'the call was cancelled by whoever handed its channel on', hint: '' };
}

export function expired(): Failure {
  return { code: 'expired', message: 'the time for which this channel was given is over', hint: '' };
}

function usedUp(): Failure {
  return { code: 'expired', message: 'the calls for which this channel was given are used up', hint: '' };
}

function notPermitted(message: string): Failure {
  return { code: 'not_permitted', message, hint: '' };
}

function quota(message: string): Failure {
  return { code: 'quota_exceeded', message, hint: '' };
}
