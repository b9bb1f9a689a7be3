/** Natives: host code behind channels, in this process, in a child, or at a URL. */
export * from './types.ts';
export { ChildLauncher, type ChildOptions } from './child-launcher.ts';
export { type DeclarationSource, declarationSource, readDeclaration, writeDeclaration } from './declaration.ts';
export { registerHostCauses } from './declared.ts';
export type { HostLine, HostReport, HostSettings, HostState, OnExit } from './host.ts';
export { type ConfiguredHost, Hosts, type HostsOptions } from './hosts.ts';
export { inlineNatives } from './inline-native.ts';
export type { Launcher, Link, LinkEvents } from './link.ts';
export type { HostControl, HostDefinition, HostStore } from './serve.ts';
export { serveChild } from './serve-child.ts';
export { asTyped } from './tokens.ts';
export { type HostListening, type HostListenOptions, listenHost } from './serve-socket.ts';
export { SocketLauncher, type SocketOptions } from './socket-launcher.ts';
export { WorkerLauncher, type WorkerOptions } from './worker-launcher.ts';
