/**
 * What calls of a program were answered when it ran and was recorded: for an estimate, which makes none of them. The
 * trace is replayed, for what a task asked for is not in it; it must hold a deploy of the same program.
 *
 * Owns which reply belongs to which call: the same object, method and arguments, in recorded order. Names stand for
 * any name, for those of a recording are not those of a fork.
 */
import { POWERBOX_URI } from '../capability/index.ts';
import { type Native, system } from '../../channels/index.ts';
import { type Dispatcher, type ParkedCall, recordOf } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { compileText } from '../rholang/index.ts';
import type { Cause, SpaceEngine, Task } from '../space/index.ts';
import { bundle, Decoder, Encoder, encodeValue, equal, List, Name, type Tuple, type Value } from '../values/index.ts';
import { openReplay } from './replay.ts';

export interface ReplyParts {
  readonly engine: SpaceEngine;
  readonly dispatcher: Dispatcher;
  /** Of this program, for what they declare. */
  readonly natives: readonly Native[];
}

/** The reply to one call, and when in the recording it came. */
interface Reply {
  readonly order: number;
  readonly kind: string;
  /** Outcome, state of the object, what was measured. */
  readonly answer: readonly Value[];
}

/** A call that can be answered, and the cause that does. */
export interface Answered {
  readonly task: Task;
  readonly cause: Cause;
}

export class RecordedReplies {
  readonly #dispatcher: Dispatcher;
  /** By call, in recorded order. */
  readonly #replies = new Map<string, Reply[]>();
  /** Of calls that wait: what each asks for is read once. */
  readonly #keys = new WeakMap<Task, { readonly key: string | null }>();

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  add(call: ParkedCall, reply: Reply): void {
    const key = keyOf(call);
    const known = this.#replies.get(key);
    if (known === undefined) this.#replies.set(key, [reply]);
    else known.push(reply);
  }

  /** Of the calls that wait, the one whose reply came first, with that reply, which is used up; null: none has one. */
  next(waiting: Iterable<Task>): Answered | null {
    let first: { readonly task: Task; readonly line: Reply[]; readonly reply: Reply } | null = null;
    // Of two that ask for the same, the older one asked first.
    for (const task of [...waiting].sort((left, right) => left.number - right.number)) {
      const key = this.#keyOf(task);
      const line = key === null ? undefined : this.#replies.get(key);
      const reply = line?.[0];
      if (line === undefined || reply === undefined || (first !== null && first.reply.order <= reply.order)) continue;
      first = { task, line, reply };
    }
    if (first === null) return null;
    const { task, line, reply } = first;
    line.shift();
    const payload = recordOf([task.number, ...reply.answer]);
    return { task, cause: { kind: reply.kind, payload, account: task.account } };
  }

  #keyOf(task: Task): string | null {
    let found = this.#keys.get(task);
    if (found === undefined) {
      const call = this.#dispatcher.callOf(task);
      found = { key: call === null ? null : keyOf(call) };
      this.#keys.set(task, found);
    }
    return found.key;
  }
}

const ANY_NAME = { type: 3, payload: new Uint8Array(32) };

function keyOf({ native, method, handle, args }: ParkedCall): string {
  const encoder = new Encoder(256, (value) => (value instanceof Name ? ANY_NAME : null));
  encoder.value(new List([native, method, handle, new List(args)]));
  return Buffer.from(encoder.finish()).toString('latin1');
}

/**
 * The replies of a trace to the calls of this program. Rejects with `trace_departed` when the trace has no deploy of it,
 * and with what is wrong with the trace.
 */
export async function recordedReplies(
  parts: ReplyParts,
  trace: string | Uint8Array,
  text: string,
): Promise<RecordedReplies> {
  const { dispatcher, engine: live, natives } = parts;
  const replies = new RecordedReplies(dispatcher);
  const accounts = new Set<number>();
  const outside = new Map<number, ParkedCall>();
  let order = 0;
  const replay = await openReplay(trace, {
    natives,
    onTurn: (turn) => {
      if (turn.type === 'outside') {
        const call = accounts.has(turn.task.account) ? dispatcher.callOf(turn.task) : null;
        if (call !== null) outside.set(turn.task.number, call);
      }
      if (turn.type !== 'cause') return false;
      const { kind, account, payload, task } = turn.cause;
      if (kind === 'deploy' && isProgram(payload, text, replay.engine)) accounts.add(account);
      const call = kind === 'result' || kind === 'finished' ? outside.get(task) : undefined;
      if (call === undefined) return false;
      outside.delete(task);
      const [, , outcome, state, seen] = (payload as Tuple).items;
      if (!isRepeatable(outcome as Tuple)) return false;
      const answer = [outcome, state, seen].map((value) => ownNames(value as Value, live));
      replies.add(call, { order: order++, kind, answer });
      return false;
    },
  });
  try {
    await replay.run();
  } finally {
    await replay.close();
  }
  if (accounts.size > 0) return replies;
  throw new PowerboxError('trace_departed', 'the trace is of another program: none of its deploys is this one', {
    hint: 'Record a run of this program: powerbox run --trace FILE.',
  });
}

/** What opens a source would have to go on speaking, and nothing arrives in a fork. */
function isRepeatable(outcome: Tuple): boolean {
  const [kind, inner] = outcome.items;
  if (kind === 'prepared') return isRepeatable(inner as Tuple);
  if (kind === 'map') return (inner as List).items.every((entry) => isRepeatable((entry as List).items[1] as Tuple));
  return kind !== 'later' && kind !== 'source' && kind !== 'closes';
}

/** Names know their place in the space that read them: these are to be known in this one. */
function ownNames(value: Value, engine: SpaceEngine): Value {
  return new Decoder(encodeValue(value), (bytes) => engine.names.read(bytes)).value();
}

/** Where in the payload of a deploy its holder and term stand. */
const HOLDER_AT = 2;
const TERMS_AT = 5;

/** URIs are bound to what its holder had when it was recorded. */
function isProgram(payload: Value, text: string, engine: SpaceEngine): boolean {
  const { items } = payload as Tuple;
  const prefix = `powerbox/${String(items[HOLDER_AT])}/`;
  const uris = new Map<string, Value>();
  for (const [key, name] of engine.facts(prefix)) {
    const uri = key.slice(prefix.length);
    uris.set(uri === system.name ? POWERBOX_URI : uri, bundle(name, false, true));
  }
  const [term] = (items[TERMS_AT] as List).items;
  return term !== undefined && equal(term, compileText(text, { uris }).term);
}
