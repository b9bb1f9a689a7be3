/**
 * A trace for people and programs: turn by turn, what was sent to whom, what met, and which turn it follows from. Owns
 * the form of what is shown; all of it is derived by a replay.
 */
import type { Mode, Observer, Receive, Task } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import type { Replay, ReplayedTurn, Wording } from './replay.ts';

export type ShownEvent =
  | { readonly type: 'send'; readonly channel: string; readonly message: string; readonly persist: boolean }
  | {
      readonly type: 'receive';
      readonly channels: readonly string[];
      readonly persist: boolean;
      readonly peek: boolean;
      /** The channel belongs to it from now on: an object of the system. */
      readonly owns: boolean;
    }
  /** `task` is what follows; null where somebody outside waited for it. */
  | {
      readonly type: 'match';
      readonly channels: readonly string[];
      readonly got: string;
      readonly task: number | null;
    };

export interface ShownTurn {
  readonly turn: number;
  /** The turn that led to it; null for what came from outside. */
  readonly after: number | null;
  /** How many turns lie between it and the cause that it follows from. */
  readonly depth: number;
  readonly kind: string;
  /** In which mode it happened: what is not told of a fork is a transaction. */
  readonly mode: Mode;
  readonly deploy: number;
  readonly task: number | null;
  readonly what: string;
  /** Why what a cause asked for was refused. */
  readonly refused: string | null;
  readonly events: readonly ShownEvent[];
}

/** Prints what stands in a trace. */
export interface Printer {
  channel(channel: Value): string;
  message(message: readonly Value[]): string;
}

/** Turns whose depth is known. */
const DEPTHS_MAX = 1_000_000;

/** Looks on in a replay: give `observer` to it, and each turn to `shown`. */
export class Show {
  readonly observer: Observer;
  readonly #wording: Wording;
  readonly #depths = new Map<number, number>();
  #events: ShownEvent[] = [];
  /** Whether what happens is put into words; its depth is known all the same. */
  active = true;

  constructor(printer: Printer, wording: Wording) {
    this.#wording = wording;
    const channels = ({ slots }: Receive): string[] => slots.map(({ channel }) => printer.channel(channel));
    this.observer = {
      sent: (channel, message, persist) => {
        if (!this.active) return;
        this.#events.push({
          type: 'send',
          channel: printer.channel(channel),
          message: printer.message(message),
          persist,
        });
      },
      received: (receive, _account, owns) => {
        if (!this.active) return;
        const peek = receive.slots.some((slot) => slot.peek);
        this.#events.push({ type: 'receive', channels: channels(receive), persist: receive.persist, peek, owns });
      },
      met: (receive, _account, captures, task) => {
        if (!this.active) return;
        this.#events.push({ type: 'match', channels: channels(receive), got: printer.message(captures), task });
      },
    };
  }

  /** The turn that has just been replayed. */
  shown(replay: Replay, replayed: ReplayedTurn): ShownTurn {
    const { turn } = replayed;
    const after = replay.before(turn);
    const depth = after === null ? 0 : (this.#depths.get(after) ?? 0) + 1;
    this.#depths.set(turn, depth);
    if (this.#depths.size > DEPTHS_MAX) {
      const [oldest] = this.#depths.keys();
      if (oldest !== undefined) this.#depths.delete(oldest);
    }
    const events = this.#events;
    this.#events = [];
    return { turn, after, depth, ...this.#what(replayed), events };
  }

  #what(replayed: ReplayedTurn): Pick<ShownTurn, 'kind' | 'mode' | 'deploy' | 'task' | 'what' | 'refused'> {
    switch (replayed.type) {
      case 'cause': {
        const { cause, refusal } = replayed;
        const refused = refusal === null ? null : `${refusal.code}: ${refusal.message}`;
        const what = this.active ? this.#wording.cause(cause) : '';
        return { kind: cause.kind, mode: cause.mode, deploy: cause.account, task: cause.task || null, what, refused };
      }
      case 'unparked':
        return {
          kind: 'unparked',
          mode: 'transaction',
          deploy: 0,
          task: null,
          what: `${replayed.label} is run from now on`,
          refused: null,
        };
      default: {
        const { task, type } = replayed;
        const what = this.#taskText(task, type);
        return { kind: type, mode: 'transaction', deploy: task.account, task: task.number, what, refused: null };
      }
    }
  }

  #taskText(task: Task, type: 'task' | 'outside' | 'parked'): string {
    if (!this.active) return '';
    const [native] = task.body.environment;
    const whose = type === 'task' ? 'runs' : type === 'outside' ? 'is handed over' : 'is put aside';
    const what = task.body.label === 'native' && typeof native === 'string' ? native : task.body.label;
    return `task ${task.number} of deploy ${task.account} ${whose}: ${what}`;
  }

  /** That one turn sends to a channel, or receives there. */
  static touches({ events }: ShownTurn, channel: string): boolean {
    return events.some((event) =>
      event.type === 'send' ? event.channel === channel : event.channels.includes(channel),
    );
  }
}
