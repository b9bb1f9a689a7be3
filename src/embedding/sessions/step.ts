/** What the parts of the sessions' law share: one request in its turn, and how its continuation is known. */
import type { PowerboxError } from '../../errors.ts';
import type { Body, Turn } from '../../space/index.ts';
import { refusal } from './errors.ts';
import type { Session } from './session.ts';
import type { Asked } from './types.ts';

export const SESSION_LABEL = 'session';

/** Third in the environment of a task that goes on with what lies there. */
export const MORE = 'more';

/** One request that is being applied. */
export interface Step {
  readonly turn: Turn;
  readonly session: Session;
  readonly asked: Asked;
  readonly now_ms: number;
}

export function bodyOf(session: number, id: number): Body {
  return { label: SESSION_LABEL, term: null, place: 0, environment: [session, id] };
}

export function isMine({ label, environment }: Body, session: number, id: number): boolean {
  return label === SESSION_LABEL && environment[0] === session && environment[1] === id;
}

export function unheld(): PowerboxError {
  return refusal('capability_refused', 'this capability is not held here');
}

export function wasCancelled(): PowerboxError {
  return refusal('cancelled', 'the request was cancelled');
}
