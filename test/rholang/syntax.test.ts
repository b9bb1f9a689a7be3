import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { LRParser } from '@lezer/lr';
import fc from 'fast-check';
import { buildGrammar, generateTables } from '../../src/rholang/syntax/generate.ts';
import { SourceErrors, compileText, print, printProcess } from '../../src/rholang/index.ts';
import type { SourceError } from '../../src/rholang/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { equal } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { programs } from './programs.ts';

const options = { uris: new Map<string, Value>() };
const compile = (text: string): Value => compileText(text, options).term;
const folder = new URL('../../src/rholang/syntax/', import.meta.url);

function errorOf(text: string): SourceErrors {
  try {
    compile(text);
  } catch (error) {
    if (error instanceof SourceErrors) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` });
}

/** The one thing wrong with `text`. */
function only(text: string): SourceError {
  const { errors } = errorOf(text);
  assert.equal(errors.length, 1, errorOf(text).message);
  return errors[0] as SourceError;
}

function same(left: string, right: string): void {
  assert.ok(equal(compile(left), compile(right)), `${print(compile(left))} is not ${print(compile(right))}`);
}

function isSyntaxError(text: string): void {
  assert.equal(errorOf(text).code, 'syntax_error', text);
}

describe('grammar', () => {
  let grammar: LRParser;
  before(function () {
    this.timeout(300_000);
    grammar = buildGrammar();
  });

  it('the committed tables are those of the grammar (if not: npm run grammar)', () => {
    assert.equal(readFileSync(new URL('tables.generated.ts', folder), 'utf8'), generateTables(grammar));
  });

  it("an editor with Lezer's own driver reads the same language from the same file", () => {
    const editor = grammar.configure({ strict: true });
    const editorAccepts = (text: string): boolean => {
      try {
        editor.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const weAccept = (text: string): boolean => {
      try {
        compile(text);
        return true;
      } catch (error) {
        return isPowerboxError(error) && error.code !== 'syntax_error';
      }
    };
    fc.assert(
      fc.property(
        programs,
        fc.nat(),
        fc.constantFrom(
          '',
          '|',
          '}',
          '{',
          ')',
          ' x ',
          '!',
          '1.5',
          '1.',
          '`a`',
          '/* */',
          '//',
          '<-',
          '_',
          '_a',
          '...',
          '"',
          'bundle+',
          ' bundle0',
        ),
        (text, at, extra) => {
          const cut = at % (text.length + 1);
          const changed = text.slice(0, cut) + extra + text.slice(cut);
          assert.equal(weAccept(changed), editorAccepts(changed), changed);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('forms bind as their levels say', () => {
    same('new x in @1!(1) | @2!(2)', '{new x in { @1!(1) }} | @2!(2)');
    same('1 + 2 * 3 - 4', '(1 + (2 * 3)) - 4');
    same('1 or 2 and 3 == 4 < 5 + 6 * -7', '1 or (2 and (3 == (4 < (5 + (6 * -7)))))');
    same('1 || 2 or 3', '(1 || 2) or 3');
    same('1 && 2 and 3', '(1 && 2) and 3');
    same('not true and false', '(not true) and false');
    same('not 1.m() + -2.m()', '(not (1.m())) + (-(2.m()))');
    same('1 ++ 2 -- 3 %% 4', '(1 ++ 2) -- (3 %% 4)');
    same('new x in { *x.m().n() }', 'new x in { ((*x).m()).n() }');
    same('@*@1!(2)', '@1!(2)');
    same('match 1 { ~x /\\ y \\/ 3 => Nil }', 'match 1 { {{{~x} /\\ y} \\/ 3} => Nil }');
    same(
      'if (true) @1!(1) else if (false) @2!(2) else @3!(3)',
      'if (true) { @1!(1) } else { if (false) { @2!(2) } else { @3!(3) } }',
    );
    same(
      'match 1 { x => x 2 => 3 {x | 4} => 5 (6, _) => 7 [] => BigInt(8) }',
      'match 1 { {x} => {x} {2} => {3} {x | 4} => {5} {(6, _)} => {7} {[]} => {BigInt(8)} }',
    );
    isSyntaxError('1 matches 2 matches 3');
    isSyntaxError('@10!(10) /\\ @20!(20)');
    isSyntaxError('match @1!(2) { _ => Nil }');
    isSyntaxError('if (true) if (false) 1 else 2');
  });

  it('braces, parentheses and commas mean what stands in them', () => {
    assert.equal(print(compile('{}')), '{}');
    assert.equal(print(compile('{{}}')), '{}');
    assert.equal(print(compile('(1)')), '1');
    assert.equal(print(compile('(1,)')), '(1,)');
    assert.equal(print(compile('(1, 2,)')), '(1, 2)');
    assert.equal(print(compile('[1, 2,]')), '[1, 2]');
    same('for (x <- @1) {}', 'for (x <- @1) { Nil }');
    same('match [1] { [1, ...x] => x [2 ...x] => x }', 'match [1] { [1 ...x] => x [2, ...x] => x }');
    same('new x, y, in { x!(1,) }', 'new x, y in { x!(1) }');
    isSyntaxError('()');
    isSyntaxError('[,]');
  });

  it('strings and URIs are decoded, and may span lines', () => {
    assert.equal(compile('"a\\n\\r\\t\\0\\\\\\"\\065\\255"'), 'a\n\r\t\0\\"A\xff');
    assert.equal(compile('"one\ntwo"'), 'one\ntwo');
    assert.equal(compile('"\u{1f600} ä"'), '\u{1f600} ä');
    assert.equal(print(compile('`a\\`b\\\\`')), '`a\\`b\\\\`');
    assert.match(only('"\\q"').message, /is no escape/);
    assert.match(only('"\\300"').message, /is no escape/);
    assert.match(only('"\\12"').message, /is no escape/);
    assert.match(only('"\ud800"').message, /surrogate/);
    assert.match(only('@1!("abc').message, /never closed/);
    assert.match(only('`abc').message, /never closed/);
    assert.match(only('1 /* abc').message, /never closed/);
    isSyntaxError('``');
  });

  it('words and signs are read longest first', () => {
    same("new x, in1, bundle1, _y, a'b in { in1!(*bundle1, *_y, *a'b) }", 'new a, b, c, d, e in { b!(*c, *d, *e) }');
    same('match 1 { x => x==1 y => y!=2 }', 'match 1 { x => (x == 1) y => (y != 2) }');
    same('@1!!(2)', '@{1}!!(2)');
    isSyntaxError('1<-1');
    same('1/2//3\n', '1 / 2');
  });
});

