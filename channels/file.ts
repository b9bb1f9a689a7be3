/** A file beneath a granted root, with a position of its own for each channel that `resolve` answered. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

const data = t.either(t.string(), t.bytes());
const count = t.int({ min: 0, max: limits.read_bytes_max });
const offset = t.int({ min: 0, max: limits.file_bytes_max });

export const file = declareChannel({
  name: 'file',
  doc:
    'A file. The channel has a position, which `read`, `chunks` and `seek` move and a restart keeps. After any failure ' +
    'the file is as before the change or as after it. Strings are written as UTF-8. What is an executable binary (ELF, PE, ' +
    'Mach-O, Java class, by its content) is neither read nor written, whole or in part: `binary_refused`.',
  methods: {
    read: method({
      doc: 'Answers the next bytes from the position on, fewer at the end of the file, none past it, and moves the position.',
      effect: 'observe',
      unseen: true,
      forms: [{ args: [{ name: 'count', type: count }], result: t.bytes() }],
    }),
    readAt: method({
      doc: 'Answers bytes from an offset on, fewer at the end of the file. The position stays.',
      effect: 'observe',
      unseen: true,
      forms: [
        {
          args: [
            { name: 'offset', type: offset },
            { name: 'count', type: count },
          ],
          result: t.bytes(),
        },
      ],
    }),
    readAll: method({
      doc: `Answers the whole file, which may have at most ${limits.read_bytes_max} bytes. The position stays.`,
      effect: 'observe',
      unseen: true,
      forms: [
        { args: [], result: t.bytes() },
        {
          args: [{ name: 'encoding', type: t.word('utf8') }],
          result: t.string(),
          doc: 'As a string; bytes that are no UTF-8 are refused.',
        },
      ],
    }),
    chunks: method({
      doc:
        'Answers a channel on which the bytes from the position on stand in chunks of the given size, oldest first. After ' +
        'them comes Nil at the end of the file, else the position from which another call goes on. ' +
        `At most ${limits.read_bytes_max} bytes and ${limits.file_chunks_max} chunks in one call; the position moves past them.`,
      effect: 'observe',
      unseen: true,
      forms: [
        { args: [{ name: 'size', type: t.int({ min: 1, max: limits.read_bytes_max }) }], result: t.channel() },
        {
          args: [
            { name: 'size', type: t.int({ min: 1, max: limits.read_bytes_max }) },
            { name: 'count', type: t.int({ min: 0, max: limits.file_chunks_max }) },
          ],
          result: t.channel(),
          doc: 'At most so many chunks.',
        },
      ],
    }),
    write: method({
      doc: 'Makes these bytes the whole content, and the file where there was none.',
      effect: 'change',
      recovery: 'ask',
      forms: [{ args: [{ name: 'data', type: data }], result: t.nil }],
    }),
    writeAt: method({
      doc: 'Writes over the bytes from an offset on; what lies between the end of the file and the offset becomes zeros.',
      effect: 'change',
      recovery: 'ask',
      forms: [
        {
          args: [
            { name: 'offset', type: offset },
            { name: 'data', type: data },
          ],
          result: t.nil,
        },
      ],
    }),
    append: method({
      doc: 'Writes after the last byte, and makes the file where there was none.',
      effect: 'change',
      recovery: 'ask',
      forms: [{ args: [{ name: 'data', type: data }], result: t.nil }],
    }),
    seek: method({
      doc: 'Moves the position and answers it. It may lie past the end of the file, not before its start.',
      effect: 'observe',
      unseen: true,
      forms: [
        { args: [{ name: 'offset', type: offset }], result: offset, doc: 'Counted from the start.' },
        {
          args: [
            { name: 'offset', type: t.int() },
            { name: 'origin', type: t.word('start', 'current', 'end') },
          ],
          result: offset,
          doc: 'Counted from the start, the position or the end.',
        },
      ],
    }),
    truncate: method({
      doc: 'Cuts the file, or lengthens it with zeros, to a size.',
      effect: 'change',
      recovery: 'ask',
      forms: [{ args: [{ name: 'size', type: offset }], result: t.nil }],
    }),
    size: method({
      doc: 'Answers the size in bytes.',
      effect: 'observe',
      unseen: true,
      forms: [{ args: [], result: t.int({ min: 0, max: Number.MAX_SAFE_INTEGER }) }],
    }),
    close: method({
      doc: 'Ends this channel: every later call is answered `handle_closed`.',
      effect: 'observe',
      unseen: true,
      forms: [{ args: [], result: t.nil }],
    }),
  },
});
