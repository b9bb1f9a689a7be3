/**
 * Deploys: programs given to a space to run. Each is an account, and one durable fact `deploy/<account>` says
 * whose it is. Owns the numbering of accounts; must never give a number twice, nor number 0, the space's own.
 *
 * Of programs that clients started the newest stay on record (`client_deploys_kept`), and those that are not at rest. What
 * else is known of an account follows from its number, see `client-accounts.ts`.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { lowerBound } from '../platform/index.ts';
import type { Account, Body, Engine, TermReference, Turn, Span } from '../space/index.ts';
import { Bytes, List, Tuple, type Value } from '../values/index.ts';
import { clientsOf, programAccount, programOf } from './client-accounts.ts';
import { foldFailures } from './failures.ts';
import { recordOf } from './job.ts';

/** `running` until whoever owns the deploy says that it has ended. */
export type DeployState = 'running' | 'ended';

export interface Deploy {
  readonly account: Account;
  readonly holder: string;
  /** What the holder calls it; a file's name, often. */
  readonly name: string;
  /** Of its term; empty when its label needs no code. */
  readonly termHash: Uint8Array;
  readonly state: DeployState;
}

/** The first task of a deploy: what will run, and with what in hand. */
export interface DeployRequest {
  /** One that was reserved; default: the next. */
  readonly account?: Account;
  /** The account of the clients of that holder, when they start it. */
  readonly clients?: Account | undefined;
  readonly holder: string;
  readonly name: string;
  readonly label: string;
  readonly term: Value | null;
  readonly place?: number;
  readonly environment?: readonly Value[];
  readonly captures?: readonly Value[];
  /** Key of a fact that this deploy sets; one that is set already refuses it with `bad_request`. */
  readonly once?: string;
  /** The deploy in whose place this one starts: it has set `once`, and has ended from that turn on. */
  readonly replaces?: Account;
  /** Where it is followed; never in the record. */
  readonly span?: Span | null;
  /** Other facts of the same turn, by key. */
  readonly notes?: readonly (readonly [key: string, value: Value])[];
}

/** Facts of deploys: this, and the account. */
export const DEPLOY_PREFIX = 'deploy/';
const PREFIX = DEPLOY_PREFIX;
/** `deploys/<account of clients>`: which of their programs is looked at next, once some are old. */
const LOOK_PREFIX = 'deploys/';
/** Old programs that are looked at when a new one comes: more than one, so that those at rest become fewer. */
const LOOKS = 2;
const NO_HASH = new Uint8Array(0);

