/**
 * What one grant of HTTP allows, made ready for judging requests. Owns what is under way under it, so that taking it
 * back ends that.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  addressRulesOf,
  headerValueFault,
  namesOrigin,
  parseOriginRule,
  pathRefusal,
  shownHttpUrl,
} from '../../src/capability/index.ts';
import type { AddressRules, HttpOrigin, HttpUrl, OriginRule, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { Places } from '../../src/platform/index.ts';
import type { Placed, Platform } from '../../src/platform/index.ts';
import { grantGone } from '../granted.ts';
import type { TrustSettings } from './connections.ts';
import { Gate } from './gate.ts';
import { Route } from './route.ts';

/** One entry of a grant: an origin, and what may be asked of it. */
export interface Entry {
  readonly rule: OriginRule;
  readonly settings: HttpOrigin;
  readonly addresses: AddressRules;
  /** The operator's own, as name, value, name, value. */
  readonly headers: readonly string[];
  /** What programs may not set here, in lower case. */
  readonly kept: readonly string[];
  readonly trust: TrustSettings;
  readonly gate: Gate;
}

/** Something under way that can be ended. */
export interface Stoppable {
  stop(error: PowerboxError): void;
}

/** Under way under a grant. */
export interface Running extends Stoppable, Placed {}

export class HttpGrant {
  readonly id: string;
  readonly #entries: readonly Entry[];
  readonly #running = new Places<Running>();
  readonly #routes = new WeakMap<HttpUrl, Map<string, Route>>();
  #revoked = false;

  /** Refused with `config_invalid`. */
  constructor(id: string, power: PowerOf<'http'>, platform: Platform) {
    this.id = id;
    this.#entries = power.origins.map((origin) => entryOf(origin, platform));
  }

  /** The entry that says what this request (by any method, for null) may do, or why there is none. */
  find(url: HttpUrl, method: string | null): Entry | PowerboxError {
    let why = `${url.origin} is not among what was granted`;
    let isCovered = false;
    for (const entry of this.#entries) {
      if (!namesOrigin(entry.rule, url)) continue;
      const refusal = pathRefusal(url.path, entry.settings.paths);
      if (refusal === null) {
        if (method === null || entry.settings.methods.some((each) => each === method)) return entry;
        isCovered = true;
        why = `${method} is not granted at ${shownHttpUrl(url)}`;
      } else if (!isCovered) why = `${shownHttpUrl(url)} is refused: ${refusal}`;
    }
    return new PowerboxError('address_refused', why);
  }

  /** As `find`, with what is known of requests that went the same way. Refused with `address_refused`. */
  route(url: HttpUrl, method: string): Route {
    let routes = this.#routes.get(url);
    if (routes === undefined) {
      routes = new Map();
      this.#routes.set(url, routes);
    }
    let route = routes.get(method);
    if (route === undefined) {
      const entry = this.find(url, method);
      if (entry instanceof PowerboxError) throw entry;
      route = new Route(entry, url);
      routes.set(method, route);
    }
    return route;
  }

  add(running: Running): void {
    this.#running.enter(running);
    if (this.#revoked) running.stop(gone(this.id));
  }

  delete(running: Running): void {
    this.#running.leave(running);
  }

  revoke(): void {
    this.#revoked = true;
    for (const running of this.#running.all()) running.stop(gone(this.id));
  }
}

export function gone(id: string): PowerboxError {
  const { code, message } = grantGone(id);
  return new PowerboxError(code, message);
}

function entryOf(settings: HttpOrigin, platform: Platform): Entry {
  const rule = parseOriginRule(settings.origin);
  if (typeof rule === 'string') throw new Error(rule);
  const headers = Object.entries(settings.headers).flatMap(([name, secret]) => {
    const value = secret.reveal();
    const fault = headerValueFault(value);
    if (fault !== null) throw invalid(settings, `the header ${name} cannot be sent: ${fault}`);
    return [name, value];
  });
  const { idempotencyHeader } = settings;
  return {
    rule,
    settings,
    addresses: addressRulesOf(rule, settings.addresses),
    headers,
    kept: [
      ...Object.keys(settings.headers),
      ...settings.headersRefused,
      ...(idempotencyHeader === undefined ? [] : [idempotencyHeader]),
    ],
    trust: trustOf(settings, platform),
    gate: new Gate(platform.clock.monotonic_ms(), settings),
  };
}

function trustOf(settings: HttpOrigin, platform: Platform): TrustSettings {
  const { ca: caFile, caText, cert: certFile, key: keyFile } = settings.tls;
  const ca = caFile === undefined ? caText : readText(caFile, settings);
  const cert = certFile === undefined ? undefined : readText(certFile, settings);
  const privateKey = keyFile === undefined ? undefined : readText(keyFile, settings);
  for (const text of [ca, cert]) if (text !== undefined) requireCertificates(text, settings);
  if (ca === undefined && cert === undefined) return { key: '' };
  const hash = platform.hashing.sha256(new TextEncoder().encode(JSON.stringify([ca, cert, privateKey])));
  return {
    key: Buffer.from(hash).toString('hex'),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(privateKey === undefined ? {} : { privateKey }),
  };
}

/** What is no certificate would be passed over in silence, and nobody trusted, or everybody. */
function requireCertificates(text: string, settings: HttpOrigin): void {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new Error('there is none in it');
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    throw invalid(settings, `its certificates cannot be read: ${error instanceof Error ? error.message : 'malformed'}`);
  }
}

function readText(path: string, settings: HttpOrigin): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw invalid(settings, `the file ${path} cannot be read: ${code}`);
  }
}

function invalid(settings: HttpOrigin, why: string): PowerboxError {
  return new PowerboxError('config_invalid', `the grant of ${settings.origin} cannot stand: ${why}`);
}
