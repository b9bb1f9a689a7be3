/** Who answers on system channels: one native for each declaration in `channels/`. */
export { Resolvers } from './resolvers.ts';
export type { ResolversOptions } from './resolvers.ts';
export { streamConsole } from './console.ts';
export type { Console, ConsoleStreams } from './console.ts';
export { directoryNative } from './directory.ts';
export { fileNative } from './file.ts';
export { textNative } from './text.ts';
export { FileTree } from './files/tree.ts';
export type { FileTreeOptions, Outcome } from './files/tree.ts';
export type { FileGrant, FileGrants } from './files/grant.ts';
export { amountText, examine, examineQuickly, shortfall } from './hardware/doctor.ts';
export type { Check as MachineCheck, Examination, Unit, Verdict } from './hardware/doctor.ts';
export { machineProbes } from './hardware/probes.ts';
export type { Probes } from './hardware/probes.ts';
