/** The other half of `revocable`. */
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

export const revoker = declareChannel({
  name: 'revoker',
  doc: 'Takes back what was handed out as revocable. Whoever holds it can, and nobody else.',
  methods: {
    revoke: method({
      doc:
        'Ends the channel, and everything that came out of it, for good: every later call is answered `revoked`, and ' +
        'calls under way are cut off and answered so. A change that had begun may still be made.',
      effect: 'none',
      forms: [{ args: [], result: t.nil }],
    }),
    cancel: method({
      doc:
        'Cuts off the calls under way through the channel and through what came out of it: they are answered ' +
        '`cancelled`. The channel stays good. A change that had begun may still be made.',
      effect: 'none',
      forms: [{ args: [], result: t.nil }],
    }),
  },
});
