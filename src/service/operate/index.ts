/** What an operator runs and watches: a node that serves, its spaces, what it tells of itself. */
export { openLog, type Log, type LogLevel } from './logs.ts';
export {
  type NodeOptions,
  type RunningNode,
  startNode,
} from './node.ts';
export { backupNode, restoreNode, type SpaceBackup } from './backup.ts';
export { type NodeAdmin, type NodeInfo, openNodeAdmin } from './node-admin.ts';
export { findSpace, type SpaceEntry, type SpaceSettings } from './space-files.ts';
export { MAIN_SPACE } from '../space-places.ts';
