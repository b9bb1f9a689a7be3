/** Text: what programs ask of strings beyond the methods of their language. */
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

export const text = declareChannel({
  name: 'text',
  doc: 'Pure functions of strings. Every method runs in the turn.',
  methods: {
    upper: method({
      doc: 'Answers the string in upper case, by the rules of Unicode and of no language in particular.',
      effect: 'none',
      forms: [{ args: [{ name: 'text', type: t.string() }], result: t.string() }],
    }),
  },
});
