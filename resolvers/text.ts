/** Answers on channels of text. Holds nothing and reaches nothing. */
import { text } from '../channels/index.ts';
import type { Native } from '../src/natives/index.ts';

export const textNative: Native = {
  declaration: text,
  inline: ({ args }) => ({ ok: (args[0] as string).toUpperCase() }),
};
