/**
 * The numbers of the canonical byte format that encoder and decoder share. Their meaning is written in
 * spec/values.md; a change here is a new version of that format.
 */
export const VALUES_FORMAT_VERSION = 1;

/** MessagePack extension types. 5, 6 and 7 are reserved for fixed, rational and path map, and refused. */
export const Extension = { BigInt: 1, Uri: 2, Name: 3, Node: 4 } as const;

/** Bytes that are kept elsewhere, in what is no canonical form: the payload says where. Refused by whoever does not ask for it. */
export const OUTSIDE_EXTENSION = 8;

/**
 * A name that has no bytes yet, in what is no canonical form: its task (6 bytes) and counter (2), big endian. Whoever
 * reads it makes the bytes. Refused like the one above.
 */
export const DRAWN_EXTENSION = 9;
export const DRAWN_BYTES = 8;

/** Added to the tag of a list, set or map that has a remainder. */
export const WITH_REMAINDER = 64;

/** Levels that the fast recursive path goes down before an explicit stack takes over. */
export const RECURSION_MAX = 200;
