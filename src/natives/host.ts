/**
 * One configured host over its life: started, watched, started again, given up, stopped. Owns its state and its one
 * connection. Only the end of a connection is taken for its end, never an error that it answers.
 */
import type { ChannelDeclaration } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable, Platform } from '../platform/index.ts';
import { HostConnection, hostFailed } from './connection.ts';
import { canonicalText, type DeclarationSource, differences, hosted, readDeclaration } from './declaration.ts';
import { Gate, type Leaving } from './gate.ts';
import type { Launcher } from './link.ts';
import { type HostFacts, PreparedEffects } from './prepared.ts';
import type { ToNode } from './protocol.ts';

/** What follows when it ends by itself. */
export type OnExit = 'restart' | 'fail' | 'shutdown';

export interface HostSettings {
  /** Of the native, and of its declaration. */
  readonly name: string;
  readonly launcher: Launcher;
  readonly client: Uint8Array;
  /** Whether the node starts only with it. */
  readonly required: boolean;
  readonly onExit: OnExit;
  /** Ends in a row after which it is given up; null: never. */
  readonly restarts_max: number | null;
  /** Whether its request to shut the node down is honoured. */
  readonly mayShutDown: boolean;
  readonly calls_max: number;
  readonly queue_max: number;
  readonly call_ms_max: number | null;
  readonly message_bytes_max: number;
  readonly start_ms_max: number;
  readonly silent_ms_max: number | null;
  /** What the operator has pinned; null: what it announces is taken. */
  readonly pinned: readonly DeclarationSource[] | null;
  /** What it announced when it was last there; null: it never was. */
  readonly remembered: readonly DeclarationSource[] | null;
}

export type HostState = 'starting' | 'up' | 'waiting' | 'failed' | 'stopped';

/** One line for the log of the node. */
export interface HostLine {
  readonly native: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
}

export interface HostSurroundings {
  readonly platform: Platform;
  readonly engine: HostFacts;
  readonly log: (line: HostLine) => void;
  /** It asks for the end of the node, or (`hasEnded`) its own end is the node's. */
  readonly onShutdown: (reason: string, hasEnded: boolean) => void;
}

export interface HostReport {
  readonly native: string;
  readonly form: string;
  readonly state: HostState;
  /** Why it is not up; empty when it is. */
  readonly reason: string;
  /** A process, a thread or a URL; empty where there is none now. */
  readonly where: string;
  /** Memory, as it has told last; null where it does not tell. */
  readonly memory_bytes: number | null;
  readonly restarts: number;
  readonly calls: number;
  readonly running: number;
  readonly waiting: number;
  /** Calls answered by code of their outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Frames that did not prove where they come from. */
  readonly dropped: number;
  /** Messages that were none. */
  readonly garbage: number;
}

/** Told of a connection that is there, or gone. */
export interface HostListener {
  connected(connection: HostConnection): void;
  /** `isFinal`: it does not come back. */
  disconnected(isFinal: boolean): void;
  push(connection: HostConnection, id: number, push: ToNode<'push'>): void;
  fail(connection: HostConnection, id: number, fail: ToNode<'fail'>): void;
}

export class Host {
  readonly settings: HostSettings;
  readonly gate: Gate;
  readonly prepared: PreparedEffects;
  readonly outcomes = new Map<string, number>();
  calls = 0;
  /** Of this host, by name; as they stand in the space. Empty until it, or what is known of it, has said. */
  declarations: ReadonlyMap<string, ChannelDeclaration>;
  #announced: readonly DeclarationSource[] | null;
  readonly #surroundings: HostSurroundings;
  readonly #listeners: HostListener[] = [];
  readonly #upWaiters = new Set<() => void>();
  #connection: HostConnection | null = null;
  #state: HostState = 'starting';
  #reason = 'it has not been started';
  #restarts = 0;
  /** Ends in a row, each soon after its start. */
  #failures = 0;
  #up_ms = 0;
  #again: Cancellable | null = null;
  #starting: Promise<void> = Promise.resolve();
  #counted = { dropped: 0, garbage: 0 };

  constructor(settings: HostSettings, surroundings: HostSurroundings) {
    this.settings = settings;
    this.#surroundings = surroundings;
    this.gate = new Gate(settings.calls_max, settings.queue_max);
    this.prepared = new PreparedEffects(
      settings.name,
      (native) => typeof native === 'string' && this.declarations.has(native),
      surroundings.engine,
      surroundings.platform.timers,
    );
    this.#announced = settings.pinned ?? settings.remembered;
    this.declarations = this.#announced === null ? new Map() : declarationsOf(settings.name, this.#announced);
  }

