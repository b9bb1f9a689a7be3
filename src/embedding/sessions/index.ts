/** Sessions of a space: what its clients ask outlives their connections and this process. */
export { wireError } from './errors.ts';
export type { AskedFork, ForkAnswer, RunFork } from './forks.ts';
export type { Holder } from './holder.ts';
export type { Sealed } from './holdings.ts';
export { SESSION_LABEL } from './step.ts';
export { type Said, refused, SessionReader } from './reader.ts';
export { withArrived } from './references.ts';
export type { Session } from './session.ts';
export { Sessions } from './sessions.ts';
export type { Asked, Delivery, Outlet, RowUse } from './types.ts';
