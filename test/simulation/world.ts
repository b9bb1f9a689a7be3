/**
 * What lies outside the simulated machine and remembers: how often each change was made, and what each effect
 * answered. Its native takes virtual time, so a machine can die before, while and after the world changes.
 */
import {
  type ChannelDeclaration,
  declareChannel,
  t,
  type Native,
  type NativeAnswer,
  type NativeCall,
} from '../../channels/index.ts';
import type { Platform, Random } from '../../src/platform/index.ts';

const form = { args: [{ name: 'number', type: t.int() }], result: t.int() };

export const worldDeclaration = declareChannel({
  name: 'world',
  doc: 'Changes of every recovery, for the simulation.',
  methods: {
    look: { doc: 'Reads.', effect: 'observe', forms: [form] },
    repeated: { doc: 'Sets.', effect: 'change', recovery: 'repeat', forms: [form] },
    asked: { doc: 'Adds, and remembers by effect.', effect: 'change', recovery: 'ask', forms: [form] },
    once: { doc: 'Adds, and forgets.', effect: 'change', recovery: 'none', forms: [form] },
  },
});

/** One object with state: each call is given the next number, and the state is the last one given. */
export const tallyDeclaration = declareChannel({
  name: 'tally',
  doc: 'Counts in its state.',
  methods: { next: { doc: 'The next number.', effect: 'change', recovery: 'ask', forms: [form] } },
});

export const METHODS = ['look', 'repeated', 'asked', 'once', 'next'] as const;
export type WorldMethod = (typeof METHODS)[number];

export class OutsideWorld {
  /** How often each numbered change was made. */
  readonly made = new Map<number, number>();
  /** Answers by effect id, for the method that can be asked. */
  readonly #applied = new Map<string, NativeAnswer>();

  /** The natives of one process; a process that has died changes nothing any more. */
  natives(platform: Platform, random: Random, alive: () => boolean): readonly Native[] {
    const pass = (): Promise<void> =>
      new Promise((resolve) => void platform.timers.after(random.fraction() * 4, () => void (alive() && resolve())));
    const native = (declaration: ChannelDeclaration, answer: (call: NativeCall) => NativeAnswer): Native => ({
      declaration,
      call: async (call) => {
        await pass();
        const made = this.#make(call, answer(call));
        await pass();
        return made;
      },
      ask: async (call) => {
        await pass();
        return this.#applied.get(keyOf(call.effectId)) ?? 'not_applied';
      },
      forget: async (ids) => {
        if (alive()) for (const id of ids) this.#applied.delete(keyOf(id));
      },
    });
    return [
      native(worldDeclaration, (call) => ({ ok: call.args[0] ?? null })),
      native(tallyDeclaration, (call) => ({ ok: (call.state as number) + 1, state: (call.state as number) + 1 })),
    ];
  }

  #make(call: NativeCall, answer: NativeAnswer): NativeAnswer {
    const number = call.args[0] as number;
    if (call.method !== 'look') this.made.set(number, (this.made.get(number) ?? 0) + 1);
    // Kept beside the change, in the same step.
    if (call.method === 'asked' || call.method === 'next') this.#applied.set(keyOf(call.effectId), answer);
    return answer;
  }
}

const keyOf = (effectId: Uint8Array): string => Buffer.from(effectId).toString('latin1');
