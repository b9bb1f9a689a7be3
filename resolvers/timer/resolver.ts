/**
 * Answers on channels of the clock and of timers. A timer is a source whose handle holds its due time, so it is
 * the same after a restart; of it, only its place in the schedule lives in memory. Owns the schedule and the count
 * of timers of each grant.
 */
import { timer } from '../../channels/index.ts';
import { powerHandle, readPowerHandle } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import { limits } from '../../src/limits.ts';
import { Later, NewSource } from '../../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, NativeError, Source } from '../../src/natives/index.ts';
import type { Clock, Platform } from '../../src/platform/index.ts';
import { sizeOf } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Granted, grantGone, OpenSources } from '../granted.ts';
import type { Resolver } from '../resolver.ts';
import { Schedule } from './schedule.ts';

type TimerPower = PowerOf<'timer'>;

export class TimerResolver implements Resolver<'timer'> {
  readonly kind = 'timer';
  readonly natives: readonly Native[];
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #schedule: Schedule;
  readonly #granted = new Granted<TimerPower>();
  /** Timers that are set. */
  readonly #set = new OpenSources();

  constructor(platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#platform = platform;
    this.#schedule = new Schedule(platform);
    this.natives = [
      {
        declaration: timer,
        call: (call) => this.#granted.under(call.handle, (power, id) => this.#answer(power, id, call)),
        open: (source) => this.#open(source),
      },
    ];
  }

  grant(id: string, power: TimerPower): void {
    this.#granted.set(id, power);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
    this.#set.revoke(id);
  }

  close(): void {
    this.#granted.clear();
    this.#schedule.close();
  }

  #answer(power: TimerPower, id: string, { method, args }: NativeCall): NativeAnswer {
    const now_ms = this.#schedule.now_ms();
    const [first, second] = args;
    if (second !== undefined && sizeOf(second, limits.timer_value_bytes_max) >= limits.timer_value_bytes_max) {
      const message = `a timer keeps a value of less than about ${limits.timer_value_bytes_max} bytes until it fires`;
      return { error: { code: 'value_too_large', message } };
    }
    switch (method) {
      case 'now':
        return { ok: this.#platform.clock.now_ms() };
      case 'after':
        return this.#setting(power, id, () => new Later(once(id, AFTER, now_ms + (first as number), second)));
      case 'at':
        return this.#setting(power, id, () => new Later(once(id, AT, first as number, second)));
      case 'every':
        if ((first as number) < power.period_ms_min) {
          return {
            error: {
              code: 'not_available',
              message: `ticks of this grant have a period of at least ${power.period_ms_min} ms, but ${first} ms came`,
            },
          };
        }
        return this.#setting(power, id, () => ticks(id, now_ms, first as number, second));
      case 'cancel':
        return { ok: null, closes: first as Value };
      default:
        throw new Error(`timer has no method ${method}`);
    }
  }

  #setting(power: TimerPower, id: string, make: () => NewSource | Later): NativeAnswer {
    return this.#set.count(id) >= power.timers_max ? { error: tooMany(power) } : { ok: make() };
  }

  /** What is counted is what is open, so that calls which pass the first check at once end here. */
  #open(source: Source): void {
    const { grant, rest } = readPowerHandle(source.handle);
    const power = this.#granted.get(grant);
    const refused =
      power === undefined
        ? grantGone(grant)
        : !source.resumed && this.#set.count(grant) >= power.timers_max
          ? tooMany(power)
          : null;
    if (refused !== null) {
      void source.fail(refused);
      return;
    }
    void this.#set.during(grant, source, () =>
      rest[0] === TICKS
        ? tick(this.#schedule, source, rest)
        : fireOnce(this.#schedule, this.#platform.clock, source, rest),
    );
  }
}

/** Handles are values: the grant, a word, and times. */
const AFTER = 'after';
const AT = 'at';
const TICKS = 'ticks';

function once(id: string, word: string, due_ms: number, value: Value | undefined): NewSource {
  return new NewSource(timer.name, powerHandle(id, word, due_ms, value ?? null));
}

async function fireOnce(schedule: Schedule, clock: Clock, source: Source, rest: readonly Value[]): Promise<void> {
  const [word, due_ms, value] = rest as [string, number, Value];
  let early_ms = 0;
  do {
    const wait_ms = early_ms === 0 ? due_ms : schedule.now_ms() + early_ms;
    if ((await schedule.reached(wait_ms, source.signal)) === null) return;
    // What is said by the clock waits for the clock, also when that was set back.
    early_ms = word === AT ? Math.max(0, due_ms - clock.now_ms()) : 0;
  } while (early_ms > 0);
  await source.push([value], { last: true });
}

/** One tick at most lies unread: the next one is due when that was taken, and counts what was passed over. */
function ticks(id: string, start_ms: number, period_ms: number, count: Value | undefined): NewSource {
  return new NewSource(timer.name, powerHandle(id, TICKS, start_ms, period_ms, count ?? null), { unread_max: 1 });
}

/** The state of the source is the number of the last tick that arrived. */
async function tick(schedule: Schedule, source: Source, rest: readonly Value[]): Promise<void> {
  const [, start_ms, period_ms, count] = rest as [string, number, number, number | null];
  const last = count ?? Number.MAX_SAFE_INTEGER;
  let number = (source.state as number | undefined) ?? 0;
  while (number < last) {
    const now_ms = await schedule.reached(start_ms + (number + 1) * period_ms, source.signal);
    if (now_ms === null) return;
    number = Math.min(last, Math.max(number + 1, Math.floor((now_ms - start_ms) / period_ms)));
    const due_ms = start_ms + number * period_ms;
    if (!(await source.push([number, due_ms], { state: number, last: number === last }))) return;
  }
}

function tooMany({ timers_max }: TimerPower): NativeError {
  return { code: 'quota_exceeded', message: `this grant has ${timers_max} timers set, the most it may have` };
}
