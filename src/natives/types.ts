/**
 * What a native is asked and what it answers. The types stand in `channels/native.ts`, beneath the dispatcher
 * in the layout, because the dispatcher speaks them too; natives and resolvers import them from here.
 */
export {
  Later,
  NewChannel,
  NewMap,
  NewObject,
  NewSource,
} from '../../channels/index.ts';
export type {
  Made,
  Native,
  NativeAnswer,
  NativeCall,
  NativeError,
  NativeReference,
  NativeResult,
  Source,
} from '../../channels/index.ts';
