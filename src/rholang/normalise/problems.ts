/** The static errors of one program, gathered while it is walked. Owns their wording. */
import { SourceErrors, sourceError } from '../syntax/index.ts';
import type { SourceError, SourceErrorCode, SourceRule, SourceText } from '../syntax/index.ts';
import type { Sort } from './scope.ts';

/** Errors kept; a program with more has made its point. */
const KEPT_MAX = 1000;

export class Problems {
  readonly #source: SourceText;
  readonly #errors: SourceError[] = [];

  constructor(source: SourceText) {
    this.#source = source;
  }

  throwIfAny(): void {
    if (this.#errors.length > 0) throw new SourceErrors(this.#source, this.#errors);
  }

  add(
    rule: SourceRule,
    message: string,
    from: number,
    to: number,
    hint = '',
    code: SourceErrorCode = 'static_error',
  ): void {
    if (this.#errors.length >= KEPT_MAX) return;
    const found = this.#source.text.slice(from, Math.min(to, from + 80));
    this.#errors.push(sourceError(this.#source, code, rule, message, from, to, { found, hint }));
  }

  wrongSort(name: string, bound: Sort, boundAt: number, from: number): void {
    if (bound === 'process') {
      this.add(
        'name_context',
        `Proc variable: ${name} at ${this.#at(boundAt)} used in Name context at ${this.#at(from)}`,
        from,
        from + name.length,
        `write \`@${name}\` to use the process as a name`,
      );
    } else {
      this.add(
        'process_context',
        `Name variable: ${name} at ${this.#at(boundAt)} used in process context at ${this.#at(from)}`,
        from,
        from + name.length,
        `write \`*${name}\` to use the name as a process`,
      );
    }
  }

  reuse(name: string, sort: Sort, first: number, second: number): void {
    this.add(
      'reuse',
      `Free variable ${name} is used twice as a binder (at ${this.#at(first)} and ${this.#at(second)}) in ${sort} context.`,
      second,
      second + name.length,
      'a pattern binds each variable once; `=x` compares with a variable from outside',
    );
  }

  free(name: string, from: number): void {
    this.add(
      'free_variable',
      `Top level free variables are not allowed: ${name} at ${this.#at(from)}.`,
      from,
      from + name.length,
      `\`${name}\` is bound nowhere around this place; bind it with \`new\`, \`for\`, \`contract\`, \`let\` or \`match\``,
    );
  }

  wildcard(from: number): void {
    this.add(
      'wildcard',
      `Top level wildcards are not allowed: _ (wildcard) at ${this.#at(from)}.`,
      from,
      from + 1,
      '`_` can only stand in a pattern',
    );
  }

  connective(sign: string, word: string, from: number, to: number): void {
    this.add(
      'connective',
      `Top level logical connectives are not allowed: ${sign} (${word}) at ${this.#at(from)}.`,
      from,
      to,
      'logical connectives can only stand in a pattern',
    );
  }

  unbound(text: string, from: number, to: number): void {
    this.add('unbound_reference', `Variable reference: ${text} at ${this.#at(from)} is unbound.`, from, to);
  }

  bundleContent(what: string, from: number, to: number): void {
    this.add(
      'bundle_content',
      `Bundle's content must not have ${what}, at ${this.#at(from)}.`,
      from,
      to,
      'nothing in a bundle can be matched; match the whole bundle with a variable',
    );
  }

  #at(offset: number): string {
    const { line, column } = this.#source.positionAt(offset);
    return `${line}:${column}`;
  }
}
