/**
 * Documents that an operator gives to contracts: read, and checked against their schema, before anything is started.
 * What is wrong in a file of its own is told at its place there.
 */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import type { ConfiguredDocument } from './configuration.ts';
import { type Draft, isMap, section } from './draft.ts';
import { readBy } from './issues.ts';
import { type Mistake, type Path, shown } from './mistake.ts';
import { documentSection } from './schema.ts';
import { type ConfigurationText, readText, withoutText } from './text.ts';

/** Null: it is there, and something is wrong with it. */
export function readDocuments(data: unknown, draft: Draft): Map<string, ConfiguredDocument | null> {
  const documents = new Map<string, ConfiguredDocument | null>();
  for (const [name, source] of Object.entries(section(data, 'documents') ?? {}))
    documents.set(name, readDocument(name, source, draft));
  return documents;
}

function readDocument(name: string, source: unknown, draft: Draft): ConfiguredDocument | null {
  const path: Path = ['documents', name];
  const { value: read } = readBy(documentSection, source, draft.text);
  if (read === undefined) return null;
  const hasValue = isMap(source) && Object.hasOwn(source, 'value');
  if ((read.file === undefined) !== hasValue) {
    draft.refuse(path, 'expected either a file or a value', hasValue ? 'both' : 'neither', { part: 'key' });
    return null;
  }
  const text = read.file === undefined ? withoutText(read.value) : documentText(read.file, path, draft);
  if (text === null) return null;
  const before = draft.mistakes.length;
  if (read.schema !== undefined) checkDocument(read.schema, read.file ?? null, text, path, draft);
  if (draft.mistakes.length > before) return null;
  return { name, file: read.file ?? null, value: text.data };
}

function documentText(file: string, path: Path, draft: Draft): ConfigurationText | null {
  const read = draft.file([...path, 'file'], file, 'a document', limits.document_bytes_max);
  if (read === null) return null;
  if (!/\.(ya?ml|json)$/i.test(file)) return withoutText(read);
  const text = readText(read);
  tellWithin(text.mistakes, file, [...path, 'file'], draft);
  return text.mistakes.length > 0 ? null : text;
}

function checkDocument(
  schemaFile: string,
  file: string | null,
  text: ConfigurationText,
  path: Path,
  draft: Draft,
): void {
  const read = draft.file([...path, 'schema'], schemaFile, 'a JSON Schema', limits.document_bytes_max);
  if (read === null) return;
  const source = readText(read);
  tellWithin(source.mistakes, schemaFile, [...path, 'schema'], draft);
  if (source.mistakes.length > 0) return;
  const schema = compiled(source.data);
  if (typeof schema === 'string') {
    draft.refuse([...path, 'schema'], `expected a JSON Schema: ${schema}`, shown(schemaFile));
    return;
  }
  if (file === null) draft.mistakes.push(...readBy(schema, text.data, draft.text, [...path, 'value']).mistakes);
  else tellWithin(readBy(schema, text.data, text).mistakes, file, [...path, 'file'], draft);
}

/** A string says what is wrong with it. */
function compiled(source: unknown): z.ZodType | string {
  if (!isMap(source)) return 'a map is expected';
  try {
    return z.fromJSONSchema(source);
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be read';
  }
}

/** Mistakes of another file, told where the configuration names it. */
function tellWithin(mistakes: readonly Mistake[], file: string, path: Path, draft: Draft): void {
  for (const mistake of mistakes) {
    const where = `${file}:${mistake.line}:${mistake.column}${mistake.path === '' ? '' : ` ${mistake.path}`}`;
    draft.refuse(path, `${where}: ${mistake.expected}`, mistake.came, { hint: mistake.hint });
  }
}
