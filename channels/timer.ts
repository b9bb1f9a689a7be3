/** The clock and timers. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import { anyBut, t } from './types.ts';

const delay = t.int({ min: 0, max: limits.timer_delay_ms_max });
const moment = t.int({ min: 0, max: limits.moment_ms_max });
const VALUE = `Answers the value, of which less than about ${limits.timer_value_bytes_max} bytes are kept.`;
/** No tuple, which could be taken for an error, and no name, which could be taken for the channel of the reply. */
const value = anyBut('tuple', 'name');

export const timer = declareChannel({
  name: 'timer',
  doc:
    'The clock of the machine, and timers. A timer is durable: its due time is kept, so one that was set before a ' +
    'restart fires after it; what is overdue then fires first, in the order of the due times. Nothing fires early, ' +
    'unless the clock is set on; a delay or period ends in time when it is set back.',
  methods: {
    now: method({
      doc: 'Answers the time: milliseconds since 1970 (UTC). The clock may be set, so it can go back.',
      effect: 'observe',
      unseen: true,
      lane: null,
      forms: [{ args: [], result: moment }],
    }),
    after: method({
      doc: 'Answers when so many milliseconds have gone by.',
      effect: 'observe',
      forms: [
        { args: [{ name: 'delay_ms', type: delay }], result: t.nil, doc: 'Answers Nil.' },
        {
          args: [
            { name: 'delay_ms', type: delay },
            { name: 'value', type: value },
          ],
          result: value,
          doc: VALUE,
        },
      ],
    }),
    at: method({
      doc: 'Answers at a time, milliseconds since 1970; at once when it is over.',
      effect: 'observe',
      forms: [
        { args: [{ name: 'due_ms', type: moment }], result: t.nil, doc: 'Answers Nil.' },
        {
          args: [
            { name: 'due_ms', type: moment },
            { name: 'value', type: value },
          ],
          result: value,
          doc: VALUE,
        },
      ],
    }),
    every: method({
      doc:
        'Answers a channel on which a tick arrives each period: its number, counted from 1, and the time at which it was ' +
        'due. One tick at most lies unread: those that are due meanwhile, or while no process ran, fold into the ' +
        'latest one, so that a gap in the numbers tells how many there were.',
      effect: 'observe',
      forms: [
        { args: [{ name: 'period_ms', type: t.int({ min: 1, max: limits.timer_delay_ms_max }) }], result: t.channel() },
        {
          args: [
            { name: 'period_ms', type: t.int({ min: 1, max: limits.timer_delay_ms_max }) },
            { name: 'count', type: t.int({ min: 1, max: Number.MAX_SAFE_INTEGER }) },
          ],
          result: t.channel(),
          doc: 'Ends with the tick of this number; with 1 it is a single timer that can be cancelled.',
        },
      ],
    }),
    cancel: method({
      doc: 'Ends the ticks on a channel that `every` answered. What arrived stays. After their end: `handle_closed`.',
      effect: 'observe',
      forms: [{ args: [{ name: 'ticks', type: t.name }], result: t.nil }],
    }),
  },
});
