/** Every declaration of this folder, in the order of the reference page. A new channel is added here. */
import type { ChannelDeclaration } from './declare.ts';
import { directory } from './directory.ts';
import { file } from './file.ts';
import { input, output, stderr, stderrAck, stdout, stdoutAck } from './stdio.ts';
import { system } from './system.ts';
import { text } from './text.ts';

export const SYSTEM_CHANNELS: readonly ChannelDeclaration[] = [
  system,
  stdout,
  stdoutAck,
  stderr,
  stderrAck,
  output,
  input,
  directory,
  file,
  text,
];
