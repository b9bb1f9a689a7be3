/** Fills secrets from variables and files, and refuses placeholders that stand anywhere else. Shows no text of one. */
import type { z } from 'zod';
import { limits } from '../../limits.ts';
import { hasPlaceholder, Secret, SECRET_EXPECTED, type SecretSource, secretsIn } from '../powers/secret.ts';
import type { Draft } from './draft.ts';
import { isSecretAt } from './issues.ts';
import { type Path, pathText, shown } from './mistake.ts';

/** Looks texts of secrets up, each once: a grant that narrows a power has the power's secrets again. */
export class Fillings {
  readonly #draft: Draft;
  readonly #found = new Map<string, string | null>();
  /** Where secrets stand. */
  readonly #secret: Path[] = [];

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Fills every secret below the value that was read from this path. */
  fill(value: unknown, base: Path): void {
    for (const { path, secret } of secretsIn(value)) {
      const whole = [...base, ...path];
      this.#secret.push(whole);
      for (const { from, name } of secret.placeholders())
        this.#draft.fillings.push({ path: pathText(whole), from, name });
      secret.fill((from, name) => this.#look(from, name, whole));
      if (!secret.isFilled && secret.placeholders().length === 0) this.#draft.refuse(whole, SECRET_EXPECTED, 'a text');
    }
  }

  /** As `fill`, for what was read a second time. */
  fillAgain(value: unknown): void {
    for (const { secret } of secretsIn(value)) secret.fill((from, name) => this.#found.get(`${from}:${name}`) ?? null);
  }

  /** As `fill`, for what could not be read: what is missing for its secrets is told in the same run. */
  fillUnread(schema: z.ZodType, source: unknown, base: Path): void {
    const look = (value: unknown, path: Path): void => {
      if (typeof value === 'string' && isSecretAt(schema, path)) this.fill(new Secret(value), [...base, ...path]);
      else if (typeof value === 'object' && value !== null)
        for (const [key, below] of Object.entries(value))
          look(below, [...path, Array.isArray(value) ? Number(key) : key]);
    };
    look(source, []);
  }

  #look(from: SecretSource, name: string, path: Path): string | null {
    const text = from === 'env' ? this.#variable(name, path) : this.#file(name, path);
    this.#found.set(`${from}:${name}`, text);
    return text;
  }

  #variable(name: string, path: Path): string | null {
    const text = this.#draft.surroundings.variable(name);
    if (text !== undefined && text !== '') return text;
    const came = text === undefined ? 'no such variable' : 'an empty one';
    this.#draft.refuse(path, `expected the variable ${name} to be set`, came);
    return null;
  }

  #file(name: string, path: Path): string | null {
    const text = this.#draft.file(path, name, 'a secret', limits.document_bytes_max);
    if (text === null) return null;
    const line = text.replace(/\r?\n$/, '');
    if (line !== '') return line;
    this.#draft.refuse(path, `expected a secret in the file ${name}`, 'an empty file');
    return null;
  }

  /** What looks like a placeholder where none is filled in would be passed on as it stands: never silently. */
  refuseOthers(data: unknown): void {
    const secret = new Set(this.#secret.map((path) => JSON.stringify(path)));
    const look = (value: unknown, path: Path): void => {
      if (secret.has(JSON.stringify(path))) return;
      if (typeof value === 'string') {
        if (hasPlaceholder(value))
          this.#draft.refuse(path, 'only a secret is filled in from a variable or a file', shown(value));
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, below] of Object.entries(value))
          look(below, [...path, Array.isArray(value) ? Number(key) : key]);
      }
    };
    look(data, []);
  }
}
