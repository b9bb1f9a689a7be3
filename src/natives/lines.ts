/** What a host writes on its standard streams, as lines for the log: bounded in length and in number a second. */
import { limits } from '../limits.ts';
import type { Clock } from '../platform/index.ts';

export class LineReader {
  readonly #decoder = new TextDecoder();
  readonly #clock: Clock;
  readonly #line: (text: string) => void;
  #rest = '';
  #isCut = false;
  #second = 0;
  #inSecond = 0;
  #left_out = 0;

  constructor(clock: Clock, line: (text: string) => void) {
    this.#clock = clock;
    this.#line = line;
  }

  push(chunk: Uint8Array): void {
    const parts = this.#decoder.decode(chunk, { stream: true }).split('\n');
    parts.forEach((part, index) => {
      const room = limits.host_line_max - this.#rest.length;
      if (part.length > room) this.#isCut = true;
      this.#rest += part.slice(0, room);
      if (index < parts.length - 1) this.#whole();
    });
  }

  end(): void {
    if (this.#rest !== '') this.#whole();
    this.#tellLeftOut();
  }

  #whole(): void {
    const text = this.#isCut ? `${this.#rest}…` : this.#rest;
    this.#rest = '';
    this.#isCut = false;
    const second = Math.floor(this.#clock.monotonic_ms() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
      this.#tellLeftOut();
    }
    if (++this.#inSecond > limits.host_lines_per_second) this.#left_out++;
    else this.#line(printable(text));
  }

  #tellLeftOut(): void {
    if (this.#left_out === 0) return;
    this.#line(`${this.#left_out} lines were left out`);
    this.#left_out = 0;
  }
}

/** Control characters would move the cursor of whoever reads the log. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}]/gu, (character) => (character === '\t' ? ' ' : '')).trimEnd();
}
