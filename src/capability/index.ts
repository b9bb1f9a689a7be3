/** Powerboxes and grants: who is given which channels, and what stands behind them. */
export { addressOf, contains, isSingle, parseAddress, parseNetwork } from './address.ts';
export type { Address, AddressKind, Network } from './address.ts';
export {
  allows,
  endpointRule,
  endpointRules,
  hasPort,
  hostName,
  mayName,
  networkRule,
  parseEndpoint,
  parsePorts,
} from './endpoint.ts';
export type { AddressRules, Endpoint, EndpointRule, HostRule, PortRange } from './endpoint.ts';
export { headerNameFault, headerValueFault, isProgramHeader, isSameHeader } from './http-header.ts';
export { addressRulesOf, namesOrigin, parseOriginRule, pathRefusal } from './http-origin.ts';
export type { OriginRule } from './http-origin.ts';
export { namesGranted } from './names-granted.ts';
export { SERVICE_LISTEN_DEFAULT, type ServiceConfig, serviceConfig } from './service-config.ts';
export { httpUrlText, parseHttpUrl, redirectTarget, shownHttpUrl } from './http-url.ts';
export type { HttpUrl } from './http-url.ts';
export type { HttpOrigin } from './powers/http.ts';
export {
  configurationSchema,
  configurationView,
  holderName,
  mistakeLine,
  OPERATOR_PREFIX,
  readConfigurationFile,
  readConfigurationObject,
  requireConfiguration,
} from './config/index.ts';
export type {
  Configuration,
  ConfigurationRead,
  ConfigurationSource,
  ConfigurationSurroundings,
  ConfiguredContract,
  ConfiguredDocument,
  ConfiguredHolder,
  Filling,
  FileText,
  Mistake,
} from './config/index.ts';
export { fillSecrets, type SecretLookup } from './powers/secret.ts';
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
export {
  POWERBOX_URI,
  PUBLIC_SYSTEM,
  grantedUris,
  openPublicSystem,
  powerboxChannel,
  powerboxFact,
  uris,
} from './powerbox.ts';
export { quotaSource, readQuotas } from './quota.ts';
export type { HolderQuota, QuotaSettings, QuotaSettingsSource } from './quota.ts';
export { holderQuotaSchema } from './quota.ts';
export { endpointOf, peerAddresses, peersConfig } from './peers-config.ts';
export type { PeerAddress, PeersConfig, PeersConfigSource } from './peers-config.ts';
export { ROLES } from './machine-config.ts';
export type {
  MachineConfig,
  MachineConfigSource,
  MachineRequirements,
  MachineShare,
  Role,
} from './machine-config.ts';
export type { NativeConfig, NativeConfigSource } from './natives-config.ts';
export { type Opened, TokenRight, Tokens } from './tokens.ts';
export { powerNameOf } from './powers/index.ts';
export type { Power, PowerKind, PowerOf, PowerSource } from './powers/index.ts';
