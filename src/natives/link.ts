/**
 * The way to one host: frames out, frames in, and its end. A worker, a child and a URL each have one. A link knows
 * nothing of what frames say; it bounds their size, and drops and counts what does not prove where it comes from.
 */

/** What came: a whole frame, or the beginning of one that is larger than may be. */
export type Arrival =
  | { readonly kind: 'frame'; readonly bytes: Uint8Array }
  | { readonly kind: 'oversized'; readonly start: Uint8Array; readonly bytes: number };

export interface LinkEvents {
  arrived(arrival: Arrival): void;
  /** Nothing comes any more; `reason` is for the operator. Said once. */
  ended(reason: string): void;
}

export interface Link {
  /** A process id, or where it leads to; for reports. */
  readonly where: string;
  /** Frames that were dropped because they did not prove where they come from. */
  readonly dropped: number;
  send(bytes: Uint8Array): void;
  /** Ends it at once; `ended` follows, unless it was said before. */
  destroy(): void;
}

/** Makes a new link to the host, each time one is wanted. Rejects with what the host, or the machine, said. */
export interface Launcher {
  /** `module`, `command` or `url`. */
  readonly form: string;
  launch(events: LinkEvents): Promise<Link>;
  /** Ends whatever runs: first asked to stop, then by force. Nothing is left when it resolves. */
  close(grace_ms: number): Promise<void>;
}
