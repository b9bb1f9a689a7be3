/**
 * From a URL to a box. Owns the checks of what a program gives, and the first connection. Must never send a token where
 * others can read it.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { onAbort } from './abort.ts';
import { BoxMethods } from './box.ts';
import { CursorKeeper, type CursorStore } from './cursor.ts';
import { Emitter } from './emitter.ts';
import type { EveryObject, SystemChannel } from './generated.ts';
import type { BoxEvents } from './options.ts';
import { type ConnectionState, Session, type TokenSource } from './session.ts';
import { type SocketMaker, surroundingsOf, type Surroundings } from './surroundings.ts';

export interface ConnectOptions {
  /**
   * Names the holder: a token that `powerbox token` has signed, or a function that gets one, which is asked before each
   * connection. Without one the service must let programs of its own machine in.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** Which space, where the service has several. */
  readonly space?: string;
  /** What this client calls itself, in the logs of the service. */
  readonly client?: string;
  /** Where it is written down how far this client came, for its next run. */
  readonly cursor?: CursorStore;
  /** Aborted: the first connection is given up. Later it does nothing. */
  readonly signal?: AbortSignal;
  /** The class to make WebSockets with. Default: that of the platform; in Node, that of `ws`. */
  readonly webSocket?: SocketMaker;
  /** This program's word that others may read the token and all that is said: `ws://` beyond this machine. */
  readonly insecure?: boolean;
  /**
   * The step of this program's own trace in which it asks: a W3C `traceparent`, or a function that tells it at each
   * request. The service and the natives behind it go on with that trace.
   */
  readonly traceparent?: string | (() => string | null | undefined);
  /** Milliseconds in which the first connection must come about, over as many dials as that takes. */
  readonly connect_ms?: number;
  /** Milliseconds for one dial, up to the service's welcome. */
  readonly dial_ms?: number;
  /** Milliseconds between two pings; a connection that is silent for two of them is dialled again. */
  readonly heartbeat_ms?: number;
  /** Milliseconds before the second dial; each further delay is twice as long, up to the greatest. */
  readonly backoff_ms?: number;
  readonly backoff_ms_max?: number;
}

/** A space as its holder has it: the powerbox's methods, and what can be done with channels. */
export type Box = BoxMethods & Omit<SystemChannel, keyof EveryObject>;

/** Connects to a space. Resolves when the service has welcomed this client. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Box> {
  return connectIn(surroundingsOf(options.webSocket), url, options);
}

/** As `connect`, on a machine of one's own. */
export async function connectIn(surroundings: Surroundings, url: string, options: ConnectOptions): Promise<Box> {
  const address = addressOf(url, options);
  const { traceparent } = options;
  const events = new Emitter<BoxEvents>();
  const unheard = (error: unknown): void => {
    if (!events.emit('unheard', error)) void Promise.reject(error as Error);
  };
  const cursors = await CursorKeeper.open(options.cursor ?? null, unheard);
  let state: ConnectionState = { state: 'reconnecting', reason: 'the first connection', attempt: 0, delay_ms: 0 };
  const session = new Session(
    {
      url: address,
      token: (options.token ?? null) satisfies TokenSource,
      space: options.space ?? null,
      client: options.client ?? '',
      traceparent: typeof traceparent === 'function' ? traceparent : () => traceparent,
      times: {
        dial_ms: options.dial_ms ?? limits.client_dial_ms,
        heartbeat_ms: options.heartbeat_ms ?? limits.client_heartbeat_ms,
        backoff_ms: options.backoff_ms ?? limits.client_backoff_ms,
        backoff_ms_max: options.backoff_ms_max ?? limits.client_backoff_ms_max,
      },
    },
    surroundings,
    cursors,
    {
      changed: (now) => {
        state = now;
        events.emit('state', now);
      },
      unheard,
    },
  );
  const box = boxOf(
    session,
    new BoxMethods(
      session,
      cursors,
      events,
      () => session.powerbox,
      () => state,
    ),
  );
  await firstConnection(session, events, surroundings, options, () => state);
  return box;
}

/** What the box has is its own; every other name is a method of the powerbox. */
function boxOf(session: Session, methods: BoxMethods): Box {
  return new Proxy(methods, {
    get(target, key) {
      // `then` would make a promise of it, and what every object has is no method of the powerbox.
      if (key in target || typeof key !== 'string' || key === 'then' || key === 'toJSON') {
        const own: unknown = Reflect.get(target, key, target);
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      }
      return (session.powerbox as unknown as Readonly<Record<string, unknown>>)[key];
    },
  }) as Box;
}

function firstConnection(
  session: Session,
  events: Emitter<BoxEvents>,
  surroundings: Surroundings,
  options: ConnectOptions,
  current: () => ConnectionState,
): Promise<void> {
  const { signal, connect_ms = limits.client_connect_ms } = options;
  return new Promise((resolve, reject) => {
    const settle = (error: PowerboxError | null): void => {
      stopListening();
      cancelTimer();
      unlisten();
      if (error === null) resolve();
      else {
        session.close(true);
        reject(error);
      }
    };
    const giveUp = (): void => {
      settle(new PowerboxError('cancelled', 'the connection was given up', { cause: signal?.reason }));
    };
    const stopListening = events.on('state', (state) => {
      if (state.state === 'connected') settle(null);
      else if (state.state === 'closed' && isPowerboxError(state.error)) settle(state.error);
    });
    const cancelTimer = surroundings.after(connect_ms, () => {
      const state = current();
      const reason = state.state === 'reconnecting' ? state.reason : 'no welcome';
      settle(new PowerboxError('net_failed', `no connection within ${connect_ms} ms: ${reason}`));
    });
    const unlisten = signal === undefined ? () => {} : onAbort(signal, giveUp);
    if (signal?.aborted === true) giveUp();
    else session.open();
  });
}

const SCHEMES: Readonly<Record<string, string>> = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' };
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The address of the WebSocket; refused with `url_invalid` where a token would go in clear. */
function addressOf(text: string, { insecure = false }: ConnectOptions): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const scheme = url === null ? undefined : SCHEMES[url.protocol];
  if (url === null || scheme === undefined || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new PowerboxError('url_invalid', 'the address of a service is ws://host:port or wss://host:port', {
      hint: 'A token goes into the options, not into the address.',
    });
  }
  if (scheme === 'ws:' && !insecure && !LOOPBACK.test(url.hostname)) {
    throw new PowerboxError('url_invalid', `ws://${url.host} is not encrypted and leads to another machine`, {
      hint: 'Use wss://, or say `insecure: true` where the network itself is safe.',
    });
  }
  return `${scheme}//${url.host}${url.pathname}${url.search}`;
}
