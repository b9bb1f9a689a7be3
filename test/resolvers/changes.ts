/** One case of each shape of change, for the tests of failures. */
import type { Value } from '../../src/values/index.ts';

export interface ChangeCase {
  readonly name: string;
  /** Path of the file it is asked of, or null for the root directory. */
  readonly on: string | null;
  readonly method: string;
  readonly args: readonly Value[];
}

export const CHANGES: readonly ChangeCase[] = [
  { name: 'a new file', on: 'new', method: 'write', args: ['new content'] },
  { name: 'a file written anew', on: 'file', method: 'write', args: ['new content'] },
  { name: 'an append', on: 'file', method: 'append', args: [' and more'] },
  { name: 'an append that makes the file', on: 'new', method: 'append', args: ['more'] },
  { name: 'bytes written over', on: 'file', method: 'writeAt', args: [4, 'NEW'] },
  { name: 'bytes written over the end', on: 'file', method: 'writeAt', args: [12, 'CONTENT'] },
  { name: 'bytes written past the end', on: 'file', method: 'writeAt', args: [20, 'X'] },
  { name: 'a file cut', on: 'file', method: 'truncate', args: [3] },
  { name: 'a file lengthened', on: 'file', method: 'truncate', args: [30] },
  { name: 'a new directory', on: null, method: 'mkdir', args: ['dir/new'] },
  { name: 'a file removed', on: null, method: 'remove', args: ['dir/inner'] },
  { name: 'a directory removed', on: null, method: 'remove', args: ['empty'] },
  { name: 'a file moved', on: null, method: 'rename', args: ['file', 'dir/file'] },
  { name: 'a directory moved', on: null, method: 'rename', args: ['dir', 'empty/dir'] },
];