describe('syntax errors', () => {
  it('RH-43…46: what is no program is refused at the token that is wrong', () => {
    for (const [text, line, column] of [
      ['BigInt(NOTNUMBER)', 1, 8],
      ['@1!(\nBigInt(999NOTNUMBER))', 2, 11],
      ['BigInt(-9)', 1, 8],
      ['new f, x in { f(x) }', 1, 16],
      ['@1!(1) }', 1, 8],
      ['{ @1!(1)', 1, 9],
      ['let in { Nil }', 1, 5],
    ] as const) {
      const [error] = errorOf(text).errors;
      assert.deepEqual([error?.code, error?.line, error?.column], ['syntax_error', line, column], text);
    }
  });

  it('says what was found and what was expected, in words of the language', () => {
    const error = only('new x in { x!(1 }');
    assert.equal(error.found, '`}`');
    assert.deepEqual(error.expected, ['`)`', '`,`', '`|`', 'an operator']);
    assert.equal(
      errorOf('new x in { x!(1 }').message,
      '1:17: found `}` where `)`, `,`, `|` or an operator was expected\n1 | new x in { x!(1 }\n  |                 ^',
    );
    assert.deepEqual(only('@1!(').expected.slice(0, 1), ['a process']);
    assert.equal(only('@1!(').found, 'the end of the program');
    assert.match(only('new x in { x!(1)').message, /the `\{` at 1:10 is still open/);
    assert.match(only('for (x <- @1').message, /the `\(` at 1:5 is still open/);
    assert.deepEqual(only('new 5 in { Nil }').expected, ['a variable']);
    assert.deepEqual(only('contract 5() = { Nil }').expected, ['a name (a variable, `_` or `@…`)']);
    assert.match(only('@1!(1)\n@2!(2)').hint, /joined by `\|`/);
    assert.match(only('new f in { f(1) }').hint, /write `!` before/);
    assert.match(only('1 # 2').message, /the character `#` \(U\+0023\) has no meaning/);
  });

  it('all errors of a program come at once, in order', () => {
    const text = 'new x in {\n  x!(1 |\n  for (y <- x { y!(2) } |\n  match 1 { => 2 } |\n  contract z = { Nil }\n}';
    const { errors } = errorOf(text);
    assert.deepEqual(
      errors.map((error) => error.line),
      [3, 4, 5, 6].filter((line) => errors.some((error) => error.line === line)),
    );
    assert.ok(errors.length >= 3, errorOf(text).message);
    const two = errorOf('@1!(1 2) | @2!(3 | "\\q"').errors.map((error) => error.column);
    assert.deepEqual(two, [7, 21, 24]);
  });

  it('tokens that fit nowhere do not hide the errors behind them', () => {
    const { errors } = errorOf('@1!(1) ] ) ] 1 2 => <-\n| new 5 in { Nil }\n| @2!(');
    assert.deepEqual(
      errors.map((error) => error.line),
      [1, 2, 3],
    );
  });

  it('what follows from an error is not reported as another', () => {
    assert.equal(only('new y in { for (x <- y) x!(1) | y!(2) }').column, 25);
    assert.equal(only('if true { 1 } | @1!(2)').column, 4);
    assert.equal(only('@1!(1 | @2!(2) | @3!(3)').column, 24);
    assert.equal(only('new x in { # }').column, 12);
  });

  it('shows a long line cut around the caret, and columns as characters', () => {
    const { message } = errorOf(`"${'x'.repeat(500)}" 5`);
    for (const line of message.split('\n')) assert.ok(line.length < 160, line);
    const error = only('"\u{1f600}" 5');
    assert.deepEqual([error.column, error.offset], [5, 5]);
  });

  it('a text over the limit is refused', () => {
    assert.throws(() => compile(' '.repeat(limits.source_bytes_max + 1)), { code: 'value_too_large' });
  });

  it('a missing token anywhere in a program is reported, and never crashes', () => {
    const text =
      'new x, y(`u`) in { contract x(@a, ret ...@r) = { match [a, r] { [1, b] => { ret!(b + 1) } _ => Nil } } | x!?(1); for (z <- x & @w <<- @"k" ; q <- x?!) { x!(*z, w, *q) } }';
    const tokens = text.match(/[A-Za-z]+|`u`|"k"|<<-|<-|=>|\.\.\.|!\?|\?!|\S/g) as string[];
    for (let index = 0; index < tokens.length; index++) {
      const missing = tokens.toSpliced(index, 1).join(' ');
      try {
        compile(missing);
      } catch (error) {
        assert.ok(error instanceof SourceErrors, missing);
        assert.ok(error.errors.length > 0 && error.errors.length < 8, `${missing}\n${error.message}`);
      }
    }
  });
});

