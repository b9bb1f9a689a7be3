/**
 * What a process says, line by line, up to the end of its last whole line: a kill may cut the one that it was writing.
 * Must never be asked for the rest.
 */
import type { Readable } from 'node:stream';

export function onWholeLines(stream: Readable, hear: (line: string) => void): void {
  let begun = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (begun + text).split('\n');
    begun = lines.pop() as string;
    for (const line of lines) hear(line);
  });
}
