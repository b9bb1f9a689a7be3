/** Standard input and output: the plain channels behind the `rho:io:…` URIs, and the objects of the powerbox. */
import { limits } from '../src/limits.ts';
import { declareChannel, declarePlain, method } from './declare.ts';
import type { ChannelDeclaration, MethodSource } from './declare.ts';
import { t } from './types.ts';

const OUTPUT =
  'As every output it is repeated after a crash that left it begun: a line may then appear twice, never not at all.';

function plain(name: string, stream: string, replies: boolean): ChannelDeclaration {
  const reply = replies ? ', then answers Nil on the channel that follows it' : '';
  return declarePlain({
    name,
    doc: `Prints one value in Rholang syntax (strings quoted) and a newline on ${stream}${reply}. ${OUTPUT}`,
    effect: 'change',
    recovery: 'repeat',
    args: [{ name: 'value', type: t.any }],
    result: t.nil,
    replies,
  });
}

export const stdout = plain('stdout', 'standard output', false);
export const stdoutAck = plain('stdoutAck', 'standard output', true);
export const stderr = plain('stderr', 'standard error', false);
export const stderrAck = plain('stderrAck', 'standard error', true);

const data = t.either(t.string(), t.bytes());

/** The methods of output have one meaning on standard output, and on a file that is opened for appending. */
function writes(doc: string): MethodSource {
  return method({
    doc,
    effect: 'change',
    recovery: 'repeat',
    forms: [{ args: [{ name: 'data', type: data }], result: t.nil }],
  });
}

export const output = declareChannel({
  name: 'output',
  doc:
    `Standard output or standard error: a file to which can only be appended. ${OUTPUT} A stream whose reader has ` +
    'gone away answers `file_failed`.',
  methods: {
    print: writes('Writes a string as UTF-8, or bytes, as they are, and a newline.'),
    write: writes('Writes a string as UTF-8, or bytes, as they are, and nothing more.'),
    append: writes('As `write`: what is written stands after everything before.'),
    flush: method({
      doc: 'Answers when all that was written before, by anybody, has been taken.',
      effect: 'observe',
      forms: [{ args: [], result: t.nil }],
    }),
  },
});

const PATIENT = 'Waits for it as long as it takes.';

export const input = declareChannel({
  name: 'input',
  doc:
    'Standard input, as lines or as bytes. What comes goes to those who wait in the order in which they asked, and ' +
    'nothing is read that nobody waits for. Lines are UTF-8; what is none becomes U+FFFD.',
  methods: {
    readLine: method({
      doc: `Answers the next line without its newline, or Nil at the end of the input. ${PATIENT}`,
      effect: 'change',
      recovery: 'none',
      patient: true,
      forms: [{ args: [], result: t.either(t.string(), t.nil) }],
    }),
    read: method({
      doc: `Answers the next bytes: as many as there are, at most the given count; none at the end of the input. ${PATIENT}`,
      effect: 'change',
      recovery: 'none',
      patient: true,
      forms: [{ args: [{ name: 'count', type: t.int({ min: 1, max: limits.read_bytes_max }) }], result: t.bytes() }],
    }),
    readAll: method({
      doc:
        `Answers everything up to the end of the input, which may be at most ${limits.read_bytes_max} bytes; more are ` +
        `refused with \`value_too_large\`, and those that came are gone. ${PATIENT}`,
      effect: 'change',
      recovery: 'none',
      patient: true,
      forms: [
        { args: [], result: t.bytes() },
        {
          args: [{ name: 'encoding', type: t.word('utf8') }],
          result: t.string(),
          doc: 'As a string; bytes that are no UTF-8 are refused.',
        },
      ],
    }),
    readLines: method({
      doc:
        'Answers a channel on which the lines arrive, without their newlines, and after them Nil at the end of the ' +
        `input. At most ${limits.lines_unread_max} lie unread. In the place of a line that is too long stands an error. ` +
        'After a restart the lines of the new process arrive there.',
      effect: 'observe',
      lane: 'lines',
      forms: [{ args: [], result: t.channel() }],
    }),
    close: method({
      doc:
        'Ends the lines on a channel that `readLines` answered: no more is read for it. What arrived stays. After ' +
        'their end: `handle_closed`.',
      effect: 'observe',
      lane: 'lines',
      forms: [{ args: [{ name: 'lines', type: t.name }], result: t.nil }],
    }),
  },
});