describe('any text', () => {
  const words = [
    'new',
    'in',
    'for',
    'contract',
    'match',
    'if',
    'else',
    'let',
    'select',
    'bundle+',
    'Set',
    'Nil',
    'BigInt',
    'Int',
    'true',
    'not',
    'and',
    'matches',
    'x',
    'y',
    '_',
    '1',
    '1.5',
    '5n',
    '"s"',
    '`u`',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ';',
    ':',
    '.',
    '...',
    '@',
    '=',
    '=>',
    '<-',
    '<<-',
    '<=',
    '<',
    '!',
    '!!',
    '!?',
    '?!',
    '|',
    '||',
    '&',
    '&&',
    '+',
    '--',
    '*',
    '%%',
    '~',
    '/\\',
    '\\/',
    '//',
    '/*',
    '"',
    '`',
    '\\',
    '#',
    '\n',
    '\u0000',
    '\ud800',
  ];
  const onlyCoded = (text: string): void => {
    try {
      const term = compile(text);
      assert.ok(equal(compile(print(term)), term), text);
    } catch (error) {
      assert.ok(isPowerboxError(error), `${text}: ${String(error)}`);
    }
  };

  it('is a program or has coded errors: random tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (soup) => onlyCoded(soup.join(' '))),
      { numRuns: 2000 },
    );
  });

  it('is a program or has coded errors: random characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), onlyCoded), { numRuns: 1000 });
  });

  it('is a program or has coded errors: programs with a piece cut out', () => {
    fc.assert(
      fc.property(programs, fc.nat(), fc.nat({ max: 30 }), (text, at, length) => {
        const from = at % (text.length + 1);
        onlyCoded(text.slice(0, from) + text.slice(from + length));
      }),
      { numRuns: 1500 },
    );
  });

  it('takes time in proportion to its length, also when it is wrong', () => {
    const shapes = [
      '( ',
      'new x in { ',
      '@1!(1 ',
      '} ',
      '1 2 ',
      'for (x <- ',
      '{ x : ',
      'x!(1) | ',
      'let x <- ',
      '~ ',
      '"a" + ',
      'match 1 { 2 => ',
    ];
    const timeOf = (text: string): number => {
      const start = process.cpuUsage().user;
      try {
        compile(text);
      } catch (error) {
        assert.ok(isPowerboxError(error));
      }
      return process.cpuUsage().user - start;
    };
    for (const shape of shapes) {
      timeOf(shape.repeat(1000));
      const small = Math.min(timeOf(shape.repeat(2000)), timeOf(shape.repeat(2000)));
      const large = timeOf(shape.repeat(20_000));
      assert.ok(large < 20 * small + 500_000, `${shape}: ${small} and ${large} µs`);
    }
  });
});

