/**
 * A space of the fewest lines that keeps the laws the dispatcher leans on: a turn is atomic, nothing leaves
 * before its commit is durable, outside tasks are delivered after their commit and again after a restart.
 * Channels hold data or an installed body; there is no matching. `kill` keeps what was durable and nothing else.
 */
import {
  type Account,
  type Apply,
  type Body,
  type Cause,
  concludeTelling,
  enactTelling,
  type Engine,
  type Poster,
  type Receive,
  type Task,
  type TaskRouter,
  type TermReference,
  type Turn,
} from '../../../src/space/index.ts';
import type { MessagePattern } from '../../../src/match/index.ts';
import { decodeValue, List, Name, kindOf, Kind, type Value } from '../../../src/values/index.ts';

interface State {
  facts: Map<string, Value>;
  tasks: Map<number, Task>;
  installs: Map<string, Body>;
  data: Map<string, (readonly Value[])[]>;
  numbers: number;
  logs: [string, Value][];
}

export class Disk {
  state: State = { facts: new Map(), tasks: new Map(), installs: new Map(), data: new Map(), numbers: 0, logs: [] };
  causes: Cause[] = [];
  /** A restart may hand tasks over in any order; this is the worst. */
  newestFirst = false;
}

const copy = (state: State): State => ({
  facts: new Map(state.facts),
  tasks: new Map(state.tasks),
  installs: new Map(state.installs),
  data: new Map([...state.data].map(([key, list]) => [key, [...list]])),
  numbers: state.numbers,
  logs: [...state.logs],
});

export const keyOf = (channel: Value): string =>
  kindOf(channel) === Kind.Name ? `#${(channel as Name).task}.${(channel as Name).counter}` : JSON.stringify(channel);

export class FakeEngine implements Engine {
  readonly #disk: Disk;
  readonly #kinds = new Map<string, Apply>();
  readonly #router: TaskRouter;
  readonly state: State;
  readonly #posts: ((turns: Turn[]) => void)[] = [];
  #ready: Task[] = [];
  readonly #parked = new Map<number, Task>();
  readonly #outside = new Map<number, Task>();
  #fresh: Task[] = [];
  #causes: Cause[] = [];
  readonly #idle: ((account: Account) => void)[] = [];
  #after: (() => void)[] = [];
  readonly #looks = new Set<() => void>();
  #scheduled = false;
  dead = false;
  /** Set to make the disk refuse. */
  broken = false;
  /** Runs before a commit is made durable; a test kills here. */
  beforeSync: (causes: readonly Cause[]) => void = () => {};

  constructor(disk: Disk, router: TaskRouter) {
    this.#disk = disk;
    this.#router = router;
    this.state = copy(disk.state);
    for (const task of [...this.state.tasks.values()].sort((a, b) =>
      disk.newestFirst ? b.number - a.number : a.number - b.number,
    ))
      this.#route(task);
    this.#schedule();
  }

  /** As SIGKILL: what was not durable is gone, and nothing runs any more. */
  kill(): void {
    this.dead = true;
  }

  register(kind: string, apply: Apply): void {
    this.#kinds.set(kind, apply);
  }

  enact<T>(cause: Cause, after?: (result: T, turn: Turn) => void): Promise<T> {
    return this.post(
      cause,
      (turn) => this.#apply(turn, cause, null, after as (result: unknown, turn: Turn) => void) as T,
    );
  }

  conclude(task: Task, cause: Cause, after?: (result: unknown, turn: Turn) => void): Promise<boolean> {
    return this.finish(task, cause, (turn) => this.#apply(turn, cause, task, after));
  }

  #apply(turn: Turn, cause: Cause, task: Task | null, after?: (result: unknown, turn: Turn) => void): unknown {
    const apply = this.#kinds.get(cause.kind);
    if (apply === undefined) throw new Error(`nobody has said what causes of kind ${cause.kind} do`);
    const result = apply(turn, cause, task);
    after?.(result, turn);
    return result;
  }

  unfinished(): Iterable<Task> {
    return this.state.tasks.values();
  }

  held(number: number): Task | undefined {
    return this.#outside.get(number) ?? this.#parked.get(number);
  }

  post<T>(cause: Cause, apply: (turn: Turn) => T): Promise<T> {
    return this.#enqueue(cause, () => true, apply) as Promise<T>;
  }

