/**
 * Canonical bytes of maps that are written again and again, as answers of one resource are. Owns them as long as their
 * map is there. Must only ever hold what the encoder itself would write, in whatever way it writes names and long bytes.
 */
import type { MapValue } from './value.ts';

/** Levels of values beneath a map whose bytes are kept, at most. */
export const KEPT_DEPTH_MAX = 16;

const bytesOf = new WeakMap<MapValue, Uint8Array>();
let isAny = false;

export function keptBytes(map: MapValue): Uint8Array | undefined {
  // Where none are kept, nobody looks.
  return isAny ? bytesOf.get(map) : undefined;
}

export function keep(map: MapValue, bytes: Uint8Array): void {
  isAny = true;
  bytesOf.set(map, bytes);
}
