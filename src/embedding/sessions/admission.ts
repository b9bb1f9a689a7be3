/** Whether a session may do what it asks: how much may wait for it, what its tokens allow, which channels are public. */
import { PUBLIC_SYSTEM } from '../../capability/index.ts';
import type { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Bundle, equal, isClosed, isPattern, Kind, kindOf, type Value } from '../../values/index.ts';
import { refusal } from './errors.ts';
import type { Session } from './session.ts';
import { type Step, unheld } from './step.ts';
import type { Asked } from './types.ts';

export class Admission {
  readonly #isSystemPublic: () => boolean;

  /** Whether anybody answers on the public name of the system. */
  constructor(isSystemPublic: () => boolean) {
    this.#isSystemPublic = isSystemPublic;
  }

  /** A row may have gone since its token was read. */
  requireHeld({ session, asked }: Pick<Step, 'session' | 'asked'>): void {
    const { holdings } = session.holder;
    for (const { row, rights } of asked.uses) if (!holdings.allows(row, rights)) throw unheld();
  }

  requireRoom(session: Session): void {
    if (session.waiting >= limits.session_requests_max)
      throw refusal(
        'quota_exceeded',
        `${limits.session_requests_max} requests of this session are waiting`,
        'wait for some of them, or cancel them',
      );
    if (session.undelivered >= limits.session_deliveries_slow)
      throw refusal(
        'rate_limited',
        `${limits.session_deliveries_slow} deliveries of this session are not acknowledged`,
      );
  }

  /** What may be done on a channel: by its token, or by its being public where clients may name such. */
  channel(session: Session, asked: Asked, value: Value, right: 'read' | 'write'): Value {
    if (value instanceof Bundle) {
      if (!value[right]) throw noRight(right);
      if (kindOf(value.body) === Kind.Name || this.#wasGiven(session, asked, value.body)) return value.body;
      return this.#publicChannel(session, value.body);
    }
    return kindOf(value) === Kind.Name ? value : this.#publicChannel(session, value);
  }

  /** A public channel that came as a token is one that the client was handed. */
  #wasGiven(session: Session, asked: Asked, body: Value): boolean {
    const { holdings } = session.holder;
    return asked.uses.some(({ row }) => {
      const held = holdings.row(row);
      return held !== undefined && equal(held.body, body);
    });
  }

  #publicChannel(session: Session, value: Value): Value {
    if (!session.publicNames)
      throw refusal(
        'not_permitted',
        'clients of this service do not use public names as channels',
        'ask for a capability, or the operator for `publicNames: true` below `service` in the configuration',
      );
    if (value === PUBLIC_SYSTEM && !this.#isSystemPublic())
      throw refusal('not_available', `nobody answers on @"${PUBLIC_SYSTEM}" here`, 'use the powerbox of the welcome');
    if (isPattern(value) || !isClosed(value))
      throw refusal('value_unsupported', 'a channel is a value without variables and wildcards');
    return value;
  }
}

function noRight(right: 'read' | 'write'): PowerboxError {
  return refusal(
    'capability_refused',
    right === 'read'
      ? 'this capability may be written to, and not be read from'
      : 'this capability may be read from, and not be written to',
  );
}
