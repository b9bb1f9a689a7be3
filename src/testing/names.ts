/** Unforgeable names as `#1`, `#2` in the order in which they are met: the same in two runs that do the same. */
export class NameNumbers {
  readonly #numbers = new Map<string, number>();

  rename(text: string): string {
    return text.replace(/Unforgeable\(0x([0-9a-f]+)…?\)/g, (_whole, hex: string) => {
      const known = this.#numbers.get(hex) ?? this.#numbers.size + 1;
      this.#numbers.set(hex, known);
      return `#${known}`;
    });
  }
}