  listen(listener: HostListener): void {
    this.#listeners.push(listener);
  }

  get state(): HostState {
    return this.#state;
  }

  /** Null while it is not up. */
  get connection(): HostConnection | null {
    return this.#state === 'up' ? this.#connection : null;
  }

  /** Why a call cannot be made now, in words for its caller: what the host said itself is for its operator. */
  get absence(): string {
    switch (this.#state) {
      case 'up':
        return 'what it offers is not on record yet';
      case 'starting':
        return 'it has not come yet';
      case 'waiting':
        return 'it is being started again';
      case 'failed':
        return this.settings.launcher.form === 'none' ? 'none is configured' : 'it has ended';
      case 'stopped':
        return 'the node is closing';
      default: {
        const never: never = this.#state;
        return never;
      }
    }
  }

  /** What it announces, as the space remembers it; null while nothing is known of it. */
  get announced(): string | null {
    return this.#announced === null ? null : canonicalText(this.#announced);
  }

  /** Its first start. Rejects with `host_failed` where it is required, and with `host_mismatch` in any case. */
  async start(): Promise<void> {
    const { required, name } = this.settings;
    try {
      await this.#connect();
    } catch (error) {
      const refusal = error instanceof PowerboxError ? error : hostFailed(name, 'it could not be started');
      if (required || refusal.code !== 'host_failed') {
        this.#state = 'stopped';
        await this.settings.launcher.close(0);
        throw refusal;
      }
      this.#log('warn', refusal.message);
      this.#after(refusal.message);
    }
  }

  /** Resolves true once it is up, false when it will not be, or the wait is cut off. */
  whenUp(leaving: Leaving): Promise<boolean> {
    if (this.#state === 'up') return Promise.resolve(true);
    if (this.#isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      let stop = (): void => {};
      const told = (): void => {
        this.#upWaiters.delete(told);
        stop();
        resolve(this.#state === 'up');
      };
      this.#upWaiters.add(told);
      stop = leaving(told);
    });
  }

  async close(grace_ms: number): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#reason = 'the node is closing';
    this.#again?.cancel();
    this.prepared.close();
    this.#tellWaiters();
    this.#connection?.tell('stop', 0, { grace_ms });
    await this.settings.launcher.close(grace_ms);
    await this.#starting.catch(() => {});
    this.#connection?.destroy();
  }

  report(): HostReport {
    const { name, launcher } = this.settings;
    const connection = this.#connection;
    return {
      native: name,
      form: launcher.form,
      state: this.#state,
      reason: this.#state === 'up' ? '' : this.#reason,
      where: this.connection?.where ?? '',
      memory_bytes: this.connection?.memory_bytes ?? null,
      restarts: this.#restarts,
      calls: this.calls,
      running: this.gate.running,
      waiting: this.gate.waiting,
      outcomes: Object.fromEntries(this.outcomes),
      dropped: this.#counted.dropped + (connection?.dropped ?? 0),
      garbage: this.#counted.garbage + (connection?.garbage ?? 0),
    };
  }

  // -------------------------------------------------------------- coming and going