export class Deploys {
  readonly #engine: Engine;
  #last: Account;
  /** Accounts of programs that clients started and that are on record, ascending, by the account of the clients. */
  readonly #programs = new Map<Account, Account[]>();
  /** The newest number that was given to a program of clients. */
  readonly #newest = new Map<Account, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#last = 0;
    for (const { account } of this.list()) {
      const clients = clientsOf(account);
      if (clients === null) this.#last = Math.max(this.#last, account);
      else this.#programsOf(clients).push(account);
    }
    engine.register('deploy', (turn, { payload }) =>
      this.place(turn, payload, (_account, body, captures) => turn.spawn(body, captures)),
    );
    engine.register('deploy-state', (turn, { payload }) => stated(turn, payload));
  }

  /** A number for a deploy that starts in a fork: no other gets it in this process, whatever becomes of the fork. */
  reserve(clients?: Account): Account {
    if (clients === undefined) return ++this.#last;
    const newest = this.#programsOf(clients).at(-1);
    const program = 1 + Math.max(this.#newest.get(clients) ?? 0, newest === undefined ? 0 : programOf(newest));
    this.#newest.set(clients, program);
    return programAccount(clients, program) ?? ++this.#last;
  }

  #programsOf(clients: Account): Account[] {
    let programs = this.#programs.get(clients);
    if (programs === undefined) {
      programs = [];
      this.#programs.set(clients, programs);
    }
    return programs;
  }

  /** Resolves with the deploy once its account and first task are durable. */
  async start(request: DeployRequest): Promise<Deploy> {
    const { account, payload } = this.prepare(request);
    return this.#engine.enact<Deploy>({ kind: 'deploy', payload, account, span: request.span ?? null });
  }

  /** In a turn, what was prepared: its account, the facts beside it, and its first task by `spawn`. */
  place(turn: Turn, payload: Value, spawn: (account: Account, body: Body, captures: readonly Value[]) => void): Deploy {
    return started(turn, payload, spawn);
  }

  /** A deploy that is about to be placed, as a cause holds it. Its number is nobody else's from now on. */
  prepare(request: DeployRequest): { readonly account: Account; readonly payload: Value } {
    const { clients, account = this.reserve(clients) } = request;
    const {
      holder,
      name,
      label,
      term,
      place = 0,
      environment = [],
      captures = [],
      once,
      replaces,
      notes = [],
    } = request;
    const payload = recordOf([
      account,
      holder,
      name,
      label,
      new List(term === null ? [] : [term]),
      place,
      new List(environment),
      new List(captures),
      new List([...(once === undefined ? [] : [once]), ...(replaces === undefined ? [] : [replaces])]),
      new List(notes.map(([key, value]) => new List([key, value]))),
    ]);
    return { account, payload };
  }

  /** Says that the deploy has ended; its data, if any, stay. */
  async end(account: Account): Promise<void> {
    const payload = recordOf([account, 'ended']);
    const found = await this.#engine.enact<boolean>({ kind: 'deploy-state', payload, account });
    if (!found) throw new PowerboxError('bad_request', `there is no deploy ${account}`);
  }

  /**
   * In the turn in which a program of clients has got its place: old ones of theirs that are at rest go from the record.
   * `retire` gives up what else is kept of an account, and answers false, and nothing has changed, where it is not at rest.
   * What is dropped follows from the facts and the tasks alone, so a replay drops the same.
   */
  trim(turn: Turn, account: Account, retire: (account: Account) => boolean): void {
    const clients = clientsOf(account);
    if (clients === null) return;
    const programs = this.#programsOf(clients);
    const place = placeOf(programs, account);
    if (programs[place] !== account) programs.splice(place, 0, account);
    if (programs.length <= limits.client_deploys_kept) return;
    const key = LOOK_PREFIX + clients;
    let at = placeOf(programs, (turn.fact(key) as Account | undefined) ?? 0);
    for (let look = 0; look < LOOKS; look++) {
      const old = programs.length - limits.client_deploys_kept;
      if (old <= 0) break;
      if (at >= old) at = 0;
      const next = programs[at] as Account;
      if (!retire(next)) {
        at++;
        continue;
      }
      programs.splice(at, 1);
      turn.setFact(PREFIX + next, undefined);
      foldFailures(turn, next, clients);
    }
    turn.setFact(key, programs[at] as Account);
  }

  /** Who pays from an account, also when the deploy is not on record any more; undefined for one that never was. */
  holderOf(account: Account): string | undefined {
    return holderOfAccount(account, (key) => this.#engine.fact(key));
  }

  /** For an account of a program of clients that is on record no more: theirs, for what is still counted there. */
  heir(account: Account): Account | null {
    const clients = clientsOf(account);
    return clients === null || this.#engine.fact(PREFIX + account) !== undefined ? null : clients;
  }

  get(account: Account): Deploy | undefined {
    const fact = this.#engine.fact(PREFIX + account);
    return fact === undefined ? undefined : read(account, fact);
  }

  /** All deploys, by account. */
  list(): readonly Deploy[] {
    const deploys: Deploy[] = [];
    for (const [key, fact] of this.#engine.facts(PREFIX)) deploys.push(read(Number(key.slice(PREFIX.length)), fact));
    return deploys.sort((left, right) => left.account - right.account);
  }

  /** Deploys with tasks that are ready, in an effect or parked: what `powerbox resume` goes on with. */
  unfinished(): readonly Deploy[] {
    return this.list().filter(({ account }) => {
      const { ready, outside, parked } = this.#engine.pending(account);
      return ready + outside + parked > 0;
    });
  }
}

/** The turn of a deploy: its account, the facts beside it, its first task. */
function started(
  turn: Turn,
  payload: Value,
  spawn: (account: Account, body: Body, captures: readonly Value[]) => void,
): Deploy {
  const [, account, holder, name, label, terms, place, environment, captures, [once, replaces], notes] = (
    payload as Tuple
  ).items.map((item, index) => (index === ONCE_AT ? (item as List).items : item)) as unknown as StartParts;
  if (once !== undefined) {
    if (turn.fact(once) !== replaces)
      throw new PowerboxError('bad_request', `${name} was started before, and starts only once`);
    turn.setFact(once, account);
  }
  const term = terms.items[0];
  const reference: TermReference | null = term === undefined ? null : turn.term(term);
  const body: Body = { label, term: reference, place, environment: environment.items };
  const deploy: Deploy = { account, holder, name, termHash: reference?.hash ?? NO_HASH, state: 'running' };
  turn.setFact(PREFIX + account, write(deploy));
  const before = replaces === undefined ? undefined : turn.fact(PREFIX + replaces);
  if (replaces !== undefined && before !== undefined)
    turn.setFact(PREFIX + replaces, write({ ...read(replaces, before), state: 'ended' }));
  for (const note of notes.items) {
    const [key, value] = (note as List).items;
    turn.setFact(key as string, value);
  }
  // One without a label is an account alone: of somebody outside, who runs nothing by that.
  if (label !== '') spawn(account, body, captures.items);
  return deploy;
}

/** Where in the payload of a deploy it stands whom it replaces. */
const ONCE_AT = 9;

type StartParts = readonly [
  mode: string,
  account: Account,
  holder: string,
  name: string,
  label: string,
  terms: List,
  place: number,
  environment: List,
  captures: List,
  once: readonly [string | undefined, Account | undefined],
  notes: List,
];

/** Whether there is that deploy. */
function stated(turn: Turn, payload: Value): boolean {
  const [, account, state] = (payload as Tuple).items as readonly [string, Account, DeployState];
  const fact = turn.fact(PREFIX + account);
  if (fact === undefined) return false;
  turn.setFact(PREFIX + account, write({ ...read(account, fact), state }));
  return true;
}

function write(deploy: Deploy): Value {
  return new Tuple([deploy.holder, deploy.name, new Bytes(deploy.termHash), deploy.state]);
}

/** Who pays from an account, by the facts; undefined when nothing is known of it. */
export function holderOfAccount(account: Account, fact: (key: string) => Value | undefined): string | undefined {
  const clients = clientsOf(account);
  const found = fact(`${PREFIX}${clients ?? account}`);
  return found === undefined ? undefined : ((found as Tuple).items[0] as string);
}

/** Where a number stands, or would, in an ascending list. */
function placeOf(numbers: readonly number[], wanted: number): number {
  const { length } = numbers;
  // Nearly always it is a new one, and comes last.
  if ((numbers[length - 1] ?? wanted) < wanted) return length;
  return lowerBound(0, length, (place) => (numbers[place] as number) < wanted);
}

function read(account: Account, fact: Value): Deploy {
  const [holder, name, hash, state] = (fact as Tuple).items;
  return {
    account,
    holder: holder as string,
    name: name as string,
    termHash: (hash as Bytes).bytes,
    state: state as DeployState,
  };
}
