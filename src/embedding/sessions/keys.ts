/**
 * The facts of sessions, by their keys. Numbers of sessions are never used again.
 *
 *     ws                     number of the newest session
 *     ws/<session>           (holder, SHA-256 of its secret, what its client calls itself)
 *     ws/<session>/m         (highest id of a request that was applied, number of the next delivery, whether public names
 *                            are channels, number up to which deliveries are handled)
 *     ws/<session>/d<number> deliveries of one commit, from this number on: [request, kind, value, …]; those that are
 *                            handled are passed over
 *     ws/<session>/r<id>     a request that waits, see `standing.ts`
 *     ws/<session>/h<row>    what it was given, see `holdings.ts`
 *     wh/<holder>            (account of the holder's clients, epoch of the holder's tokens)
 */
export const NEWEST_KEY = 'ws';
export const SESSION_PREFIX = 'ws/';
export const HOLDER_PREFIX = 'wh/';

export const sessionKey = (session: number): string => `ws/${session}`;
export const markKey = (session: number): string => `ws/${session}/m`;
export const deliveryKey = (session: number, number: number): string => `ws/${session}/d${number}`;
export const requestKey = (session: number, id: number): string => `ws/${session}/r${id}`;
export const heldKey = (session: number, row: string): string => `ws/${session}/h${row}`;
export const holderKey = (holder: string): string => `wh/${holder}`;
