/**
 * The books of a fork: what its turns put down and took, as the net of all of them, and the tasks that they made. Nothing
 * of it is written anywhere; `fork-changes.ts` says it as a value when the fork is applied.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { Commit } from './entry.ts';
import type { ForkChannels } from './fork-channels.ts';
import type { Datum, Waiter } from './items.ts';
import { commCost } from './price.ts';
import { repetition } from './repeat.ts';
import type { Span } from './span.ts';
import { LiveTask, type Tasks } from './tasks.ts';
import type { Ledger } from './ledger.ts';
import type { Quotas } from './quotas.ts';
import type { Account, Body, Receive } from './types.ts';

/** All that a fork does is one commit; what the space itself put down bears another number. */
const SERIAL = 1;

export class ForkLedger implements Ledger {
  /** What the turns so far did; what came and went among them is not in it. */
  readonly commit = new Commit(SERIAL);
  nextTask: number;
  nextStamp: number;
  readonly messageCause = -1;
  /** What is put down now is charged, and not refused. */
  anyway = false;
  /** What all turns and meetings have cost. */
  cost = 0;
  /** The step beneath which stands what the turn that is running sets in motion. */
  span: Span | null = null;
  readonly #channels: ForkChannels;
  readonly #tasks: Tasks;
  readonly #quotas: Quotas | null;
  readonly #failed: (account: Account | null, error: Error) => void;

  constructor(
    channels: ForkChannels,
    tasks: Tasks,
    quotas: Quotas | null,
    next: { readonly nextTask: number; readonly nextStamp: number },
    failed: (account: Account | null, error: Error) => void,
  ) {
    this.#channels = channels;
    this.#tasks = tasks;
    this.#quotas = quotas;
    this.nextTask = next.nextTask;
    this.nextStamp = next.nextStamp;
    this.#failed = failed;
  }

  place(value: Value): Channel {
    return this.#channels.place(value);
  }

  touch(): void {}

  admitDatum(account: Account, message: readonly Value[]): void {
    this.#room(this.commit.data.length);
    if (!this.anyway) this.#quotas?.admitDatum(account, message);
  }

  admitWaiter(account: Account, receive: Receive): void {
    this.#room(this.commit.waiters.length);
    this.#quotas?.admitWaiter(account, receive);
  }

  /** A bound on what one turn of the space will have to take over. */
  #room(count: number): void {
    if (count < limits.fork_items_max) return;
    throw new PowerboxError('too_much_work', `a fork puts down at most ${limits.fork_items_max} things`);
  }

  datumPut(channel: Channel, datum: Datum): void {
    this.#quotas?.countDatum(datum, 1);
    datum.born = SERIAL;
    this.commit.addDatum(channel, datum);
  }

  datumGone(channel: Channel, datum: Datum): void {
    this.#quotas?.countDatum(datum, -1);
    if (datum.born === SERIAL) return;
    this.commit.dataGone.push(datum.number);
    this.commit.dataGoneChannels.push(channel);
    this.commit.dataGoneStamps.push(datum.stamp);
  }

  waiterPut(waiter: Waiter): void {
    this.#quotas?.countWaiter(waiter, 1);
    waiter.born = SERIAL;
    if (waiter.deliver === null) this.commit.addWaiter(waiter);
  }

  waiterGone(waiter: Waiter): void {
    waiter.gone = true;
    this.#quotas?.countWaiter(waiter, -1);
    if (waiter.born !== SERIAL && waiter.deliver === null) this.commit.waitersGone.push(waiter);
  }

  fire(waiter: Waiter, account: Account, captures: readonly Value[]): void {
    const { deliver } = waiter;
    if (deliver !== null) {
      deliver(captures);
      return;
    }
    this.spend(account, commCost(captures));
    this.newTask(account, waiter.receive.body, captures);
  }

  spend(account: Account, cost: number): void {
    this.cost += cost;
    this.#tasks.of(account).cost += cost;
    this.#quotas?.pay(account, cost);
  }

  repeat(waiter: Waiter, account: Account, data: readonly Datum[]): void {
    this.newTask(
      account,
      repetition(waiter),
      data.map(({ number }) => number),
    );
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    const tasks = this.#tasks.of(account);
    if (tasks.ready + tasks.parked >= limits.fork_tasks_max) {
      this.#failed(
        account,
        new PowerboxError('too_many_tasks', `a fork has at most ${limits.fork_tasks_max} tasks to run`),
      );
      return;
    }
    const refusal = this.#quotas?.admitTask(account) ?? null;
    if (refusal !== null) {
      this.#failed(account, refusal);
      return;
    }
    const task = new LiveTask(this.nextTask++, account, body, captures);
    if (this.span !== null) task.span = this.span;
    task.born = SERIAL;
    this.commit.addTask(task);
    this.#tasks.pushFor(tasks, task);
  }

  tooMuchWork(): void {
    this.#failed(
      null,
      new PowerboxError('too_much_work', 'a pattern gave up on a message and counts as not matching it'),
    );
  }
}
