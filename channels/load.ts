/** Packages of native code. */
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

export const load = declareChannel({
  name: 'load',
  doc: 'Loads packages of native code. Not there yet: every call is answered `not_available`.',
  methods: {
    load: method({
      doc: 'Answers a channel to a class of a package. Answers `not_available`: this version loads no packages.',
      effect: 'observe',
      forms: [
        {
          args: [
            { name: 'package', type: t.name, doc: 'The channel of a file.' },
            { name: 'className', type: t.string({ min: 1, max: 256 }) },
          ],
          result: t.channel(),
        },
      ],
    }),
  },
});
