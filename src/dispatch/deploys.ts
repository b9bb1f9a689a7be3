/**
 * Deploys: programs given to a space to run. Each is an account, and one durable fact `deploy/<account>` says
 * whose it is. Owns the numbering of accounts; must never give a number twice, nor number 0, the space's own.
 */
import { PowerboxError } from '../errors.ts';
import type { Account, Body, Engine, TermReference, Turn, Span } from '../space/index.ts';
import { Bytes, List, Tuple, type Value } from '../values/index.ts';
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
const NO_HASH = new Uint8Array(0);

export class Deploys {
  readonly #engine: Engine;
  #last: Account;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#last = 0;
    for (const { account } of this.list()) this.#last = Math.max(this.#last, account);
    engine.register('deploy', (turn, { payload }) =>
      this.place(turn, payload, (_account, body, captures) => turn.spawn(body, captures)),
    );
    engine.register('deploy-state', (turn, { payload }) => stated(turn, payload));
  }

  /** A number for a deploy that starts in a fork: no other gets it in this process, whatever becomes of the fork. */
  reserve(): Account {
    return ++this.#last;
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
    const { account = this.reserve() } = request;
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

/** The holder that a deploy's fact names. */
export function holderOfDeploy(fact: Value): string {
  return (fact as Tuple).items[0] as string;
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
