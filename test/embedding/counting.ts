/** A native that counts who calls what of it: one method of each effect. */
import { z } from 'zod';
import { defineNative, nativeMethod } from '../../src/index.ts';

export function counting(): { readonly native: ReturnType<typeof defineNative>; readonly calls: string[] } {
  const calls: string[] = [];
  const args = { n: z.int() };
  const result = z.int();
  const run =
    (name: string) =>
    ({ n }: { n: number }): number => {
      calls.push(name);
      return n + 1;
    };
  const native = defineNative({
    name: 'world',
    doc: 'Counts its calls.',
    methods: {
      compute: nativeMethod({ doc: 'None.', effect: 'none', args, result, run: run('compute') }),
      look: nativeMethod({ doc: 'Observes.', effect: 'observe', args, result, run: run('look') }),
      act: nativeMethod({ doc: 'Changes.', effect: 'change', recovery: 'repeat', args, result, run: run('act') }),
    },
  });
  return { native, calls };
}
