/**
 * What a native is asked and what it answers. The types stand in `channels/native.ts`, beneath the dispatcher
 * in the layout, because the dispatcher speaks them too; natives and resolvers import them from here.
 */
export {
  NewChannel,
  NewObject,
} from '../../channels/index.ts';
export type {
  Native,
  NativeAnswer,
  NativeCall,
  NativeError,
  NativeReference,
  NativeResult,
} from '../../channels/index.ts';
