/**
 * The library for writing a host of natives: exported as `powerbox/host`.
 *
 *     import { defineNative, nativeMethod, serveHost } from 'powerbox/host';
 *
 *     await serveHost({ natives: [greeter] });
 *
 * A module that runs in a thread of the node exports `host` or `native` and serves nothing; a program that is started
 * as a child calls `serveHost`; one that runs by itself calls `listenHost`. `spec/host.md` says what both ends promise.
 */
export {
  declareChannel,
  method,
  type Native,
  type NativeAnswer,
  type NativeCall,
  NewChannel,
  NewMap,
  NewObject,
  NewSource,
  type Source,
  t,
} from '../../channels/index.ts';
export { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
export {
  type DeclarationSource,
  type HostControl,
  type HostDefinition,
  type HostListening,
  type HostListenOptions,
  type HostStore,
  listenHost,
  readDeclaration,
  serveChild as serveHost,
  writeDeclaration,
} from '../natives/index.ts';
export {
  type CallContext,
  defineNative,
  type NativeMethod,
  type NativeMethodSource,
  nativeMethod,
  type NativeSource,
} from './native.ts';
