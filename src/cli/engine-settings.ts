/**
 * How the JavaScript engine of the command's process is set, as soon as what does the work is loaded: what Node has
 * compiled of itself is only taken with the settings with which it was compiled.
 *
 * V8 puts objects from a place in the code that made long-lived ones straight among the old ones. What a space makes comes
 * from few places, and most of it is gone in microseconds, whatever lived long there before: so after some time of another
 * kind of work a call with a fresh reply channel took twice as long, nearly all of it collecting garbage that old objects
 * held. Without that guess it does not.
 */
import { setFlagsFromString } from 'node:v8';

export function setEngine(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
