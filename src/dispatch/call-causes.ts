/**
 * What causes of calls of natives do in their turns: a change begins, an answer comes in. All that they do follows from
 * the cause, the task and the facts, so a replay, which calls no native, does the same.
 */
import type { Call, NativeReference } from '../../channels/index.ts';
import { stateKey } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Task, Turn } from '../space/index.ts';
import { channelKey, List, Tuple, type Value } from '../values/index.ts';
import { errorOutcome, type Outcome } from './answers.ts';
import { begunKey, preparedKey, SERVICE_FACT, reportDurably, type JobContext } from './job.ts';
import { applyOutcome, isPrepared } from './replies.ts';
import { failureOf } from './stderr.ts';

/** A call that went outside: of the job that makes it, or read again from its task where there is no job. */
export interface OutsideCall {
  readonly task: Task;
  readonly reference: NativeReference;
  readonly call: Call;
  /** `native.method`. */
  readonly what: string;
  readonly effectId: Uint8Array;
  /** Of the fact that it has begun; the same string each time, so that it is hashed once. */
  readonly begunKey: string;
  /** SHA-256 of its arguments, when that is known already. */
  readonly digest: Uint8Array | null;
}

/** The fact of a change that has begun, as earlier versions wrote it: with what its task says, too. */
function writeBegunWhole(reference: NativeReference, { method }: Call): Value {
  const { native, handle, id, cap } = reference;
  return new Tuple([native, handle, id, cap, method.name, method.lane]);
}

/**
 * The lane of a change that had begun, at this object. Its fact is the word for the lane, or Nil when nothing orders it: it
 * is written down, for a later declaration may say another one.
 */
export function laneOfBegun(number: number, fact: Value, reference: NativeReference): string {
  const lane = fact instanceof Tuple ? fact.items[LANE_PART] : fact;
  // In no order, so in one of its own: recovery keeps a place for each change that had begun.
  return typeof lane === 'string' ? laneOf(reference, lane) : `task/${number}`;
}

/** Where the lane stands in the fact of an earlier version. */
const LANE_PART = 5;

/** The object that a call works on and the lane of its method, as a key: calls of one key run one after the other. */
export function laneOf(reference: NativeReference, lane: string): string {
  let keys = laneKeys.get(reference);
  if (keys === undefined) {
    keys = new Map();
    laneKeys.set(reference, keys);
  }
  let key = keys.get(lane);
  if (key === undefined) {
    const object = objectKey(reference);
    key = lane === '' ? object : `${lane} ${object}`;
    keys.set(lane, key);
  }
  return key;
}

/** By lane; the same string each time, so that it is hashed once. */
const laneKeys = new WeakMap<NativeReference, Map<string, string>>();

function objectKey(reference: NativeReference): string {
  if (reference.id !== '') return `id/${reference.id}`;
  if (typeof reference.handle === 'string') return `text/${reference.native}/${reference.handle}`;
  const { handle } = reference;
  let key = typeof handle === 'object' && handle !== null ? handleKeys.get(handle) : undefined;
  if (key === undefined) {
    key = channelKey(handle);
    if (typeof handle === 'object' && handle !== null) handleKeys.set(handle, key);
  }
  return `value/${reference.native}/${key}`;
}

/** Of handles in memory: the one of an object is the same for all its calls, most often. */
const handleKeys = new WeakMap<object, string>();

/** The state of the object, if it is one that has any. */
export function stateOf({ id }: NativeReference, facts: Pick<Turn, 'fact'>): Value | undefined {
  return id === '' ? undefined : facts.fact(stateKey(id));
}

