/**
 * Runs a trace again, for programs and the command: as it was recorded, or with another program in the place of one of
 * its own, side by side with the recorded one, to see where the two part.
 */
import { POWERBOX_URI } from '../capability/index.ts';
import { system } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { compileText } from '../rholang/index.ts';
import type { CauseRecord, SpaceEngine } from '../space/index.ts';
import { Departure, type ReplayReport, type ShownTurn } from '../trace/index.ts';
import { bundle, List, Tuple, type Value } from '../values/index.ts';
import { openReplay, type ReplaySurroundings } from './replay.ts';
import { ShownReplay } from './show-trace.ts';

export interface ReplayTraceOptions extends ReplaySurroundings {
  /**
   * Begins with the last keyframe before this turn, whose state is taken as it stands, and not with the first turn. Not
   * for a replay `against` another program, which may be another from the first turn on.
   */
  readonly from?: number;
  /** The last turn that is replayed. Default: the last of the trace. */
  readonly until?: number;
  /**
   * A program that is started in the place of the deploy of this name, or of the only one there is. Rejects with
   * `trace_departed` at the first turn that does something else than that of the recorded one.
   */
  readonly against?: { readonly name: string; readonly text: string };
}

/**
 * Runs a trace again and touches nothing but the trace. Rejects with `trace_departed` at the first turn that differs from
 * what was recorded, with `trace_invalid` or `trace_version` where it cannot be read.
 */
export async function replayTrace(trace: string | Uint8Array, options: ReplayTraceOptions = {}): Promise<ReplayReport> {
  if (options.against !== undefined) return replayAgainst(trace, options, options.against);
  const replay = await openReplay(trace, options);
  try {
    return await replay.run(options.until);
  } finally {
    await replay.close();
  }
}

/** Both in step: what one turn of each did is held against the other, names and all. */
async function replayAgainst(
  trace: string | Uint8Array,
  options: ReplayTraceOptions,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<ReplayReport> {
  const { until, from: _, ...surroundings } = options;
  const only = await soleDeploy(trace, surroundings);
  const wanted = only ?? name;
  let isThere = false;
  const substitute = (cause: CauseRecord, engine: SpaceEngine): CauseRecord => {
    if (cause.kind !== 'deploy' || deployNameOf(cause) !== wanted) return cause;
    isThere = true;
    return withProgram(cause, text, engine);
  };
  const recorded = await ShownReplay.open(trace, surroundings);
  const changed = await ShownReplay.open(trace, { ...surroundings, substitute });
  try {
    for (;;) {
      const one = await recorded.next(until);
      const other = await nextOr(changed, until, one);
      if (one === null && other === null) break;
      const [left, right] = [did(one), did(other)];
      if (left === right) continue;
      const turn = one?.turn ?? other?.turn ?? recorded.turn;
      throw new Departure({ turn, recorded: left, replayed: right, chain: changed.chain(turn) });
    }
    if (!isThere)
      throw new PowerboxError('config_invalid', `the trace has no deploy ${JSON.stringify(name)} to be replaced`, {
        hint: 'The file is called as the program that was recorded.',
      });
    return changed.report;
  } finally {
    await recorded.close();
    await changed.close();
  }
}

/** The other one may be unable to do what comes next at all: that is a departure, with what the trace has. */
async function nextOr(
  replay: ShownReplay,
  until: number | undefined,
  recorded: ShownTurn | null,
): Promise<ShownTurn | null> {
  try {
    return await replay.next(until);
  } catch (error) {
    if (!(error instanceof Departure)) throw error;
    throw new Departure({ ...error.departure, recorded: did(recorded) });
  }
}

function did(turn: ShownTurn | null): string {
  if (turn === null) return 'nothing more';
  const events = turn.events.map((event) => {
    if (event.type === 'send') return `${event.channel}${event.persist ? '!!' : '!'}(${event.message})`;
    const channels = event.channels.join(' & ');
    return event.type === 'receive' ? `a receive on ${channels}` : `a match on ${channels} of (${event.got})`;
  });
  return [turn.what, ...events].join('; ');
}

/** The name of the only deploy that is started in a trace; undefined where there are several. */
async function soleDeploy(trace: string | Uint8Array, options: ReplaySurroundings): Promise<string | undefined> {
  const names: string[] = [];
  const replay = await openReplay(trace, {
    ...options,
    onTurn: (turn) => {
      if (turn.type === 'cause' && turn.cause.kind === 'deploy') names.push(deployNameOf(turn.cause));
      return names.length > 1;
    },
  });
  try {
    await replay.run();
  } finally {
    await replay.close();
  }
  return names.length === 1 ? names[0] : undefined;
}

/** Where in the payload of a deploy its holder, name and term stand. */
const HOLDER_AT = 2;
const NAME_AT = 3;
const TERMS_AT = 5;

function deployNameOf({ payload }: CauseRecord): string {
  return payload instanceof Tuple ? String(payload.items[NAME_AT]) : '';
}

/** URIs are bound to what the holder of the recorded program had by then. */
function withProgram(cause: CauseRecord, text: string, engine: SpaceEngine): CauseRecord {
  const items = [...(cause.payload as Tuple).items];
  const prefix = `powerbox/${String(items[HOLDER_AT])}/`;
  const uris = new Map<string, Value>();
  for (const [key, name] of engine.facts(prefix)) {
    const uri = key.slice(prefix.length);
    uris.set(uri === system.name ? POWERBOX_URI : uri, bundle(name, false, true));
  }
  items[TERMS_AT] = new List([compileText(text, { uris }).term]);
  return { ...cause, payload: new Tuple(items) };
}
