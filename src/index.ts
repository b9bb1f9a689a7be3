/**
 * The public face of powerbox for a program that embeds it.
 *
 *     import { openSpace } from 'powerbox';
 *
 * Everything here is covered by the versions of the package; nothing else is.
 */
export {
  any,
  chartTrace,
  checkConfiguration,
  defineNative,
  examineMachine,
  hostOfChannel,
  nativeMethod,
  openAdmin,
  openSpace,
  processConsole,
  redactTrace,
  replayTrace,
  restoreBackup,
  restoreService,
  serviceHealth,
  ShownReplay,
  showTrace,
  sourceErrorsOf,
} from './embedding/index.ts';
export type * from './embedding/index.ts';
export { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from './errors.ts';
export {
  type Configuration,
  type ConfigurationRead,
  type ConfigurationSource,
  configurationView,
  type FilesGrant,
  type Mistake,
  mistakeLine,
  parseGrants,
  type PowerSource,
  type Role,
  ROLES,
  type StdioGrant,
} from './capability/index.ts';
export {
  declareChannel,
  method,
  type Native,
  type NativeAnswer,
  type NativeCall,
  NewChannel,
  NewObject,
  t,
} from '../channels/index.ts';
export { amountText, type Console, type Examination, type MachineCheck } from '../resolvers/index.ts';
export { type SourceError, SourceErrors } from './rholang/index.ts';
export type { Durability } from './store/index.ts';
export {
  type ChainLink,
  Departure,
  type ReplayReport,
  type ShownEvent,
  type ShownTurn,
  type TraceSink,
} from './trace/index.ts';
export {
  BigInteger,
  Bundle,
  Bytes,
  Float,
  float,
  type HostValue,
  List,
  MapValue,
  Name,
  SetValue,
  Tuple,
  tuple,
  Uri,
  uri,
  type Value,
} from './values/index.ts';
export { VERSION } from './version.ts';
