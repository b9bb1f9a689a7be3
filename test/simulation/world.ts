/**
 * What lies outside the simulated machine and remembers: how often each change was made, and what each effect
 * answered. Its native takes virtual time, so a machine can die before, while and after the world changes.
 */
import { declareChannel, t, type Native, type NativeAnswer, type NativeCall } from '../../channels/index.ts';
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

export const METHODS = ['look', 'repeated', 'asked', 'once'] as const;
export type WorldMethod = (typeof METHODS)[number];

export class OutsideWorld {
  /** How often each numbered change was made. */
  readonly made = new Map<number, number>();
  /** Answers by effect id, for the method that can be asked. */
  readonly #applied = new Map<string, number>();

  /** The native of one process; a process that has died changes nothing any more. */
  native(platform: Platform, random: Random, alive: () => boolean): Native {
    const pass = (): Promise<void> =>
      new Promise((resolve) => void platform.timers.after(random.fraction() * 4, () => void (alive() && resolve())));
    return {
      declaration: worldDeclaration,
      call: async (call) => {
        await pass();
        const answer = this.#make(call);
        await pass();
        return answer;
      },
      ask: async (call) => {
        await pass();
        const applied = this.#applied.get(Buffer.from(call.effectId).toString('hex'));
        return applied === undefined ? 'not_applied' : { ok: applied };
      },
      forget: async (ids) => {
        if (alive()) for (const id of ids) this.#applied.delete(Buffer.from(id).toString('hex'));
      },
    };
  }

  #make(call: NativeCall): NativeAnswer {
    const number = call.args[0] as number;
    if (call.method !== 'look') this.made.set(number, (this.made.get(number) ?? 0) + 1);
    if (call.method === 'asked') this.#applied.set(Buffer.from(call.effectId).toString('hex'), number);
    return { ok: number };
  }
}
