/**
 * Random programs: closed, well-sorted Rholang text, made from a list of numbers so that fast-check can shrink
 * it. Used by the tests of printing, parsing and normalising.
 */
import fc from 'fast-check';

interface Variable {
  readonly name: string;
  readonly isName: boolean;
}

class Writer {
  readonly #choices: readonly number[];
  readonly #gap: () => string;
  #at = 0;
  #names = 0;

  constructor(choices: readonly number[], gap: () => string) {
    this.#choices = choices;
    this.#gap = gap;
  }

  /** Past the last choice all answers are 0, which leads to leaves. */
  #pick(count: number): number {
    const choice = this.#choices[this.#at++];
    return choice === undefined ? 0 : choice % count;
  }

  #join(...tokens: string[]): string {
    return tokens.join(this.#gap());
  }

  process(scope: readonly Variable[], depth: number): string {
    const next = depth - 1;
    if (depth <= 0) return this.ground();
    switch (this.#pick(15)) {
      case 0:
        return this.ground();
      case 1:
        return this.expression(scope, next);
      case 2:
        return this.#join('{', this.process(scope, next), '|', this.process(scope, next), '}');
      case 3:
        return this.#join(
          '{',
          this.name(scope, next),
          this.#pick(2) === 0 ? '!' : '!!',
          '(',
          this.values(scope, next),
          ')',
          '}',
        );
      case 4:
        return this.receive(scope, next);
      case 5: {
        const made = Array.from({ length: 1 + this.#pick(3) }, () => ({ name: this.fresh(), isName: true }));
        return this.#join(
          '{',
          'new',
          made.map((each) => each.name).join(','),
          'in',
          this.process([...scope, ...made], next),
          '}',
        );
      }
      case 6:
        return this.match(scope, next);
      case 7:
        return this.#join(`bundle${['+', '-', '0', ''][this.#pick(4)]}`, '{', this.process(scope, next), '}');
      case 8:
        return this.#join(
          '{',
          'if',
          '(',
          this.expression(scope, next),
          ')',
          '{',
          this.process(scope, next),
          '}',
          'else',
          '{',
          this.process(scope, next),
          '}',
          '}',
        );
      case 9: {
        const bound: Variable[] = [];
        const pattern = this.namePattern(bound, scope, next);
        return this.#join(
          'let',
          pattern,
          '<-',
          this.process(scope, next),
          'in',
          '{',
          this.process([...scope, ...bound], next),
          '}',
        );
      }
      case 10:
        return this.#join(
          '{',
          this.name(scope, next),
          '!?',
          '(',
          this.values(scope, next),
          ')',
          ';',
          this.process(scope, next),
          '}',
        );
      case 11:
        return this.#join('contract', this.name(scope, next), '(', ')', '=', '{', this.process(scope, next), '}');
      default:
        return this.value(scope, next);
    }
  }

  value(scope: readonly Variable[], depth: number): string {
    const variable = this.variable(scope, false) ?? this.variable(scope, true);
    switch (this.#pick(7)) {
      case 0:
        return this.ground();
      case 1:
        if (variable !== undefined) return variable.isName ? this.#join('*', variable.name) : variable.name;
        return this.ground();
      case 2:
        return this.#join('[', this.values(scope, depth), ']');
      case 3:
        return this.#join('(', this.process(scope, depth - 1), ',', this.values(scope, depth), ')');
      case 4:
        return this.#join('Set', '(', this.values(scope, depth), ')');
      case 5:
        return this.#join('{', this.process(scope, depth - 1), ':', this.process(scope, depth - 1), '}');
      default:
        return this.expression(scope, depth);
    }
  }

  values(scope: readonly Variable[], depth: number): string {
    return Array.from({ length: this.#pick(3) }, () => this.process(scope, depth - 1)).join(this.#join('', ',', ''));
  }

  expression(scope: readonly Variable[], depth: number): string {
    if (depth <= 0) return this.ground();
    const left = this.#join('(', this.process(scope, depth - 1), ')');
    const right = this.#join('(', this.process(scope, depth - 1), ')');
    const operators = [
      'or',
      'and',
      '||',
      '&&',
      '==',
      '!=',
      '<',
      '<=',
      '>',
      '>=',
      '+',
      '-',
      '++',
      '--',
      '*',
      '/',
      '%',
      '%%',
    ];
    switch (this.#pick(5)) {
      case 0:
        return this.#join('(', 'not', left, ')');
      case 1:
        return this.#join('(', '-', left, ')');
      case 2:
        return this.#join(left, '.', 'nth', '(', right, ')');
      case 3:
        return this.#join('(', left, 'matches', '{', this.pattern([], scope, depth - 1), '}', ')');
      default:
        return this.#join('(', left, operators[this.#pick(operators.length)] as string, right, ')');
    }
  }

  receive(scope: readonly Variable[], depth: number): string {
    const bound: Variable[] = [];
    const arrow = ['<-', '<=', '<<-'][this.#pick(3)] as string;
    const binds = Array.from({ length: 1 + this.#pick(2) }, () => {
      const patterns = Array.from({ length: this.#pick(3) }, () => this.namePattern(bound, scope, depth - 1)).join(',');
      const rest = this.#pick(4) === 1 ? this.#join('...', '@', this.binder(bound, false)) : '';
      const comma = patterns !== '' && rest !== '' ? ',' : '';
      return this.#join(patterns, comma, rest, arrow, this.name(scope, depth - 1));
    });
    return this.#join('for', '(', binds.join('&'), ')', '{', this.process([...scope, ...bound], depth), '}');
  }

  match(scope: readonly Variable[], depth: number): string {
    const cases = Array.from({ length: 1 + this.#pick(2) }, () => {
      const bound: Variable[] = [];
      const pattern = this.pattern(bound, scope, depth);
      return this.#join('{', pattern, '}', '=>', this.process([...scope, ...bound], depth));
    });
    return this.#join('match', '(', this.process(scope, depth), ')', '{', ...cases, '}');
  }

  name(scope: readonly Variable[], depth: number): string {
    const variable = this.variable(scope, true);
    if (variable !== undefined && this.#pick(2) === 1) return variable.name;
    return this.#join('@', '{', this.process(scope, depth - 1), '}');
  }

  namePattern(bound: Variable[], scope: readonly Variable[], depth: number): string {
    switch (this.#pick(3)) {
      case 0:
        return this.binder(bound, true);
      case 1:
        return '_';
      default:
        return this.#join('@', '{', this.pattern(bound, scope, depth - 1), '}');
    }
  }

  /** A pattern, as a process; what it binds is added to `bound`. */
  pattern(bound: Variable[], scope: readonly Variable[], depth: number): string {
    if (depth <= 0) return this.#pick(2) === 0 ? this.binder(bound, false) : this.ground();
    const next = depth - 1;
    switch (this.#pick(12)) {
      case 0:
        return this.binder(bound, false);
      case 1:
        return '_';
      case 2:
        return this.ground();
      case 3:
        return this.#join(
          '[',
          this.pattern(bound, scope, next),
          ',',
          this.pattern(bound, scope, next),
          this.rest(bound),
          ']',
        );
      case 4:
        return this.#join(
          'Set',
          '(',
          this.pattern(bound, scope, next),
          ',',
          this.pattern(bound, scope, next),
          this.rest(bound),
          ')',
        );
      case 5:
        return this.#join('{', this.ground(), ':', this.pattern(bound, scope, next), this.rest(bound), '}');
      case 6:
        return this.#join('{', this.pattern(bound, scope, next), '|', this.pattern(bound, scope, next), '}');
      case 7:
        return this.#join(
          '{',
          this.namePattern(bound, scope, next),
          '!',
          '(',
          this.pattern(bound, scope, next),
          ')',
          '}',
        );
      case 8:
        return this.#join(
          '{',
          '{',
          this.pattern(bound, scope, next),
          '}',
          '/\\',
          ['Int', 'String', 'ByteArray'][this.#pick(3)] as string,
          '}',
        );
      case 9:
        return this.#join('~', '{', this.pattern([], scope, next), '}');
      case 10: {
        const variable = this.variable(scope, this.#pick(2) === 0);
        if (variable === undefined) return '_';
        return variable.isName ? this.#join('=', '*', variable.name) : this.#join('=', variable.name);
      }
      default:
        return this.#join(
          'for',
          '(',
          this.binder([], true),
          '<-',
          this.namePattern(bound, scope, next),
          ')',
          '{',
          this.pattern(bound, scope, next),
          '}',
        );
    }
  }

  rest(bound: Variable[]): string {
    switch (this.#pick(3)) {
      case 0:
        return '';
      case 1:
        return this.#join('', '...', '_');
      default:
        return this.#join('', '...', this.binder(bound, false));
    }
  }

  binder(bound: Variable[], isName: boolean): string {
    const name = this.fresh();
    bound.push({ name, isName });
    return name;
  }

  fresh(): string {
    return `v${this.#names++}`;
  }

  variable(scope: readonly Variable[], isName: boolean): Variable | undefined {
    const fitting = scope.filter((each) => each.isName === isName);
    return fitting[fitting.length === 0 ? 0 : this.#pick(fitting.length)];
  }

  ground(): string {
    const grounds = [
      'Nil',
      '0',
      '7',
      '(-3)',
      '9007199254740993',
      '5n',
      '1.5',
      '"a"',
      '"q\\"\\\\\\n"',
      '`rho:x`',
      'true',
      'false',
      '{}',
      '[]',
      'Set()',
    ];
    return grounds[this.#pick(grounds.length)] as string;
  }
}

const choices = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 60, maxLength: 300, size: 'max' });

export function writeProgram(from: readonly number[], gap: () => string = () => ' '): string {
  return new Writer(from, gap).process([], 5);
}

/** The numbers from which `writeProgram` makes one program. */
export const programChoices: fc.Arbitrary<number[]> = choices;
export const programs: fc.Arbitrary<string> = choices.map((from) => writeProgram(from));
