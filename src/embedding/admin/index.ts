/** What an operator asks of a space, and the control socket by which another process is asked. */
export { ControlClient } from './control-client.ts';
export {
  type Asked,
  type Caller,
  type ControlMethod,
  controlMethod,
  ControlServer,
} from './control-server.ts';
export { deskOf } from './desk.ts';
export { LocalAdmin } from './local.ts';
export { Outlets } from './outlets.ts';
export { SPACE_SOCKET } from './place.ts';
export { RemoteAdmin } from './remote.ts';
export { sourceErrorsOf } from './told.ts';
export type * from './types.ts';
