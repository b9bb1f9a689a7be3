/** Labels to runners, effects begun and finished, failures counted, quiescence. */
export { Dispatcher } from './dispatcher.ts';
export { Audit, type AuditRow, type Retention } from './audit.ts';
export type { CallTally } from './audit-words.ts';
export { type Capabilities, type Capability, isRevoked, type Rule } from './capabilities.ts';
export { PREPARED_PREFIX, preparedKey, recordOf, SERVICE_FACT } from './job.ts';
export { ANY_MESSAGE, installNative } from './replies.ts';
export type { ParkedCall } from './calls.ts';
export { DISPATCH_FAILPOINTS, type DispatchFailpoint } from './types.ts';
export { DEPLOY_PREFIX, Deploys, holderOfAccount } from './deploys.ts';
export type { Deploy, DeployRequest, DeployState } from './deploys.ts';
export type { Failures } from './failures.ts';
export type { Failure, Report, StderrRecord } from './stderr.ts';
export type {
  Counts,
  DispatcherOptions,
  DispatcherPlatform,
  EffectIds,
  Mode,
  OutsideControl,
  OutsideOptions,
  OutsideRunner,
  Settlement,
  Stage,
  Waiting,
} from './types.ts';
