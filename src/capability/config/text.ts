/**
 * The text of a configuration: YAML, of which JSON is a part, to plain data with the place of everything in it.
 * What a configuration does not need is refused, because it is where such texts are used against their reader:
 * anchors and aliases, tags, several documents, keys that are no text. Owns those refusals.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { limits } from '../../limits.ts';
import { type Mistake, type Path, pathText, shown } from './mistake.ts';

export interface ConfigurationText {
  readonly data: unknown;
  /** Where the key stands by which a value is reached; in a list, the value itself. */
  placeOf(path: Path, part?: 'key' | 'value'): Place;
  readonly mistakes: readonly Mistake[];
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

const NO_PLACE: Place = { line: 0, column: 0 };

/** Data that no text stands behind. */
export function withoutText(data: unknown): ConfigurationText {
  return { data, placeOf: () => NO_PLACE, mistakes: [] };
}

export function readText(text: string): ConfigurationText {
  if (text.length > limits.config_bytes_max) return tooLarge();
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const reading = new Reading(lines);
  for (const { code, message, pos } of document.errors) {
    // One mistake often breaks everything after it: the first of a line says it.
    reading.refuse([], pos[0], WORDS[code] ?? `${message[0]?.toLowerCase() ?? ''}${message.slice(1)}`, '');
  }
  // After a mistake of form nothing that stands there is sure to mean what it seems to.
  if (reading.mistakes.length > 0) return { ...withoutText(undefined), mistakes: onePerLine(reading.mistakes) };
  if (document.directives?.yaml.explicit === true) reading.refuse([], 0, 'there are no directives', '%YAML');
  visit(document, { Node: (_, node) => reading.look(node as Node) });
  const data = reading.read(document.contents, []);
  return { data, placeOf: (path, part) => reading.placeOf(path, part), mistakes: onePerLine(reading.mistakes) };
}

export function tooLarge(): ConfigurationText {
  const expected = `a configuration has at most ${limits.config_bytes_max} bytes`;
  return { ...withoutText(undefined), mistakes: [{ path: '', line: 1, column: 1, expected, came: 'more', hint: '' }] };
}

const WORDS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'lines are indented with spaces, not with tabs',
  MULTIPLE_DOCS: 'one document is expected, without a --- after its beginning',
  RESOURCE_EXHAUSTION: `values are nested at most ${limits.config_depth_max} deep`,
};

class Reading {
  readonly mistakes: Mistake[] = [];
  readonly #lines: LineCounter;
  readonly #places = new Map<string, { readonly key: number; readonly value: number }>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  refuse(path: Path, offset: number, expected: string, came: string): void {
    this.mistakes.push({ path: pathText(path), ...this.#at(offset), expected, came, hint: '' });
  }

  look(node: Node): void {
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) this.refuse([], offset, 'values are written out: there are no aliases', `*${node.source}`);
    else if ('anchor' in node && node.anchor) this.refuse([], offset, 'there are no anchors', `&${node.anchor}`);
    else if (node.tag !== undefined) this.refuse([], offset, 'there are no tags', shown(node.tag));
  }

  read(node: unknown, path: Path): unknown {
    if (path.length > limits.config_depth_max) {
      this.refuse(path.slice(0, 4), offsetOf(node), WORDS['RESOURCE_EXHAUSTION'] ?? '', 'more');
      return undefined;
    }
    if (path.length === 0) this.#places.set(keyOf(path), { key: offsetOf(node), value: offsetOf(node) });
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const offset = offsetOf(item);
        this.#places.set(keyOf([...path, index]), { key: offset, value: offset });
        return this.read(item, [...path, index]);
      });
    }
    if (!isScalar(node)) return null;
    const { value } = node;
    if (typeof value === 'number' && !isExact(value))
      this.refuse(path, offsetOf(node), 'a number is finite, and a whole one at most 2^53', String(node.source));
    if (typeof value === 'string' && (value.includes('\0') || /\p{Surrogate}/u.test(value)))
      this.refuse(path, offsetOf(node), 'a text has no NUL and no half of a character', shown(value));
    return value;
  }

  #readMap(items: readonly { readonly key: unknown; readonly value: unknown }[], path: Path): unknown {
    const data: Record<string, unknown> = {};
    for (const { key, value } of items) {
      const name = isScalar(key) ? key.value : key;
      if (typeof name !== 'string' || name === '__proto__') {
        this.refuse(path, offsetOf(key), 'a key is a text', isNode(name) ? 'a collection' : shown(name));
        continue;
      }
      // Looked for here: the library compares each key with all before it.
      if (Object.hasOwn(data, name))
        this.refuse([...path, name], offsetOf(key), 'a key stands once in a map', 'it again');
      this.#places.set(keyOf([...path, name]), { key: offsetOf(key), value: offsetOf(value) || offsetOf(key) });
      data[name] = this.read(value, [...path, name]);
    }
    return data;
  }

  placeOf(path: Path, part: 'key' | 'value' = 'key'): Place {
    for (let length = path.length; length >= 0; length--) {
      const found = this.#places.get(keyOf(path.slice(0, length)));
      if (found !== undefined) return this.#at(found[part]);
    }
    return { line: 1, column: 1 };
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function onePerLine(mistakes: readonly Mistake[]): readonly Mistake[] {
  const seen = new Set<number>();
  return mistakes.filter(({ line }) => !seen.has(line) && seen.add(line)).slice(0, limits.config_mistakes_max);
}
