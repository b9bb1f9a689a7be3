/**
 * Queries and estimates that a client asks over the wire: its program in a fork, under its holder's powers and within the
 * bounds of the wire, and what it answers as a value. Names that were there before are let out as any answer lets them out;
 * those that were made in the fork are gone with it, so an answer that holds one is refused.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Fork } from '../space/index.ts';
import { Encoder, list, map, Name, type Value } from '../values/index.ts';
import { estimateIn, type Forked, inFork, type ModeParts, queryIn } from './modes.ts';
import type { Service } from './service.ts';
import { type AskedFork, type ForkAnswer, type RunFork, wireError } from './sessions/index.ts';
import type { EstimateReport, ModeFailure } from './types.ts';

export function forkRunner(parts: ModeParts & { readonly service: Service }): RunFork {
  return async ({ request, holder, signal, span }: AskedFork): Promise<ForkAnswer> => {
    const { kind, text, name, uris, limit_ms, cost_max } = request;
    const options = {
      name,
      holder,
      uris,
      cost_max: Math.min(cost_max ?? limits.session_fork_cost_max, limits.session_fork_cost_max),
      ...(limit_ms === null ? {} : { limit_ms }),
    };
    let cost = 0;
    const run = async (forked: Forked): Promise<Value> => {
      const stop = (): void => forked.drop();
      signal.addEventListener('abort', stop, { once: true });
      try {
        if (signal.aborted) stop();
        if (kind === 'estimate') return bounded(estimateValue(await estimateIn(parts, forked, text, options)));
        const { answers, ...report } = await queryIn(parts, forked, text, options);
        const said = list(answers.map((message) => list(message)));
        return bounded(reportValue(report.cost, report.failures, ['answers', said]), forked.fork);
      } finally {
        signal.removeEventListener('abort', stop);
        cost = forked.fork.ledger.cost;
      }
    };
    try {
      parts.service.requireIn();
      return { outcome: { ok: await inFork(parts, kind, options, run, span) }, cost };
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      return { outcome: { error: wireError(error) }, cost };
    }
  };
}

function estimateValue({ cost, exact, calls, failures }: EstimateReport): Value {
  const unmade = calls.map(({ what, effect, args }) =>
    map([
      ['what', what],
      ['effect', effect],
      ['args', list([...args])],
    ]),
  );
  return reportValue(cost, failures, ['exact', exact], ['calls', list(unmade)]);
}

function reportValue(cost: number, failures: readonly ModeFailure[], ...rest: readonly [string, Value][]): Value {
  const failed = failures.map(({ code, message, hint }) =>
    map([
      ['code', code],
      ['message', message],
      ['hint', hint],
    ]),
  );
  return map([['cost', cost], ['failures', list(failed)], ...rest]);
}

const ANY_NAME = { type: 3, payload: new Uint8Array(32) };

/** Refuses what is larger than may be answered, and what names something that is gone by then. */
function bounded(value: Value, fork: Fork | null = null): Value {
  const encoder = new Encoder(1024, (name) => {
    if (name instanceof Name && fork?.channels.isOwn(name) === true)
      throw new PowerboxError('value_unsupported', 'an answer holds a name that was made by the query, and is gone', {
        hint: 'Answer with what lies there, or run the program as a transaction.',
      });
    // What it is counts, not what it is called: its token is about as long.
    return name instanceof Name ? ANY_NAME : null;
  });
  encoder.value(value);
  if (encoder.length <= limits.session_fork_answer_bytes_max) return value;
  const most = limits.session_fork_answer_bytes_max;
  throw new PowerboxError('value_too_large', `an answer of ${encoder.length} bytes; at most ${most} are sent`, {
    hint: 'Ask for less at once.',
  });
}
