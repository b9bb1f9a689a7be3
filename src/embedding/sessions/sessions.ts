/**
 * The sessions of a space: who has one, what it is asked in turns, and what it lets out when that is durable. They are
 * part of the space, not of a service: they are found when it opens, their time goes on, and what their continuations
 * meet is kept for them, whether anybody serves them or not.
 *
 * Owns the facts of `keys.ts` and the causes `session…`; all that they do follows from their payloads and the space.
 */
import { isPowerboxError, PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Deploys } from '../../dispatch/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { Account, Cause, Fork, InlineRunner, SpaceEngine, SpaceHost, Task, Turn } from '../../space/index.ts';
import { Bytes, List, Tuple, type Value } from '../../values/index.ts';
import { Admission } from './admission.ts';
import { Answers } from './answers.ts';
import { type Due, DueTimes } from './due.ts';
import { errorOfReply, refusal } from './errors.ts';
import { type ForkAnswer, type RunFork, SessionForks } from './forks.ts';
import type { Holder } from './holder.ts';
import { Holdings } from './holdings.ts';
import { HOLDER_PREFIX, holderKey, markKey, NEWEST_KEY, requestKey, SESSION_PREFIX, sessionKey } from './keys.ts';
import { Performer } from './perform.ts';
import { Session } from './session.ts';
import { askedValue, readAsked, readStanding, standingValue } from './standing.ts';
import { unheld } from './step.ts';
import type { Asked } from './types.ts';
import { errorValue, type ForkRequest, readError } from '../../wire/index.ts';

export interface SessionsParts {
  readonly engine: SpaceEngine;
  readonly deploys: Deploys;
  readonly host: SpaceHost;
  readonly platform: Platform;
  readonly sealKey: Uint8Array;
  readonly isSystemPublic: () => boolean;
  /** Whether something of an account may still speak by itself. */
  readonly speaks: (account: Account) => boolean;
  /** Runs a query or an estimate; never called in a replay. */
  readonly runFork: RunFork;
  /** In the turn of a cause whose payload begins with `(mode, changes)`: the space takes over what a fork did. */
  readonly takeOver: (turn: Turn, payload: Value) => void;
}

/** A deploy that was made in a fork. */
interface Placed {
  readonly account: number;
  readonly name: string;
}

/** Requests of one session as one cause: `[session, now, handled, public, [asked, …]]`, with what it was made of. */
class AskedCause extends List {
  constructor(
    session: number,
    now_ms: number,
    handled: number,
    publicNames: boolean,
    readonly asked: readonly Asked[],
  ) {
    super([session, now_ms, handled, publicNames, new List(asked.map(askedValue))]);
  }
}

/** Milliseconds until what found no room for its turn asks again. */
const FORKED_RETRY_MS = 10;

/** What a request costs its turn, beside a message that is put on a channel. */
const REQUEST_WEIGHT = 2;

/** What a session of a commit has come to by the end of it. */
interface Mark {
  applied: number;
  next: number;
}

export class Sessions implements InlineRunner {
  readonly #parts: SessionsParts;
  readonly #sessions = new Map<number, Session>();
  readonly #holders = new Map<string, Holder>();
  readonly #performer: Performer;
  readonly #answers: Answers;
  readonly #due: DueTimes;
  readonly #forks: SessionForks;
  /** Whose facts are written with the next commit. */
  readonly #dirty = new Set<Session>();
  #stage = new Map<Session, Mark>();
  #stageCommit = -1;
  #newest = 0;

