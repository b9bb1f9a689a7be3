/** The configuration of a node: read, checked, shown. */
export type {
  Configuration,
  ConfiguredContract,
  ConfiguredDocument,
  ConfiguredHolder,
  Filling,
} from './configuration.ts';
export type { ConfigurationSurroundings, FileText } from './draft.ts';
export { type Mistake, mistakeLine } from './mistake.ts';
export {
  type ConfigurationRead,
  readConfigurationFile,
  readConfigurationObject,
  requireConfiguration,
} from './read.ts';
export { configurationView } from './view.ts';
export { type ConfigurationSource, configurationSchema, holderName, OPERATOR_PREFIX } from './schema.ts';
