/**
 * Who has sent to a socket, and how many bytes may still go back there. A sender can be forged; under a grant that
 * only replies no one can be sent more by this node than was spent on making it send.
 */
export class Senders {
  readonly #ratio: number;
  readonly #kept_max: number;
  /** Bytes by sender; the one longest silent first. */
  readonly #credit = new Map<string, number>();

  constructor(ratio: number, kept_max: number) {
    this.#ratio = ratio;
    this.#kept_max = kept_max;
  }

  came(sender: string, size: number): void {
    const credit = (this.#credit.get(sender) ?? 0) + size * this.#ratio;
    this.#credit.delete(sender);
    this.#credit.set(sender, credit);
    const [silent] = this.#credit.keys();
    if (this.#credit.size > this.#kept_max && silent !== undefined) this.#credit.delete(silent);
  }

  /** Takes the bytes off the credit. A string says why they may not be sent. */
  spend(target: string, size: number): string | null {
    const credit = this.#credit.get(target);
    if (credit === undefined) return `${target} has sent nothing here, and this grant only replies`;
    if (credit < size) {
      return `${size} bytes to ${target} are more than the ${Math.floor(credit)} that may still go back for what came from there`;
    }
    this.#credit.set(target, credit - size);
    return null;
  }
}
