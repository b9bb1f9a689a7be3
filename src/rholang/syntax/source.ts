/**
 * Places in a text: offsets to lines and columns, and the source line with a caret. Lines and columns count from
 * one; a column counts characters (code points), so that it is what an editor shows.
 */
export interface SourcePosition {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** Characters of a source line shown in a report; longer lines are cut around the caret. */
const SHOWN_MAX = 100;

export class SourceText {
  readonly text: string;
  #lineStarts: readonly number[] | null = null;

  constructor(text: string) {
    this.text = text;
  }

  positionAt(offset: number): SourcePosition {
    const starts = this.#starts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    const start = starts[low] as number;
    return { offset, line: low + 1, column: countCharacters(this.text, start, offset) + 1 };
  }

  /** The line of `position` and under it a caret for each character from there to `to`, on that line. */
  excerpt(position: SourcePosition, to: number): string {
    const start = this.#starts()[position.line - 1] as number;
    const newline = this.text.indexOf('\n', start);
    const end = newline < 0 ? this.text.length : newline;
    const from = position.offset - start > SHOWN_MAX / 2 ? position.offset - SHOWN_MAX / 2 : start;
    const shownEnd = Math.min(end, from + SHOWN_MAX);
    const before = plain(this.text.slice(from, Math.min(position.offset, shownEnd)));
    const line = `${from > start ? '…' : ''}${plain(this.text.slice(from, shownEnd))}${shownEnd < end ? '…' : ''}`;
    const caretEnd = Math.max(position.offset, Math.min(to, shownEnd));
    const carets = Math.max(1, countCharacters(this.text, position.offset, caretEnd));
    const gutter = String(position.line);
    const indent = ' '.repeat([...before].length + (from > start ? 1 : 0));
    return `${gutter} | ${line}\n${' '.repeat(gutter.length)} | ${indent}${'^'.repeat(carets)}`;
  }

  #starts(): readonly number[] {
    if (this.#lineStarts === null) {
      const starts = [0];
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) starts.push(at + 1);
      this.#lineStarts = starts;
    }
    return this.#lineStarts;
  }
}

/** Code points; half a surrogate pair counts as one. */
function countCharacters(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xdc00 || unit > 0xdfff || at === from) count++;
  }
  return count;
}

/** Control characters would move the caret or the reader's terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
