/** What every word about a space is made of: channels, messages and patterns, as plain JavaScript data. */
import type { HostValue, Name } from '../values/index.ts';

/** A public name by its value (`'orders'` is `@"orders"` in Rholang), or an unforgeable one. */
export type ChannelName = HostValue | Name;
/** The values of one message. `x!(1, 2)` in Rholang is the message `[1, 2]`. */
export type Message = readonly HostValue[];
/** As a message; `any` at a place admits anything there. */
export type Pattern = readonly HostValue[];