  finish(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean> {
    const take = (): boolean => this.#outside.delete(task.number) && this.state.tasks.delete(task.number);
    const applied = (turn: Turn): boolean => {
      apply(turn);
      return true;
    };
    return this.#enqueue(cause, take, applied).then((done) => done === true);
  }

  unpark(label: string): void {
    for (const task of [...this.#parked.values()]) {
      if (task.body.label !== label) continue;
      this.#parked.delete(task.number);
      this.#route(task);
    }
    this.#schedule();
  }

  fact(key: string): Value | undefined {
    return this.state.facts.get(key);
  }

  *facts(prefix: string): Iterable<readonly [string, Value]> {
    for (const key of [...this.state.facts.keys()].filter((one) => one.startsWith(prefix)).sort())
      yield [key, this.state.facts.get(key) as Value];
  }

  pending(account: Account): { ready: number; outside: number; parked: number } {
    const count = (tasks: Iterable<Task>): number => [...tasks].filter((task) => task.account === account).length;
    return { ready: count(this.#ready), outside: count(this.#outside.values()), parked: count(this.#parked.values()) };
  }

  durable(): Promise<void> {
    return new Promise((resolve) => {
      this.#after.push(resolve);
      this.#schedule();
    });
  }

  onIdle(run: (account: Account) => void): void {
    this.#idle.push(run);
  }

  whenFewer(channel: Value, count: number, run: () => void): { cancel(): void } {
    const look = (): void => {
      if (this.waiting(channel).length >= count) return;
      this.#looks.delete(look);
      queueMicrotask(run);
    };
    this.#looks.add(look);
    look();
    return { cancel: () => void this.#looks.delete(look) };
  }

  /** Messages for which there is no room; a test says so. */
  full = false;
  fits(): boolean {
    return !this.full;
  }

  /** What a reader does: the oldest message, gone. */
  take(channel: Value): readonly Value[] | undefined {
    const [first, ...rest] = this.waiting(channel);
    this.state.data.set(keyOf(channel), rest);
    for (const look of [...this.#looks]) look();
    return first;
  }

  waiting(channel: Value): readonly (readonly Value[])[] {
    return this.state.data.get(keyOf(channel)) ?? [];
  }

  enactFor(poster: Poster, cause: Cause): void {
    enactTelling(this, poster, cause);
  }

  concludeFor(poster: Poster, task: Task, cause: Cause): void {
    concludeTelling(this, poster, task, cause);
  }

  #enqueue<T>(cause: Cause, take: () => boolean, apply: (turn: Turn) => T): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#posts.push(() => {
        if (this.broken) return reject(new Error('the disk refuses'));
        if (!take()) return resolve(undefined);
        this.#causes.push(cause);
        let answer: T;
        try {
          answer = apply(this.#turn(cause.account));
        } catch (error) {
          return reject(error);
        }
        this.#after.push(() => resolve(answer));
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.dead) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.dead) this.#slice();
    });
  }

  #slice(): void {
    const accounts = new Set<Account>();
    for (let post = this.#posts.shift(); post !== undefined; post = this.#posts.shift()) post([]);
    for (let count = 0; count < 1000 && this.#ready.length > 0; count++) {
      const task = this.#ready.shift() as Task;
      this.state.tasks.delete(task.number);
      accounts.add(task.account);
      this.#router.run(task, this.#turn(task.account));
    }
    this.#commit();
    for (const account of accounts) if (this.pending(account).ready === 0) for (const run of this.#idle) run(account);
    if (this.#posts.length > 0 || this.#ready.length > 0) this.#schedule();
  }

  #commit(): void {
    this.beforeSync(this.#causes);
    if (this.dead) return;
    this.#disk.state = copy(this.state);
    this.#disk.causes.push(...this.#causes);
    const after = this.#after;
    const fresh = this.#fresh;
    this.#causes = [];
    this.#after = [];
    this.#fresh = [];
    for (const run of after) run();
    for (const task of fresh) if (!this.dead && this.#outside.has(task.number)) this.#router.deliver(task);
  }

  #route(task: Task): void {
    const handling = this.#router.handling(task);
    if (handling === 'inline') this.#ready.push(task);
    else if (handling === 'parked') this.#parked.set(task.number, task);
    else {
      this.#outside.set(task.number, task);
      this.#fresh.push(task);
    }
  }

  #spawn(account: Account, body: Body, captures: readonly Value[]): void {
    const task: Task = { number: ++this.state.numbers, account, body, captures };
    this.state.tasks.set(task.number, task);
    this.#route(task);
  }

  #turn(account: Account): Turn {
    const { state } = this;
    let task: number | null = null;
    const turn: Turn = {
      account,
      // Counted when it is asked for: the numbers of tasks stay what tests expect.
      get task() {
        task ??= ++state.numbers;
        return task;
      },
      steps: 10_000,
      newName: () => {
        const number = ++state.numbers;
        const bytes = new Uint8Array(32);
        new DataView(bytes.buffer).setUint32(28, number);
        return new Name(null, number, 0, bytes);
      },
      produce: (channel, message) => {
        const key = keyOf(channel);
        const body = state.installs.get(key);
        if (body !== undefined) this.#spawn(account, body, [new List(message)]);
        else state.data.set(key, [...(state.data.get(key) ?? []), message]);
      },
      produceAnyway: (channel, message) => turn.produce(channel, message, false),
      offer: (channel, message) => {
        if (this.full) return false;
        turn.produce(channel, message, false);
        return true;
      },
      consume: (_receive: Receive) => {
        throw new Error('the small engine has no receives');
      },
      install: (channel: Value, _pattern: MessagePattern, body: Body) => void state.installs.set(keyOf(channel), body),
      uninstall: (channel) => void state.installs.delete(keyOf(channel)),
      spawn: (body, captures) => this.#spawn(account, body, captures),
      term: (term): TermReference => ({ hash: new Uint8Array(32), term, compiled: null }),
      fact: (key) => state.facts.get(key),
      setFact: (key, value) => void (value === undefined ? state.facts.delete(key) : state.facts.set(key, value)),
      log: (log, value) => void state.logs.push([log, value]),
      logBytes: (log, bytes) => void state.logs.push([log, decodeValue(bytes, (name) => new Name(null, 0, 0, name))]),
      dropLog: () => {},
      afterDurable: (run) => void this.#after.push(run),
      fail: (error) => this.#router.failed?.(account, error, turn),
    };
    return turn;
  }
}
