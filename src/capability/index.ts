/** Powerboxes and grants: who is given which channels, and what stands behind them. */
export { grantId, parseGrant, parseGrants, readGrants } from './grant.ts';
export type { FilesGrant, Grant, NativeGrant, StdioGrant } from './grant.ts';
export {
  fileHandle,
  powerHandle,
  readFileHandle,
  readPowerHandle,
  readStreamHandle,
  readSystemHandle,
} from './handle.ts';
export type { FileReference, HeldPower, PowerReference, SystemReference } from './handle.ts';
export { POWERBOX_URI, PUBLIC_SYSTEM, grantedUris, openPublicSystem, powerboxChannel, uris } from './powerbox.ts';
export { powerNameOf } from './powers/index.ts';
export type { Power, PowerKind, PowerOf, PowerSource } from './powers/index.ts';
