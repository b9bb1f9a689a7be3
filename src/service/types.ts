/** The words of the service: what it is given, and what it hands to its routes. */
import type { Space } from '../embedding/index.ts';

/** Who is there, as a signed token says. */
export interface Identity {
  readonly holder: string;
  /** Milliseconds since 1970 at which this ends; null: it has no end. */
  readonly expires_ms: number | null;
  /** The spaces that it is good for; null: all. */
  readonly spaces: readonly string[] | null;
}

export interface Credentials {
  /** Null: none was given. */
  readonly token: string | null;
  /** The connection came from this machine. */
  readonly loopback: boolean;
}

/** Finds out who is there. Rejects with `auth_failed` what does not hold, in words that help nobody who guesses. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Identity>;
}

/** The spaces of a node by name. One that is not open yet may be opened by asking for it. */
export interface SpaceDirectory {
  /** `identity`: who asks; a space that has an owner is there for nobody else. */
  get(name: string, identity?: Identity): Space | undefined | Promise<Space | undefined>;
}

export interface TlsFiles {
  /** PEM. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

export interface ListenOptions {
  /** An address of this machine. One that is not loopback needs `tls`, or `insecure`. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls?: TlsFiles;
  /** The operator's word that others may read and change what goes over the network. */
  readonly insecure?: boolean;
}

export interface ServiceOptions {
  readonly spaces: SpaceDirectory;
  /** Of clients that name no space. Default: `default`. */
  readonly defaultSpace?: string;
  readonly auth: Authenticator;
  readonly listen: ListenOptions;
  /** Other things that are asked over HTTP, on the same port. */
  readonly routes?: readonly Route[];
  /** Origins whose pages may connect, `https://host:port`; `*` for all. Default: the service's own. */
  readonly origins?: readonly string[];
  /** Whether clients may name public channels, as programs may. Default false: they use what they were handed. */
  readonly publicNames?: boolean;
  /** Milliseconds for which a session without a connection is kept. */
  readonly session_ms?: number;
  /** Milliseconds between two signs of life of a connection. */
  readonly ping_ms?: number;
  /** What is taken at the most; each is at most, and by default, what `limits` says. */
  readonly bounds?: { readonly [bound in keyof ServiceBounds]?: number | undefined };
  /** What is told of connections and requests, for metrics, logs and traces. */
  readonly observe?: ServiceObserver;
}

export interface ServiceBounds {
  /** Connections at a time; one more is refused with `rate_limited`. */
  readonly connections_max: number;
  /** Requests that one connection may send in a second; more are read later. */
  readonly requests_per_second_max: number;
  /** Bytes of one frame; a larger one ends its connection. */
  readonly frame_bytes_max: number;
}

/** Who watches the service. Nothing that it is told holds a token, a name or what was said. */
export interface ServiceObserver {
  opened?(connection: ConnectionReport): void;
  closed?(connection: ConnectionReport, why: string): void;
  /** So many requests of one kind came in one frame. */
  requests?(space: string, holder: string, kind: string, count: number): void;
  /** A request was answered with an error of this code; `connection_…` ones are of whole connections. */
  refused?(space: string, holder: string, code: string): void;
  bytes?(space: string, direction: 'in' | 'out', count: number): void;
}

export interface ConnectionReport {
  readonly number: number;
  /** Address of the peer. */
  readonly peer: string;
  /** Empty before it has been welcomed. */
  readonly holder: string;
  readonly space: string;
  readonly session: number;
  readonly client: string;
}

export interface RunningService {
  readonly address: ServiceAddress;
  /** How much there is of what. */
  counts(): ServiceCounts;
  /**
   * Takes nothing new, tells every client to go, and waits this long for what is under way. Sessions stay, to be gone
   * on with when their spaces are served again; the spaces stay open.
   */
  close(grace_ms?: number): Promise<void>;
}

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
  /** `ws://…` or `wss://…`. */
  readonly url: string;
}

export interface ServiceCounts {
  readonly connections: number;
  readonly sessions: number;
  /** Requests that wait for their answers. */
  readonly waiting: number;
  /** Deliveries that are not acknowledged. */
  readonly undelivered: number;
}

/** Something that is asked over HTTP. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As it stands in the request, without what follows a question mark. */
  readonly path: string;
  handle(request: RouteRequest): RouteAnswer | Promise<RouteAnswer>;
}

export interface RouteRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** That of `Authorization: Bearer …`, or null. */
  readonly token: string | null;
  readonly loopback: boolean;
  /** Address of the peer. */
  readonly peer: string;
  /** Aborted when whoever asked has gone. */
  readonly signal: AbortSignal;
  /** The body, whole. Rejects with `wire_invalid` when it is longer. */
  body(bytes_max: number): Promise<Uint8Array>;
}

export interface RouteAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}
