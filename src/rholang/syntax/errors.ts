/**
 * What is wrong with a text: one structured list for tools, one readable report for people, one error that
 * carries both. Shared by parser and normaliser.
 */
import { PowerboxError } from '../../errors.ts';
import type { SourceText } from './source.ts';

export type SourceErrorCode = 'syntax_error' | 'static_error' | 'uri_not_granted';

/** One thing wrong with a text. */
export interface SourceError {
  readonly code: SourceErrorCode;
  /** The rule that is broken, for programs; stable. */
  readonly rule: SourceRule;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  /** Offset and length in UTF-16 units. */
  readonly offset: number;
  readonly length: number;
  /** What stands there, and what could have stood there; empty where the question makes no sense. */
  readonly found: string;
  readonly expected: readonly string[];
  readonly hint: string;
}

export type SourceRule =
  | 'token'
  | 'grammar'
  | 'too_long'
  | 'integer_range'
  | 'not_supported'
  | 'unbound_reference'
  | 'name_context'
  | 'process_context'
  | 'reuse'
  | 'free_variable'
  | 'wildcard'
  | 'connective'
  | 'bundle_content'
  | 'mixed_binds'
  | 'too_many_binds'
  | 'uri_not_granted';

/** Errors shown in full in a report; all are in `errors`. */
const SHOWN_MAX = 20;

/** The errors of one text. Its code is that of the first error, where wrong syntax comes first. */
export class SourceErrors extends PowerboxError {
  readonly errors: readonly SourceError[];

  constructor(source: SourceText, errors: readonly SourceError[]) {
    const sorted = [...errors].sort((left, right) => left.offset - right.offset);
    super(codeOf(sorted), report(source, sorted), { hint: sorted.length === 1 ? (sorted[0]?.hint ?? '') : '' });
    this.errors = sorted;
  }
}

function codeOf(errors: readonly SourceError[]): SourceErrorCode {
  for (const code of ['syntax_error', 'static_error'] as const)
    if (errors.some((each) => each.code === code)) return code;
  return 'uri_not_granted';
}

function report(source: SourceText, errors: readonly SourceError[]): string {
  const shown = errors.slice(0, SHOWN_MAX).map((error) => {
    const place = source.positionAt(error.offset);
    const lines = [
      `${error.line}:${error.column}: ${error.message}`,
      source.excerpt(place, error.offset + error.length),
    ];
    if (error.hint !== '') lines.push(`hint: ${error.hint}`);
    return lines.join('\n');
  });
  if (errors.length > SHOWN_MAX) shown.push(`and ${errors.length - SHOWN_MAX} more`);
  return shown.join('\n\n');
}

export interface ErrorDetail {
  readonly found?: string;
  readonly expected?: readonly string[];
  readonly hint?: string;
}

export function sourceError(
  source: SourceText,
  code: SourceErrorCode,
  rule: SourceRule,
  message: string,
  from: number,
  to: number,
  detail: ErrorDetail = {},
): SourceError {
  const { line, column } = source.positionAt(from);
  return {
    code,
    rule,
    message,
    line,
    column,
    offset: from,
    length: to - from,
    found: detail.found ?? '',
    expected: detail.expected ?? [],
    hint: detail.hint ?? '',
  };
}
