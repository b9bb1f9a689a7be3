/** What the machine has. */
import { declareChannel, method } from './declare.ts';
import type { MethodSource } from './declare.ts';
import { t } from './types.ts';

function measured(what: string, unit: string): MethodSource {
  return method({
    doc:
      `Answers ${what} as a map: \`total_${unit}\` is what the control group of the node leaves of the machine, ` +
      `\`granted_${unit}\` how much of it the operator lets the node use, \`used_${unit}\` what the node uses, and ` +
      `\`left_${unit}\` what it could still use. What cannot be found out is Nil.`,
    effect: 'observe',
    lane: null,
    forms: [{ args: [], result: t.map(t.either(t.int(), t.nil)) }],
  });
}

export const hardware = declareChannel({
  name: 'hardware',
  doc: 'What the machine has, what of it is granted to the node, and what is left. Each call looks anew.',
  methods: {
    cores: measured('the cores in thousandths, so that 1500 are one and a half,', 'millicores'),
    memory: measured('the memory in bytes', 'bytes'),
    disk: measured('the disk on which the space is kept, in bytes (`not_available` for a space in memory),', 'bytes'),
  },
});
