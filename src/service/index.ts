/** The service: clients over WebSocket, and what else is asked on its port. */
export { createService } from './service.ts';
export {
  backupNode,
  findSpace,
  type Log,
  type LogLevel,
  MAIN_SPACE,
  type NodeAdmin,
  type NodeInfo,
  type NodeOptions,
  openLog,
  openNodeAdmin,
  restoreNode,
  type RunningNode,
  type SpaceBackup,
  type SpaceEntry,
  type SpaceSettings,
  startNode,
} from './operate/index.ts';
export { issueNodeToken, rotateNodeSecret } from './tokens.ts';
export type * from './types.ts';
