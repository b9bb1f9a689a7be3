/** What a program in this process uses: a space, its channels, its programs, and natives of its own. */
export { any } from './host-channels.ts';
export { processConsole } from './surroundings.ts';
export {
  type CallContext,
  defineNative,
  type NativeMethod,
  type NativeMethodSource,
  nativeMethod,
  type NativeSource,
} from './native.ts';
export { checkConfiguration } from './configured.ts';
export { type ExamineOptions, examineMachine } from './doctor.ts';
export { internalsOf, type SpaceInternals } from './internals.ts';
export type { NodePart } from './node-authority.ts';
export { type ForwardingOptions, hostOfChannel } from './forwarding.ts';
export { openSpace } from './open.ts';
export { holdingValue, registerNodeCauses } from './causes.ts';
export { channelReports } from './reports.ts';
export { compileProgram } from './programs.ts';
export { type ApplyFork, runAtomic } from './modes.ts';
export {
  type Asked,
  type Delivery,
  type Holder as SessionHolder,
  type Outlet,
  refused,
  type Said,
  type Session,
  SessionReader,
  type Sessions,
  wireError,
  withArrived,
} from './sessions/index.ts';
export { openAdmin, openToHold } from './open-admin.ts';
export { ControlClient, type ControlMethod, controlMethod, ControlServer, sourceErrorsOf } from './admin/index.ts';
export { restoreBackup } from './backup.ts';
export { rememberedConfiguration } from './config-surroundings.ts';
export type {
  Admin,
  AdminActs,
  AdminReports,
  BackupReport,
  DeployReport,
  SpaceInfo,
  StartOptions,
} from './admin/index.ts';
export { restoreService, serviceHealth } from './service.ts';
export { nativesInPlace } from './replay.ts';
export { replayTrace, type ReplayTraceOptions } from './replay-trace.ts';
export { chartTrace, redactTrace, ShownReplay, showTrace, type ShowTraceOptions } from './show-trace.ts';
export type * from './types.ts';