  constructor(parts: SessionsParts) {
    const { engine, deploys, host, platform, isSystemPublic, speaks, runFork } = parts;
    this.#parts = parts;
    this.#answers = new Answers(
      (turn, session) => this.#touch(turn, session),
      (session) => this.#overrun(session),
    );
    this.#due = new DueTimes(platform, (now_ms, due) => this.#fire(now_ms, due));
    this.#forks = new SessionForks(runFork, (session, request, answer) => this.#forked(session, request, answer));
    this.#performer = new Performer({
      engine,
      deploys,
      answers: this.#answers,
      admission: new Admission(isSystemPublic),
      due: ({ number }, id, due_ms) => this.#due.add({ due_ms, session: number, id }),
      leased: (lease) => host.arm(lease),
      speaks,
      forks: this.#forks,
    });
    engine.register('session-open', (turn, { payload }) => this.#opened(turn, payload));
    engine.register('session', (turn, { payload }) => this.#asked(turn, payload));
    engine.register('session-due', (turn, { payload }) => this.#isDue(turn, payload));
    engine.register('session-forked', (turn, cause) => this.#answeredFork(turn, cause));
    engine.register('session-atomic', (turn, { payload }) => this.#appliedFork(turn, payload));
    engine.register('session-end', (turn, { payload }) => this.#ended(turn, payload));
    engine.register('session-epoch', (turn, { payload }) => this.#renewed(turn, payload));
    engine.onBeforeWrite(() => this.#write());
    engine.onClose((error) => this.#closed(error));
    this.#read();
  }

  /** From now on what is due is. Said when the space moves. */
  start(): void {
    this.#due.start();
    for (const session of this.#sessions.values())
      for (const standing of session.allStanding()) if (standing.kind === 'fork') this.#forks.begin(session, standing);
  }

  // ------------------------------------------------------------------ who there is

  get count(): number {
    return this.#sessions.size;
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Undefined for one that never was, or has ended. */
  get(number: number): Session | undefined {
    return this.#sessions.get(number);
  }

  /** What a holder's clients were given; undefined before the first of its sessions. */
  holder(name: string): Holder | undefined {
    return this.#holders.get(name);
  }

  /** A new session. Rejects with `quota_exceeded` when there are too many. */
  open(holder: string, secret: Uint8Array, client: string): Promise<Session> {
    const known = this.#holders.get(holder);
    if (this.#sessions.size >= limits.sessions_max || (known?.sessions ?? 0) >= limits.sessions_holder_max)
      return Promise.reject(
        refusal('quota_exceeded', 'there are as many sessions as there may be', 'end those that are not needed'),
      );
    const { deploys, engine } = this.#parts;
    // Who pays for all of the holder's clients; made with the first of them.
    const request = { holder, name: 'clients', label: '', term: null };
    const account = known === undefined ? deploys.prepare(request).payload : null;
    const number = ++this.#newest;
    const payload = new Tuple([number, holder, new Bytes(this.#hash(secret)), client, account]);
    return engine.enact<Session>({ kind: 'session-open', payload, account: 0 });
  }

  /** The session that somebody says is theirs. Refused with `session_unknown`, whatever is wrong with it. */
  find(number: number, secret: Uint8Array, holder: string): Session {
    const session = this.#sessions.get(number);
    const isTheirs =
      session !== undefined && session.holder.name === holder && isSame(session.secretHash, this.#hash(secret));
    if (isTheirs) return session;
    throw refusal('session_unknown', `there is no session ${number} to go on with`, 'begin a new one');
  }

  // ------------------------------------------------------------------ what is asked

  /** Applies requests as one turn, and forgets deliveries that were handled. Resolves when that is durable. */
  ask(session: Session, asked: readonly Asked[], handled: number, publicNames: boolean): Promise<void> {
    const now_ms = Math.floor(this.#parts.platform.clock.now_ms());
    const payload = new AskedCause(session.number, now_ms, handled, publicNames, asked);
    const weight = REQUEST_WEIGHT * Math.max(1, asked.length);
    return this.#parts.engine.enact<void>({ kind: 'session', payload, account: session.holder.account, weight });
  }

  /**
   * What a program of this session did in a fork, with the answer to its request, in one turn. Refused before it with
   * `fork_conflict`, and where it cannot be this session's turn any more.
   */
  applyFork(session: Session, asked: Asked, fork: Fork, { account, name }: Placed): Promise<void> {
    const { id } = asked.request;
    const { engine } = this.#parts;
    const refuse = (): PowerboxError | null => {
      if (session.ended || id <= session.applied) return refusal('session_unknown', 'the session has ended');
      const { holdings } = session.holder;
      return asked.uses.every(({ row, rights }) => holdings.allows(row, rights)) ? null : unheld();
    };
    const causeOf = (changes: Value): { readonly kind: string; readonly payload: Value } => ({
      kind: 'session-atomic',
      payload: new Tuple(['atomic', changes, session.number, id, account, name]),
    });
    return engine.applyForkWith(fork, account, causeOf, refuse);
  }

  /** Ends a session: what waits for it is taken back, and what it was given is given up. False: it has ended before. */
  end(session: Session): Promise<boolean> {
    return this.#parts.engine.enact<boolean>({ kind: 'session-end', payload: session.number, account: 0 });
  }

  /** A new epoch of a holder: its sessions end, and every token that it ever had is nothing. */
  async renew(holder: string): Promise<void> {
    await this.#parts.engine.enact({ kind: 'session-epoch', payload: holder, account: 0 });
  }

  // ------------------------------------------------------------------ in turns

  run(task: Task, turn: Turn): void {
    const [number, id] = task.body.environment as readonly [number, number];
    const session = this.#sessions.get(number);
    const standing = session?.standing(id);
    // Whoever waited has gone; what came for it has come in vain.
    if (session === undefined || standing === undefined) return;
    this.#touch(turn, session);
    this.#performer.met(turn, session, standing, task);
  }

  /** Refused with `session_unknown` when it has ended. */
  #live(number: number): Session {
    const session = this.#sessions.get(number);
    if (session === undefined) throw refusal('session_unknown', 'the session has ended');
    return session;
  }

  #asked(turn: Turn, payload: Value): void {
    const [number, now_ms, handled, publicNames, list] = (payload as List).items as readonly [
      number,
      number,
      number,
      boolean,
      List,
    ];
    const session = this.#live(number);
    const asked = payload instanceof AskedCause ? payload.asked : list.items.map(readAsked);
    session.publicNames = publicNames;
    this.#touch(turn, session);
    session.acknowledge(handled);
    for (const one of asked) {
      const { id } = one.request;
      // Resent, or out of order: it was applied, or skipped, before.
      if (id <= session.applied) continue;
      session.applied = id;
      this.#performer.apply(turn, session, one, now_ms);
      if (session.ended) return;
    }
  }

  /** A query or an estimate has come to its end: whoever asked pays, whether they still wait or not. */
  #forked(session: Session, request: ForkRequest, answer: ForkAnswer): void {
    const { outcome, cost } = answer;
    const said = 'ok' in outcome ? [true, outcome.ok] : [false, errorValue(outcome.error)];
    const payload = new Tuple([request.kind, session.number, request.id, cost, ...said]);
    const cause = { kind: 'session-forked', payload, account: session.holder.account, mode: request.kind };
    this.#parts.engine.enact(cause).catch((error: unknown) => {
      // So many messages wait for their turn that this one must come again; a space that closes asks it again itself.
      if (isPowerboxError(error) && error.code === 'too_many_tasks')
        this.#parts.platform.timers.after(FORKED_RETRY_MS, () => this.#forked(session, request, answer));
    });
  }

  #answeredFork(turn: Turn, { payload, account }: Cause): void {
    const [, number, id, cost, ok, value] = (payload as Tuple).items as readonly [
      string,
      number,
      number,
      number,
      boolean,
      Value,
    ];
    this.#parts.engine.spend(account, cost);
    const session = this.#sessions.get(number);
    const standing = session?.standing(id);
    if (session === undefined || standing?.kind !== 'fork') return;
    this.#touch(turn, session);
    this.#performer.end(turn, session, standing, ok ? { ok: value } : { error: readError(value) });
  }

  #appliedFork(turn: Turn, payload: Value): void {
    this.#parts.takeOver(turn, payload);
    const [, , number, id, account, name] = (payload as Tuple).items as readonly [
      string,
      Value,
      number,
      number,
      number,
      string,
    ];
    // Whoever posts it has looked: no turn is between that and this one.
    const session = this.#live(number);
    this.#touch(turn, session);
    session.applied = id;
    this.#performer.placed(turn, session, id, { account, name });
  }

  #opened(turn: Turn, payload: Value): Session {
    const [number, name, hash, client, prepared] = (payload as Tuple).items as readonly [
      number,
      string,
      Bytes,
      string,
      Value,
    ];
    const session = new Session(number, this.#holderFor(turn, name, prepared), hash.bytes, client);
    this.#newest = Math.max(this.#newest, number);
    turn.setFact(NEWEST_KEY, this.#newest);
    turn.setFact(sessionKey(number), new Tuple([name, hash, client]));
    this.#add(session);
    return session;
  }

  #holderFor(turn: Turn, name: string, prepared: Value): Holder {
    const known = this.#holders.get(name);
    if (known !== undefined) return known;
    const { account } = this.#parts.deploys.place(turn, prepared, () => {});
    turn.setFact(holderKey(name), new Tuple([account, 1]));
    return this.#addHolder(name, account, 1);
  }

  #isDue(turn: Turn, payload: Value): void {
    const [now_ms, ...items] = (payload as List).items as readonly number[];
    for (let index = 0; index + 1 < items.length; index += 2) {
      const session = this.#sessions.get(items[index] as number);
      const standing = session?.standing(items[index + 1] as number);
      if (session === undefined || standing === undefined) continue;
      this.#touch(turn, session);
      this.#performer.expire(turn, session, standing, now_ms as number);
    }
  }

  #ended(turn: Turn, payload: Value): boolean {
    const session = this.#sessions.get(payload as number);
    if (session === undefined) return false;
    this.#drop(turn, session, refusal('session_unknown', 'the session has ended'));
    return true;
  }

  #renewed(turn: Turn, payload: Value): void {
    const name = payload as string;
    const holder = this.#holders.get(name);
    if (holder === undefined) return;
    const why = refusal('auth_failed', 'everything that this holder was given has been taken back');
    for (const session of [...this.#sessions.values()]) if (session.holder === holder) this.#drop(turn, session, why);
    const epoch = holder.epoch + 1;
    turn.setFact(holderKey(name), new Tuple([holder.account, epoch]));
    this.#addHolder(name, holder.account, epoch);
  }

  #drop(turn: Turn, session: Session, why: PowerboxError): void {
    const { number, holder } = session;
    for (const standing of session.allStanding()) {
      this.#performer.withdraw(session, standing);
      session.sit(standing.id);
      turn.setFact(requestKey(number, standing.id), undefined);
    }
    session.kept.dropAll((key, value) => turn.setFact(key, value));
    holder.holdings.releaseAll(turn, number);
    turn.setFact(markKey(number), undefined);
    turn.setFact(sessionKey(number), undefined);
    session.ended = true;
    this.#sessions.delete(number);
    this.#dirty.delete(session);
    holder.sessions--;
    turn.afterDurable(() => session.outlet?.ended(why));
  }

  // ------------------------------------------------------------------ what changes with a commit

  /** Something of a session changes in this turn: its facts are written once, and it is told once. */
  #touch(turn: Turn, session: Session): void {
    this.#dirty.add(session);
    const { commit } = this.#parts.engine;
    if (this.#stageCommit !== commit) {
      this.#stageCommit = commit;
      const stage = new Map<Session, Mark>();
      this.#stage = stage;
      turn.afterDurable(() => letOut(stage));
    }
    if (!this.#stage.has(session)) this.#stage.set(session, { applied: 0, next: 0 });
  }

  /** The commit is about to be written: what its turns have come to. */
  #write(): void {
    const { engine } = this.#parts;
    for (const [session, mark] of this.#stage) {
      mark.applied = session.applied;
      mark.next = session.next;
    }
    const setFact = (key: string, value: Value | undefined): void => engine.setFact(key, value);
    for (const session of this.#dirty) {
      const { number, applied, next, publicNames, handled } = session;
      engine.setFact(markKey(number), new Tuple([applied, next, publicNames, handled]));
      session.kept.write(handled, setFact);
      for (const id of session.takeChanged()) {
        const standing = session.standing(id);
        const key = requestKey(number, id);
        if (standing !== undefined) engine.setFact(key, standingValue(standing));
        else if (engine.fact(key) !== undefined) engine.setFact(key, undefined);
      }
    }
    this.#dirty.clear();
  }

  /** Its client does not acknowledge what it gets, and it is as much as may be kept. */
  #overrun(session: Session): void {
    if (session.ended || session.overrun) return;
    session.overrun = true;
    this.end(session).catch(() => {
      // No room for the turn, and the next delivery asks again; or the space closes, and the session is found in it.
      session.overrun = false;
    });
  }

  #fire(now_ms: number, due: readonly Due[]): void {
    const items = due.filter(({ session, id }) => this.#sessions.get(session)?.standing(id) !== undefined);
    if (items.length === 0) return;
    const payload = new List([now_ms, ...items.flatMap(({ session, id }) => [session, id])]);
    this.#parts.engine.enact({ kind: 'session-due', payload, account: 0 }).catch((error: unknown) => {
      // So many messages wait for their turn that this one must come again.
      if (isPowerboxError(error) && error.code === 'too_many_tasks') for (const one of items) this.#due.add(one);
    });
  }

  // ------------------------------------------------------------------ what is found

  #read(): void {
    const { engine } = this.#parts;
    this.#newest = (engine.fact(NEWEST_KEY) as number | undefined) ?? 0;
    for (const [key, fact] of engine.facts(HOLDER_PREFIX)) {
      const [account, epoch] = (fact as Tuple).items as readonly [number, number];
      this.#addHolder(key.slice(HOLDER_PREFIX.length), account, epoch);
    }
    const found = new Map<Session, { deliveries: [number, Value][]; standing: Value[] }>();
    // In key order the fact of a session comes before those below it.
    for (const [key, fact] of engine.facts(SESSION_PREFIX)) {
      const [, number, part] = key.split('/') as [string, string, string | undefined];
      if (part === undefined) {
        const [name, hash, client] = (fact as Tuple).items as readonly [string, Bytes, string];
        const session = new Session(Number(number), this.#holders.get(name) as Holder, hash.bytes, client);
        this.#add(session);
        found.set(session, { deliveries: [], standing: [] });
        continue;
      }
      const session = this.#sessions.get(Number(number)) as Session;
      const lists = found.get(session) as { deliveries: [number, Value][]; standing: Value[] };
      switch (part[0]) {
        case 'm': {
          const [applied, next, publicNames, handled] = (fact as Tuple).items as readonly [
            number,
            number,
            boolean,
            number,
          ];
          session.applied = session.received = session.durableApplied = applied;
          session.next = session.durableNext = next;
          session.publicNames = publicNames;
          session.handled = handled;
          break;
        }
        case 'd':
          lists.deliveries.push([Number(part.slice(1)), fact]);
          break;
        case 'r':
          lists.standing.push(fact);
          break;
        default:
          session.holder.holdings.found(session.number, part.slice(1), fact);
      }
    }
    for (const [session, lists] of found) this.#restore(session, lists);
  }

  #restore(session: Session, found: { deliveries: [number, Value][]; standing: Value[] }): void {
    for (const [first, fact] of found.deliveries.sort(([left], [right]) => left - right))
      for (const [number, made] of session.kept.found(first, fact))
        if (number > session.handled) this.#answers.restore(session, number, made, errorOfReply);
    const standing = found.standing.map((fact) => readStanding(fact, (id) => session.outcome(id) !== undefined));
    for (const one of standing.sort((left, right) => left.id - right.id)) {
      session.stand(one);
      if (one.kind === 'deferred') for (const id of one.waitsFor) session.awaits(id, one);
      else if (one.due_ms !== null) this.#due.add({ due_ms: one.due_ms, session: session.number, id: one.id });
    }
    for (const _ of session.takeChanged()) {
      // Their facts are there.
    }
  }

  #add(session: Session): void {
    this.#sessions.set(session.number, session);
    session.holder.sessions++;
  }

  #addHolder(name: string, account: number, epoch: number): Holder {
    const { sealKey, platform } = this.#parts;
    const holdings = new Holdings(name, epoch, sealKey, platform.hashing);
    const holder: Holder = { name, account, epoch, holdings, sessions: 0 };
    this.#holders.set(name, holder);
    return holder;
  }

  #hash(secret: Uint8Array): Uint8Array {
    return this.#parts.platform.hashing.sha256(secret);
  }

  #closed(error: Error): void {
    this.#due.stop();
    this.#forks.close();
    const why = isPowerboxError(error) ? error : new PowerboxError('space_closed', 'the space is closed');
    for (const session of this.#sessions.values()) session.outlet?.ended(why);
  }
}

/** The commit is durable: what its turns have come to may be sent. */
function letOut(stage: ReadonlyMap<Session, Mark>): void {
  for (const [session, { applied, next }] of stage) {
    session.durableApplied = Math.max(session.durableApplied, applied);
    session.durableNext = Math.max(session.durableNext, next);
    session.outlet?.moved();
  }
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index++) difference |= (left[index] as number) ^ (right[index] ?? 0);
  return difference === 0;
}
