/**
 * A text that must not be seen: a key, a token. It stands in a configuration as a placeholder (`${env:NAME}`,
 * `${file:path}`, also with other text around it) or as itself, and shows itself to nobody by accident: what is
 * printed, logged or written as JSON is the placeholder. Only `reveal` gives the text, to who uses it.
 */
import { z } from 'zod';
import { PowerboxError } from '../../errors.ts';

/** Where the text of a placeholder comes from. */
export type SecretSource = 'env' | 'file';
/** What a placeholder stands for, or null where there is no such thing. */
export type SecretLookup = (source: SecretSource, name: string) => string | null;

const PLACEHOLDER = /\$\{(env|file):([^{}]*)\}/g;
/** Shown in place of a text that was given as itself. It is not kept, so nothing that was remembered can fill it. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the form of a placeholder, for people.
const WITHHELD = '${given}';

// biome-ignore lint/suspicious/noTemplateCurlyInString: the form of a placeholder, for people.
export const SECRET_EXPECTED = 'the text of a secret is expected: one line, or ${env:NAME}, or ${file:path}';

export class Secret {
  /** With placeholders, never with the text. */
  readonly source: string;
  #text: string | null;

  constructor(written: string) {
    const isGiven = placeholdersOf(written).length === 0 && written !== WITHHELD;
    this.source = isGiven ? WITHHELD : written;
    this.#text = isGiven ? written : null;
  }

  /** What is to be looked up. */
  placeholders(): readonly { readonly from: SecretSource; readonly name: string }[] {
    return placeholdersOf(this.source);
  }

  /** Puts the texts in the place of the placeholders; null when one is missing. */
  fill(lookup: SecretLookup): this | null {
    if (this.#text !== null || this.source === WITHHELD) return this.#text === null ? null : this;
    let isWhole = true;
    const text = this.source.replaceAll(PLACEHOLDER, (_, from: SecretSource, name: string) => {
      const found = lookup(from, name);
      if (found === null) isWhole = false;
      return found ?? '';
    });
    if (!isWhole) return null;
    this.#text = text;
    return this;
  }

  get isFilled(): boolean {
    return this.#text !== null;
  }

  /** The text itself, for who uses it and for nothing else. */
  reveal(): string {
    if (this.#text === null) {
      throw new PowerboxError('config_invalid', `the secret ${this.source} has no text here`, {
        hint: 'Give the configuration that holds it, with its variables and files.',
      });
    }
    return this.#text;
  }

  toJSON(): string {
    return this.source;
  }

  toString(): string {
    return this.source;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Secret ${this.source}`;
  }
}

/** A field that is declared secret. */
export const secretText = z
  .string({ error: SECRET_EXPECTED })
  .min(1, { error: SECRET_EXPECTED })
  .max(16_384, { error: SECRET_EXPECTED })
  // What is nearly a placeholder would be taken for the secret itself.
  .refine((text) => text === WITHHELD || !text.replaceAll(PLACEHOLDER, '').includes('${'), { error: SECRET_EXPECTED })
  .meta({ writeOnly: true })
  .transform((written) => new Secret(written));

/** Every secret below a value that a schema has read, with its path. */
export function secretsIn(value: unknown, path: readonly PropertyKey[] = []): readonly FoundSecret[] {
  if (value instanceof Secret) return [{ path, secret: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) =>
    secretsIn(below, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

export interface FoundSecret {
  readonly path: readonly PropertyKey[];
  readonly secret: Secret;
}

/** Whether a text that is no secret looks as if it was meant to be filled in. */
export function hasPlaceholder(text: string): boolean {
  return placeholdersOf(text).length > 0;
}

function placeholdersOf(text: string): { from: SecretSource; name: string }[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, from, name]) => ({ from: from as SecretSource, name: name ?? '' }));
}

/** Fills every secret below a value. Refused with `config_invalid`, naming what is missing. */
export function fillSecrets(value: unknown, lookup: SecretLookup): void {
  for (const { secret } of secretsIn(value)) {
    if (secret.fill(lookup) !== null) continue;
    const missing = secret.placeholders().filter(({ from, name }) => lookup(from, name) === null);
    const what = missing.map(({ from, name }) => `${from === 'env' ? 'the variable' : 'the file'} ${name}`).join(', ');
    throw new PowerboxError(
      'config_invalid',
      what === '' ? 'a secret that was given as text is not kept' : `a secret is missing: ${what}`,
      { hint: 'Give it again, or write it as a placeholder that a variable or a file fills in.' },
    );
  }
}