  #connect(): Promise<void> {
    this.#starting = this.#open();
    return this.#starting;
  }

  async #open(): Promise<void> {
    const { name, launcher, client, message_bytes_max, start_ms_max, silent_ms_max } = this.settings;
    const { clock, timers } = this.#surroundings.platform;
    let ended: string | null = null;
    let isOurs = false;
    const connection = await HostConnection.open(launcher, {
      native: name,
      client,
      message_bytes_max,
      start_ms_max,
      silent_ms_max,
      timers,
      onLog: ({ level, text }) => this.#log(level, text),
      onShutdown: (reason) => this.#asked(reason),
      onPush: (id, push) => {
        for (const listener of this.#listeners) listener.push(connection, id, push);
      },
      onFail: (id, fail) => {
        for (const listener of this.#listeners) listener.fail(connection, id, fail);
      },
      onEnd: (reason) => {
        ended = reason;
        if (isOurs) this.#ended(connection, reason);
      },
    });
    try {
      this.#accept(connection);
      await this.prepared.connected(connection);
      if (ended !== null) throw hostFailed(name, ended);
    } catch (error) {
      this.prepared.disconnected();
      connection.destroy();
      throw error;
    }
    if (this.#isOver) {
      connection.destroy();
      return;
    }
    isOurs = true;
    this.#connection = connection;
    this.#state = 'up';
    this.#reason = '';
    this.#up_ms = clock.monotonic_ms();
    for (const listener of this.#listeners) listener.connected(connection);
    this.#tellWaiters();
  }

  /** What it announces, against what is pinned, and against what programs have been told. */
  #accept({ welcome }: HostConnection): void {
    const { name, pinned } = this.settings;
    const { declarations } = welcome;
    const read = declarationsOf(name, declarations);
    const known = pinned ?? (this.#state === 'starting' ? null : this.#announced);
    const found = known === null ? [] : differences(known, declarations);
    if (found.length > 0) {
      const whose = pinned === null ? 'it announced before' : 'is pinned';
      throw new PowerboxError(
        'host_mismatch',
        `the host of ${name} does not announce what ${whose}:\n  ${found.join('\n  ')}`,
        {
          hint: 'Pin what the host announces, or start the host that announces what is pinned.',
        },
      );
    }
    this.#announced = declarations;
    this.declarations = read;
  }

  #ended(connection: HostConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#counted = {
      dropped: this.#counted.dropped + connection.dropped,
      garbage: this.#counted.garbage + connection.garbage,
    };
    this.#connection = null;
    this.prepared.disconnected();
    if (this.#state === 'stopped') return;
    const { clock } = this.#surroundings.platform;
    if (clock.monotonic_ms() - this.#up_ms >= limits.host_stable_ms) this.#failures = 0;
    this.#log('error', `it has ended: ${reason}`);
    this.#after(reason);
  }

  /** It is not there, by itself: what the operator has said of that case. */
  #after(reason: string): void {
    if (this.#isOver) return;
    const { onExit, restarts_max, name } = this.settings;
    const { platform, onShutdown } = this.#surroundings;
    this.#failures++;
    const isGivenUp = onExit === 'restart' && restarts_max !== null && this.#failures > restarts_max;
    if (onExit !== 'restart' || isGivenUp) {
      this.#state = 'failed';
      this.#reason = isGivenUp ? `it was given up after ${restarts_max} starts: ${reason}` : reason;
      for (const listener of this.#listeners) listener.disconnected(true);
      this.#tellWaiters();
      if (isGivenUp) this.#log('error', this.#reason);
      if (onExit === 'shutdown') onShutdown(`the host of ${name} has ended: ${reason}`, true);
      return;
    }
    this.#state = 'waiting';
    this.#reason = `it is being started again: ${reason}`;
    for (const listener of this.#listeners) listener.disconnected(false);
    const whole_ms = Math.min(limits.host_restart_ms_min * 2 ** (this.#failures - 1), limits.host_restart_ms_max);
    const [byte = 0] = platform.randomness.bytes(1);
    this.#again = platform.timers.after(Math.round(whole_ms * (0.5 + byte / 512)), () => this.#restart());
  }

  #restart(): void {
    this.#restarts++;
    this.#connect().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'it could not be started';
      this.#log('error', reason);
      this.#after(reason);
    });
  }

  #asked(reason: string): void {
    const { mayShutDown, name } = this.settings;
    this.#log(
      mayShutDown ? 'warn' : 'error',
      `it asks for the end of the node${mayShutDown ? '' : ', which it may not'}: ${reason}`,
    );
    if (mayShutDown) this.#surroundings.onShutdown(`the host of ${name} asks for it: ${reason}`, false);
  }

  get #isOver(): boolean {
    return this.#state === 'stopped' || this.#state === 'failed';
  }

  #tellWaiters(): void {
    for (const told of [...this.#upWaiters]) told();
  }

  #log(level: HostLine['level'], text: string): void {
    this.#surroundings.log({ native: this.settings.name, level, text });
  }
}

/** Refused with `declaration_invalid`, or `host_mismatch` when none of them is the native itself. */
function declarationsOf(name: string, sources: readonly DeclarationSource[]): ReadonlyMap<string, ChannelDeclaration> {
  if (sources.length > limits.host_natives_max)
    throw new PowerboxError(
      'host_mismatch',
      `the host of ${name} announces more than ${limits.host_natives_max} natives`,
    );
  const read = new Map(sources.map((source) => [source.name, readDeclaration(hosted(source))]));
  if (!read.has(name)) {
    const came = [...read.keys()].join(', ') || 'nothing';
    throw new PowerboxError('host_mismatch', `the native ${name} is expected of its host, and ${came} is announced`, {
      hint: 'The key below natives is the name of what the host declares.',
    });
  }
  return read;
}
