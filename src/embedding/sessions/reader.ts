/**
 * Frames of a client to requests of its session: tokens become the names that its holder was given, references open
 * terms. Whoever reads here has a session, so a token that is not held is an answer to the request that it stands in, and
 * not the end of a connection.
 */
import type { ForeignForm, Value } from '../../values/index.ts';
import {
  type ClientMessage,
  errorValue,
  type Parts,
  readClientMessage,
  readFrame,
  readReference,
  type Request,
  WireExtension,
} from '../../wire/index.ts';
import { wireError } from './errors.ts';
import type { Holdings } from './holdings.ts';
import { unheld } from './step.ts';
import { referenceTerm } from './references.ts';
import type { Asked, RowUse } from './types.ts';
import { isWhole, notWhole } from './whole.ts';

/** What a frame said, in its order: requests, and what is said without an id. */
export type Said =
  | { readonly kind: 'asked'; readonly asked: Asked }
  | { readonly kind: 'said'; readonly message: Exclude<ClientMessage, Request> };

const NONE: readonly never[] = [];

export class SessionReader {
  readonly #holdings: Holdings;
  readonly #form: ForeignForm;
  // Of the message that is being read.
  #uses: RowUse[] | null = null;
  #references: number[] | null = null;
  #unheld = false;
  #nodes = 0;

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
    this.#form = {
      extension: (type, payload) => this.#extension(type, payload),
      node: () => void this.#nodes++,
    };
  }

  /** Throws `wire_invalid` at what no client may say; then nothing of the frame counts. */
  read(frame: Uint8Array): readonly Said[] {
    const said: Said[] = [];
    let parent: string | null = null;
    readFrame(frame, this.#form, (parts) => {
      const one = this.#message(parts);
      if (one.kind === 'said' && one.message.kind === 'trace') parent = one.message.parent || null;
      else said.push(one.kind === 'said' || parent === null ? one : { ...one, asked: { ...one.asked, parent } });
      this.#uses = null;
      this.#references = null;
      this.#unheld = false;
      this.#nodes = 0;
    });
    return said;
  }

  #extension(type: number, payload: Uint8Array): Value | undefined {
    if (type === WireExtension.Capability) {
      const use = this.#holdings.find(payload);
      if (use === null) {
        this.#unheld = true;
        return null;
      }
      this.#uses ??= [];
      this.#uses.push({ row: use.held.id, rights: use.rights });
      return use.value;
    }
    if (type !== WireExtension.Reference) return undefined;
    const { request, path } = readReference(payload);
    this.#references ??= [];
    this.#references.push(request);
    return referenceTerm(request, path);
  }

  #message(parts: Parts): Said {
    const message = readClientMessage(parts);
    if (!('id' in message)) return { kind: 'said', message };
    const { id } = message;
    if (this.#unheld) return { kind: 'asked', asked: refused(id, unheld()) };
    const references = this.#references ?? NONE;
    if (this.#nodes > 0 && references.length === 0 && !isWhole(message)) {
      return { kind: 'asked', asked: refused(id, notWhole()) };
    }
    return { kind: 'asked', asked: { parts, request: message, uses: this.#uses ?? NONE, references } };
  }
}

/** A request that is answered with an error, in its turn. */
export function refused(id: number, error: unknown): Asked {
  const told = wireError(error);
  const request = { kind: 'refused', id, error: told } as const;
  return { parts: ['refused', id, errorValue(told)], request, uses: NONE, references: NONE };
}
