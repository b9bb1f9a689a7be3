/** Who answers on system channels: one native for each declaration in `channels/`. */
export { directoryNative } from './directory.ts';
export { fileNative } from './file.ts';
export { FileTree } from './files/tree.ts';
export type { FileTreeOptions, Outcome } from './files/tree.ts';
export type { FileGrant, FileGrants } from './files/grant.ts';
export { fileHandle } from './files/grant.ts';
export { SIDECAR } from './files/path.ts';
