/**
 * A native of the operator's own in this process, answering in the turn: only what computes, shortly. Its objects stand
 * under the grant of whoever called, as those of every host do.
 */
import type { ChannelDeclaration, Native, NativeAnswer, NativeCall } from '../../channels/index.ts';
import { Later, NewChannel, NewMap, NewObject, NewSource } from '../../channels/index.ts';
import { definitionOf } from './definition.ts';
import { powerHandle, readPowerHandle } from '../capability/index.ts';

/** The natives of a module that the operator names. */
export async function inlineNatives(module: string): Promise<readonly Native[]> {
  return definitionOf((await import(module)) as Readonly<Record<string, unknown>>).natives;
}

export class InlineNative implements Native {
  readonly declaration: ChannelDeclaration;
  readonly #native: Native;
  readonly #stands: (grant: string) => boolean;

  constructor(native: Native, stands: (grant: string) => boolean) {
    this.declaration = native.declaration;
    this.#native = native;
    this.#stands = stands;
  }

  inline(call: NativeCall): NativeAnswer {
    const { grant, rest } = readPowerHandle(call.handle);
    if (!this.#stands(grant)) {
      const message = `the grant ${JSON.stringify(grant)} that this channel came from is not there any more`;
      return { error: { code: 'not_available', message } };
    }
    const native = this.#native;
    if (native.inline === undefined)
      return { error: { code: 'native_failed', message: 'it has no code for what is inline' } };
    const answer = native.inline({ ...call, handle: rest[0] ?? null });
    if (!('ok' in answer)) return answer;
    const { ok } = answer;
    if (ok instanceof NewObject) {
      return { ...answer, ok: new NewObject(ok.native, powerHandle(grant, ok.handle), ok.state) };
    }
    if (ok instanceof NewMap || ok instanceof NewSource || ok instanceof NewChannel || ok instanceof Later) {
      return { error: { code: 'native_failed', message: 'what is inline answers values and objects' } };
    }
    return answer;
  }

  async close(): Promise<void> {
    await this.#native.close?.();
  }
}
