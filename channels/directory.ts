/** A directory beneath a granted root. */
import { limits } from '../src/limits.ts';
import { declareChannel, method } from './declare.ts';
import { t } from './types.ts';

export const path = t.string({ min: 1, max: limits.path_bytes_max });

export const directory = declareChannel({
  name: 'directory',
  doc:
    'A directory. A path is relative, its parts are parted by `/`; parts that are empty, `.` or `..`, that are not in ' +
    'Unicode form NFC, and anything that is a link, a device or a file with a second hard link, are refused with ' +
    '`path_refused`.',
  methods: {
    resolve: method({
      doc:
        'Answers the channel of the directory or file at a path. Where nothing stands yet, it is the channel of the ' +
        'file that its first `write` or `append` will make; the directory it lies in must be there.',
      effect: 'observe',
      unseen: true,
      forms: [{ args: [{ name: 'path', type: path }], result: t.channel('directory', 'file') }],
    }),
    list: method({
      doc: `Answers the names in the directory, each with its kind: "file", "directory" or "other". At most ${limits.directory_entries_max}.`,
      effect: 'observe',
      unseen: true,
      forms: [{ args: [], result: t.map(t.string()) }],
    }),
    stat: method({
      doc: 'Answers `{"kind": "file" or "directory", "size": bytes, "modified_ms": milliseconds since 1970}`.',
      effect: 'observe',
      unseen: true,
      forms: [
        { args: [], result: t.map(), doc: 'Of this directory.' },
        { args: [{ name: 'path', type: path }], result: t.map(), doc: 'Of what stands at the path.' },
      ],
    }),
    freeSpace: method({
      doc:
        'Answers `{"allotted", "used", "free", "disk_free", "entries_allotted", "entries_used", "entries_free"}` of the whole ' +
        'granted root: bytes that the operator allots, bytes of all files, what is left of it, what the file system has left; ' +
        'and the same of files and directories. Nil where there is no bound, or where nothing is counted because the root is only read.',
      effect: 'observe',
      unseen: true,
      forms: [{ args: [], result: t.map() }],
    }),
    mkdir: method({
      doc: 'Makes a directory. What stands at the path already is refused with `file_exists`.',
      effect: 'change',
      recovery: 'ask',
      forms: [{ args: [{ name: 'path', type: path }], result: t.nil }],
    }),
    remove: method({
      doc: 'Removes a file or an empty directory.',
      effect: 'change',
      recovery: 'ask',
      forms: [{ args: [{ name: 'path', type: path }], result: t.nil }],
    }),
    rename: method({
      doc: 'Moves a file or directory to another path. What stands there already is refused with `file_exists`.',
      effect: 'change',
      recovery: 'ask',
      forms: [
        {
          args: [
            { name: 'source', type: path },
            { name: 'target', type: path },
          ],
          result: t.nil,
        },
      ],
    }),
  },
});