/** `find` gives the call of a task; undefined when it is none that goes outside. */
export function registerCallCauses(context: JobContext, find: (task: Task) => OutsideCall | undefined): void {
  const { engine } = context;
  const callOf = (number: number): OutsideCall | undefined => {
    const task = engine.held(number);
    return task === undefined ? undefined : find(task);
  };
  // Answers the states of the objects as the changes find them: after the answers of the calls before.
  engine.register('begun', (turn, { payload }): (Value | undefined)[] => {
    const { items } = payload as Tuple;
    const numbers = items[3];
    const states: (Value | undefined)[] = [];
    if (!(numbers instanceof List)) {
      const number = items[1] as number;
      const begun = callOf(number);
      if (begun !== undefined) turn.setFact(begunKey(number), writeBegunWhole(begun.reference, begun.call));
      return states;
    }
    for (const number of numbers.items as readonly number[]) {
      const begun = callOf(number);
      if (begun !== undefined) turn.setFact(begun.begunKey, begun.call.method.lane);
      states.push(begun === undefined ? undefined : stateOf(begun.reference, turn));
    }
    return states;
  });
  const answered =
    (changing: boolean) =>
    (turn: Turn, { payload }: { payload: Value }, task: Task | null) => {
      // By place, here and below: taking a list apart makes something for each of its items, for each of very many calls.
      const { items } = payload as Tuple;
      const number = items[1];
      const outage = items[5];
      if (outage !== undefined) turn.setFact(SERVICE_FACT, outage);
      const found = task === null ? undefined : find(task);
      if (changing) turn.setFact(found?.begunKey ?? begunKey(number as number), undefined);
      if (found === undefined) throw new PowerboxError('label_unknown', `the task ${String(number)} is no call here`);
      applyAnswer(context, turn, found, {
        outcome: items[2] as Tuple,
        state: (items[3] as List).items[0],
        seen: (items[4] as Tuple).items as readonly number[],
      });
    };
  engine.register('finished', answered(true));
  engine.register('result', answered(false));
}

interface Answered extends Pick<Outcome, 'outcome' | 'state'> {
  /** When it was made, how long it took, bytes in and out. */
  readonly seen: readonly number[];
}

function applyAnswer(context: JobContext, turn: Turn, found: OutsideCall, answer: Answered): void {
  const { acting, capabilities, counts, stderr } = context;
  const { task, reference, call, what } = found;
  const { account, number } = task;
  if (isPrepared(answer)) turn.setFact(preparedKey(found.effectId), reference.native);
  acting.task = task;
  acting.source = what;
  try {
    capabilities.used(turn, reference.cap, account);
    const told = toldBy(context, found, answer);
    // From this turn on whoever prepared it is to finish it.
    if (isPrepared(told)) turn.setFact(preparedKey(found.effectId), reference.native);
    const failure = applyOutcome(turn, account, context, reference, call, told);
    if (failure !== null) reportDurably(turn, account, stderr, failure, what, number);
  } catch (thrown) {
    // A channel refused the reply: this branch ends here, the task is gone all the same.
    counts.thrown++;
    const { code, message, hint } = failureOf(thrown);
    turn.fail(new PowerboxError(code, message, { hint }));
  }
  writeDown(context, turn, found, answer);
  acting.task = null;
  acting.source = '';
}

/** The right may have been taken back in a turn before this one, as the answer came: what was done stays on record. */
function toldBy(
  { capabilities }: JobContext,
  { reference }: OutsideCall,
  answer: Answered,
): Pick<Outcome, 'outcome' | 'state'> {
  const ended = capabilities.endedBy(reference.cap);
  if (ended === null || answer.outcome.items[0] === 'error') return answer;
  return { outcome: errorOutcome(ended).outcome, state: answer.state };
}

function writeDown({ audit, capabilities }: JobContext, turn: Turn, found: OutsideCall, answer: Answered): void {
  if (audit === null) return;
  const { task, reference, call } = found;
  const { native, cap } = reference;
  const { items } = answer.outcome;
  const { seen } = answer;
  audit.record(
    turn,
    {
      account: task.account,
      grant: capabilities.rootOf(cap),
      cap,
      native,
      method: call.method.name,
      result: items[0] === 'error' ? (items[1] as string) : 'ok',
      change: call.method.effect === 'change' ? task.number : null,
    },
    {
      start_ms: seen[0] ?? 0,
      duration_ms: seen[1] ?? 0,
      bytes: seen[2] ?? 0,
      digest: found.digest ?? audit.digest(call.args),
    },
  );
}
