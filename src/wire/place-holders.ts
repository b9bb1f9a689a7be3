/**
 * What stands in the place of names outside of a space, where a name has no bytes: a *capability* is a token of its
 * holder, a *reference* the result of an earlier request. Both are names to the data model, so that they can be held,
 * compared and put into values like any other. Must never be handed to a space.
 */
import { PowerboxError } from '../errors.ts';
import { Decoder, Encoder, type ForeignForm, List, Name, type Sealing, type Value } from '../values/index.ts';

/** MessagePack extension types of the wire, beside those of spec/values.md. */
export const WireExtension = { Capability: 8, Reference: 9 } as const;

/** In the first byte of a token: what its holder may do with what it names. The rest is sealed. */
export const Right = { Read: 1, Write: 2 } as const;

/** A token, as its holder has it. Nobody else can use it, and it says nothing but what may be done with it. */
export class Capability extends Name {
  constructor(token: Uint8Array) {
    super(null, 0, 0, token);
  }

  get token(): Uint8Array {
    return this.bytes;
  }

  /** Whether messages may be received there. */
  get readable(): boolean {
    return ((this.bytes[0] ?? 0) & Right.Read) !== 0;
  }

  /** Whether messages may be sent there. */
  get writable(): boolean {
    return ((this.bytes[0] ?? 0) & Right.Write) !== 0;
  }
}

/** From a result to a part of it: an index into a list or tuple, or the key of a map. */
export type PathStep = number | string;

/** The result of an earlier request of the same session, or a part of it, whether it has arrived or not. */
export class Reference extends Name {
  constructor(
    /** The id of that request. */
    readonly request: number,
    readonly path: readonly PathStep[] = [],
  ) {
    super(null, 0, 0, payloadOf(request, path));
  }
}

function payloadOf(request: number, path: readonly PathStep[]): Uint8Array {
  const encoder = new Encoder(16);
  encoder.value(new List([request, ...path]));
  return encoder.finish();
}

export function readReference(payload: Uint8Array): Reference {
  const decoder = new Decoder(payload, noNames);
  const value = decoder.value();
  decoder.end();
  const [request, ...path] = value instanceof List && value.remainder === null ? value.items : [];
  if (typeof request !== 'number' || request < 1 || !path.every(isStep))
    throw new PowerboxError(
      'wire_invalid',
      'a reference is a list of the id of a request and of steps into its result',
    );
  return new Reference(request, path);
}

function isStep(value: Value): value is PathStep {
  return typeof value === 'string' || (typeof value === 'number' && value >= 0);
}

function noNames(): never {
  throw new PowerboxError('wire_invalid', 'a raw name stands where none may be');
}

/** How a client writes: tokens and references as they are. */
export const clientSealing: Sealing = (name) => {
  if (name instanceof Capability) return { type: WireExtension.Capability, payload: name.token };
  if (name instanceof Reference) return { type: WireExtension.Reference, payload: name.bytes };
  if (name instanceof Name)
    throw new PowerboxError(
      'value_unsupported',
      'a raw name cannot be sent: a client has tokens in the place of names',
    );
  return null;
};

/** How a client reads. */
export const clientForm: ForeignForm = {
  extension: (type, payload) => (type === WireExtension.Capability ? new Capability(payload) : undefined),
};
