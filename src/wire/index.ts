/** Frames and messages: what the service and its clients share. */
export { readError, readServerMessage } from './answers.ts';
export {
  decodeFrame,
  FRAME_BOUNDS,
  frameOf,
  MessageEncoder,
  readFrame,
  type FrameBounds,
  type Parts,
} from './frames.ts';
export * from './messages.ts';
export {
  Capability,
  clientForm,
  clientSealing,
  type PathStep,
  readReference,
  Reference,
  WireExtension,
} from './place-holders.ts';
export { readClientMessage } from './requests.ts';
export { shown } from './shown.ts';
export { clientParts, errorValue, serverParts } from './write.ts';
