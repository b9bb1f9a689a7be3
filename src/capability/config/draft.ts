/** A configuration that is being read: what its parts share. Owns the list of mistakes and what was read besides. */
import type { Filling } from './configuration.ts';
import { type Mistake, type Path, pathText, shown } from './mistake.ts';
import type { ConfigurationText } from './text.ts';

/** The little of the machine that a configuration may see. */
export interface ConfigurationSurroundings {
  /** The text of a file, or why it cannot be had. */
  readFile(path: string, bytes_max: number): FileText;
  /** A path of the configuration, absolute. */
  resolve(path: string): string;
  variable(name: string): string | undefined;
  /** What is wrong with the text of a system contract for whom these URIs are bound; its lines and columns, in words. */
  contractFaults(text: string, uris: readonly string[]): readonly string[];
}

export type FileText =
  | { readonly text: string }
  | { readonly problem: 'missing' | 'too_large' | 'no_text' | 'unreadable' };

/** What the parts of the reading share. */
export class Draft {
  readonly mistakes: Mistake[] = [];
  readonly filesRead: string[] = [];
  readonly fillings: Filling[] = [];

  constructor(
    readonly text: ConfigurationText,
    readonly surroundings: ConfigurationSurroundings,
  ) {}

  refuse(path: Path, expected: string, came: string, more: { hint?: string; part?: 'key' | 'value' } = {}): void {
    const place = this.text.placeOf(path, more.part ?? 'value');
    this.mistakes.push({ path: pathText(path), ...place, expected, came, hint: more.hint ?? '' });
  }

  /** The text of a file that the configuration names, or null and a mistake. */
  file(path: Path, name: string, what: string, bytes_max: number): string | null {
    const resolved = this.surroundings.resolve(name);
    const read = this.surroundings.readFile(resolved, bytes_max);
    if ('text' in read) {
      this.filesRead.push(resolved);
      return read.text;
    }
    this.refuse(path, `expected ${what}: ${PROBLEMS[read.problem](bytes_max)}`, shown(name));
    return null;
  }
}

/** What was expected of a file, by what is wrong with it. */
export const PROBLEMS: Readonly<
  Record<'missing' | 'too_large' | 'no_text' | 'unreadable', (bytes_max: number) => string>
> = {
  missing: () => 'a file that is there',
  too_large: (bytes_max) => `a file of at most ${bytes_max} bytes`,
  no_text: () => 'a file of UTF-8 text',
  unreadable: () => 'a file that may be read',
};

export function list(names: Iterable<string>): string {
  return [...names].map((name) => JSON.stringify(name)).join(', ') || 'there are none';
}

/** A section that is a map, or null. */
export function section(data: unknown, name: string): Readonly<Record<string, unknown>> | null {
  const found = isMap(data) && Object.hasOwn(data, name) ? data[name] : null;
  return isMap(found) ? found : null;
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
