/** Randomness of the machine. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

export const random = declareChannel({
  name: 'random',
  doc: 'Randomness of the machine, good enough for keys. What was answered stands in the journal.',
  methods: {
    bytes: method({
      doc: 'Answers so many random bytes.',
      effect: 'observe',
      unseen: true,
      lane: null,
      forms: [{ args: [{ name: 'count', type: t.int({ min: 0, max: limits.random_bytes_max }) }], result: t.bytes() }],
    }),
    int: method({
      doc: 'Answers an integer from `least` to `greatest`, both included, each as likely as the others.',
      effect: 'observe',
      unseen: true,
      lane: null,
      forms: [
        {
          args: [
            { name: 'least', type: t.int() },
            { name: 'greatest', type: t.int() },
          ],
          result: t.int(),
        },
      ],
    }),
  },
});
