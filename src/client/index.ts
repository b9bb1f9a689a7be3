/**
 * The client of a powerbox service, for browsers and Node.
 *
 *     import { connect } from 'powerbox/client';
 *
 * Everything here is covered by the versions of the package; nothing else is.
 */
export type { Channel } from './box.ts';
export { type Box, connect, type ConnectOptions, connectIn } from './connect.ts';
export type { CursorStore } from './cursor.ts';
export { isRemoteError, RemoteError } from './errors.ts';
export type * from './generated.ts';
export { any, type Pattern, startsWith } from './marshal.ts';
export type * from './options.ts';
export type { RecordedTrace } from './recording.ts';
export type { ConnectionState } from './session.ts';
export { type CallOptions, part, sameHandle, withOptions } from './stubs.ts';
export type { Connection, ConnectionEvents, SocketLike, SocketMaker, Surroundings } from './surroundings.ts';
export type * from './types.ts';
export { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
export { BigInteger, bytes, Float, float, tuple, Tuple, Uri, uri, type Value } from '../values/index.ts';
