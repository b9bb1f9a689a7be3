/**
 * What a node that serves needs, loaded when a command needs it: signatures, sockets, logs and metrics are a fifth of the
 * time that any other command takes to start.
 */
export function nodeService(): Promise<typeof import('../service/index.ts')> {
  return import('../service/index.ts');
}
