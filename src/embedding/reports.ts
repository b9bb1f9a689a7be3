/**
 * Contents of channels and work that is left, in Rholang syntax and words. Owns the shape of reports; what they
 * say comes from the space and the dispatcher.
 */
import type { Waiting } from '../dispatch/index.ts';
import { limits } from '../limits.ts';
import { print, RHO_LABEL } from '../rholang/index.ts';
import type { ChannelContents, Contents, Receive as SpaceReceive } from '../space/index.ts';
import { type Bind, type Remainder, Receive, Send, type Value } from '../values/index.ts';
import type { ChannelReport, PendingReport } from './types.ts';

export function channelReports({ channels }: Contents): ChannelReport[] {
  return channels.map(channelReport);
}

export function channelReport(contents: ChannelContents): ChannelReport {
  const { channel, data, dataCount, waiting, waitingCount } = contents;
  return {
    channel: nameText(channel),
    dataCount,
    data: data.map(({ message, persist }) => messageText(channel, message, persist)),
    waitingCount,
    waiting: waiting.map(({ receive }) => receiveText(receive)),
  };
}

/** A channel as a program writes it: `@"orders"`, and an unforgeable one by the first bytes of its name. */
export function nameText(channel: Value): string {
  const text = shown(new Send(channel, [], false));
  return text.slice(0, text.lastIndexOf('!'));
}

/** A message as the send that put it there. */
export function messageText(channel: Value, message: readonly Value[], persist = false): string {
  return shown(new Send(channel, message, persist));
}

/** The receive without its body: that stands in the program. */
export function receiveText({ slots, persist, body }: SpaceReceive): string {
  const binds = slots.map(
    ({ channel, pattern, peek }): Bind => ({
      patterns: pattern.patterns,
      remainder: pattern.remainder as Remainder,
      source: channel,
      freeCount: pattern.freeCount,
      peek,
    }),
  );
  const head = shown(new Receive(binds, null, persist)).replace(/\s*\{\s*(Nil)?\s*\}$/, '');
  return `${head} ${body.label === RHO_LABEL ? '{ … }' : `{ ${body.label} }`}`;
}

function shown(process: Value): string {
  return print(process, { lengthMax: limits.report_item_chars_max });
}

export function pendingReport(waiting: Waiting): PendingReport {
  if (waiting.kind === 'parked') return waiting;
  if (waiting.kind === 'source') return { kind: 'source', what: waiting.what, channel: nameText(waiting.channel) };
  const { what, stage, for_ms } = waiting;
  return { kind: 'effect', what, stage, for_ms };
}
