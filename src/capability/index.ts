/** Powerboxes and grants: who is given which channels, and what stands behind them. */
export { addressOf, contains, isSingle, parseAddress, parseNetwork } from './address.ts';
export type { Address, AddressKind, Network } from './address.ts';
export {
  allows,
  endpointRule,
  endpointRules,
  hasPort,
  hostName,
  hostRule,
  mayName,
  namesHost,
  networkRule,
  parseEndpoint,
  parseEndpointRule,
  parseHostRule,
  parsePorts,
} from './endpoint.ts';
export type { AddressRules, Endpoint, EndpointRule, HostRule, PortRange } from './endpoint.ts';
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