describe('nesting', () => {
  const DEEP = 100_000;
  const shapes: Readonly<Record<string, (depth: number) => string>> = {
    parentheses: (n) => `${'('.repeat(n)}1${')'.repeat(n)}`,
    braces: (n) => `${'{'.repeat(n)}1${'}'.repeat(n)}`,
    lists: (n) => `${'['.repeat(n)}${']'.repeat(n)}`,
    tuples: (n) => `${'('.repeat(n)}1${',)'.repeat(n)}`,
    maps: (n) => `${'{1:'.repeat(n)}1${'}'.repeat(n)}`,
    news: (n) => `${'new x in { '.repeat(n)}x!(1)${'}'.repeat(n)}`,
    quotes: (n) => `${'*@{'.repeat(n)}1${'}'.repeat(n)}`,
    sends: (n) => `${'@{'.repeat(n)}1${'}!()'.repeat(n)}`,
    'parallel parts': (n) => `${'{1 | '.repeat(n)}2${'}'.repeat(n)}`,
    receives: (n) => `${'for (x <- @1) {'.repeat(n)}x!(1)${'}'.repeat(n)}`,
    matches: (n) => `${'match 1 { x => {'.repeat(n)}x${'} }'.repeat(n)}`,
    sums: (n) => `1${' + 1'.repeat(n)}`,
    negations: (n) => `${'not '.repeat(n)}true`,
    methods: (n) => `1${'.m()'.repeat(n)}`,
    'else branches': (n) => `${'if (true) {1} else '.repeat(n)}2`,
    patterns: (n) => `match 1 { ${'['.repeat(n)}x${']'.repeat(n)} => x }`,
    sequences: (n) => `for (${Array(n).fill('x <- @1').join(';')}) { x!(1) }`,
    calls: (n) => `${'@1!?(1) ; '.repeat(n)}Nil`,
  };
  const deepest = new Set(['parentheses', 'braces', 'lists', 'news', 'parallel parts', 'sums']);
  for (const [name, shape] of Object.entries(shapes)) {
    const depth = deepest.has(name) ? DEEP : DEEP / 10;
    it(`RH-98: ${name} nest ${depth} deep: parsed, normalised, printed`, () => {
      const term = compile(shape(depth));
      assert.ok(print(term, { lengthMax: 100_000 }).length > 0);
      assert.ok(printProcess(term, { lengthMax: 1000 }).length <= 1001);
      const small = compile(shape(1500));
      assert.ok(equal(compile(print(small)), small));
    });
  }
});
