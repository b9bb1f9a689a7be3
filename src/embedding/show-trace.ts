/** Traces shown to people and programs: each turn in words, the state at one of them, and a replay against another program. */
import { limits } from '../limits.ts';
import { inertPlatform } from '../platform/index.ts';
import { print } from '../rholang/index.ts';
import type { Contents } from '../space/index.ts';
import {
  bytesOf,
  Chart,
  createTraceFile,
  exportTrace,
  openTraceFile,
  type Printer,
  type ChainLink,
  type Replay,
  type ReplayOptions,
  type ReplayReport,
  Show,
  type ShownTurn,
  type TraceBytes,
  TraceReader,
  wordingWith,
} from '../trace/index.ts';
import { Name, type Value } from '../values/index.ts';
import { openReplay, type ReplaySurroundings } from './replay.ts';
import { channelReports, nameText } from './reports.ts';
import type { ChannelReport } from './types.ts';

const PRINTER: Printer = {
  channel: nameText,
  message: (message) => message.map(text).join(', '),
};

function text(value: Value): string {
  return print(value, { lengthMax: limits.report_item_chars_max });
}

export interface ShowTraceOptions extends ReplaySurroundings, Pick<ReplayOptions, 'substitute'> {
  /** The first turn that is shown; those before it are run all the same. Default: the first of the trace. */
  readonly from?: number;
  /** The last turn that is run. Default: the last of the trace. */
  readonly until?: number;
}

/** A replay that shows its turns, one after the other. */
export class ShownReplay {
  readonly #replay: Replay;
  readonly #turns: ShownTurn[];
  #over = false;

  private constructor(replay: Replay, turns: ShownTurn[]) {
    this.#replay = replay;
    this.#turns = turns;
  }

  static async open(trace: string | Uint8Array, options: ShowTraceOptions = {}): Promise<ShownReplay> {
    const show = new Show(PRINTER, wordingWith(text));
    const turns: ShownTurn[] = [];
    const { from = 0 } = options;
    const replay: Replay = await openReplay(trace, {
      ...options,
      observer: show.observer,
      beforeTurn: (turn) => {
        show.active = turn >= from;
      },
      onTurn: (turn) => {
        const shown = show.shown(replay, turn);
        if (!show.active) return false;
        turns.push(shown);
        return true;
      },
    });
    return new ShownReplay(replay, turns);
  }

  /** The next turn; null at the end. Rejects where the replay departs. */
  async next(until?: number): Promise<ShownTurn | null> {
    while (!this.#over && this.#turns.length === 0) {
      const before = this.#replay.turn;
      const report = await this.#replay.run(until);
      this.#over = report.complete || (this.#turns.length === 0 && report.turn === before);
    }
    return this.#turns.shift() ?? null;
  }

  get turn(): number {
    return this.#replay.turn;
  }

  get report(): ReplayReport {
    return this.#replay.report;
  }

  /** From a turn back to the cause that began it. */
  chain(turn: number): readonly ChainLink[] {
    return this.#replay.chain(turn);
  }

  /** What lies and waits now, channel by channel, in Rholang syntax. */
  async state(): Promise<readonly ChannelReport[]> {
    const bounds = { channels_max: limits.report_channels_max, items_max: limits.report_items_max };
    const contents: Contents = await this.#replay.engine.inspect(bounds);
    return channelReports(contents);
  }

  close(): Promise<void> {
    return this.#replay.close();
  }
}

/** Every turn of a trace, as it is derived. */
export async function* showTrace(
  trace: string | Uint8Array,
  options: ShowTraceOptions = {},
): AsyncGenerator<ShownTurn, void> {
  if (isExported(trace)) {
    yield* causesOf(trace, options);
    return;
  }
  const replay = await ShownReplay.open(trace, options);
  try {
    for (let turn = await replay.next(options.until); turn !== null; turn = await replay.next(options.until))
      yield turn;
  } finally {
    await replay.close();
  }
}

function isExported(trace: string | Uint8Array): boolean {
  const bytes = bytesAt(trace);
  try {
    return new TraceReader(bytes).space.without !== 'nothing';
  } finally {
    bytes.close();
  }
}

/** Of one that cannot be run: what came from outside, and nothing of what followed. */
function* causesOf(trace: string | Uint8Array, { from = 0, until }: ShowTraceOptions): Generator<ShownTurn> {
  const bytes = bytesAt(trace);
  const wording = wordingWith(text);
  try {
    const reader = new TraceReader(bytes);
    for (const record of reader.records((name) => new Name(null, 0, 0, name))) {
      if (record.type !== 'cause' || record.turn < from) continue;
      if (until !== undefined && record.turn > until) return;
      const { turn, kind, mode, account, task } = record;
      const shown = { turn, after: null, depth: 0, kind, mode, deploy: account, task: task === 0 ? null : task };
      yield { ...shown, what: wording.cause(record), refused: null, events: [] };
    }
  } finally {
    bytes.close();
  }
}

/** Writes a trace that can be given away, and shown: see `spec/traces.md`. */
export function redactTrace(
  trace: string | Uint8Array,
  file: string,
  { without }: { readonly without: 'payloads' | 'values' },
): void {
  const bytes = bytesAt(trace);
  try {
    exportTrace(bytes, createTraceFile(file), { without, sha256: (data) => inertPlatform().hashing.sha256(data) });
  } finally {
    bytes.close();
  }
}

function bytesAt(trace: string | Uint8Array): TraceBytes {
  return typeof trace === 'string' ? openTraceFile(trace) : bytesOf(trace);
}

/** A trace as a sequence diagram, in SVG. */
export async function chartTrace(trace: string | Uint8Array, options: ShowTraceOptions = {}): Promise<string> {
  const chart = new Chart();
  for await (const turn of showTrace(trace, options)) chart.add(turn);
  return chart.svg();
}
