/** Standard input and output: the plain channels behind the `rho:io:…` URIs, and the objects of the powerbox. */
import { declareChannel, declarePlain, method } from './declare.ts';
import type { ChannelDeclaration } from './declare.ts';
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

const text = t.either(t.string(), t.bytes());

export const output = declareChannel({
  name: 'output',
  doc: `Standard output or standard error. ${OUTPUT}`,
  methods: {
    print: method({
      doc: 'Writes a string as UTF-8, or bytes, as they are, and a newline.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [{ name: 'text', type: text }], result: t.nil }],
    }),
    write: method({
      doc: 'Writes a string as UTF-8, or bytes, as they are, and nothing more.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [{ name: 'text', type: text }], result: t.nil }],
    }),
  },
});

export const input = declareChannel({
  name: 'input',
  doc: 'Standard input, line by line. Lines go to the calls in the order in which they were made.',
  methods: {
    readLine: method({
      doc: 'Answers the next line without its newline, or Nil at the end of the input. Waits for it as long as it takes.',
      effect: 'change',
      recovery: 'none',
      patient: true,
      forms: [{ args: [], result: t.either(t.string(), t.nil) }],
    }),
  },
});
