import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SourceErrors, compileText, print } from '../../src/rholang/index.ts';
import type { SourceRule } from '../../src/rholang/index.ts';
import {
  BoundVariable,
  Bundle,
  Conjunction,
  FreeVariable,
  Kind,
  List,
  Match,
  Matches,
  Negation,
  New,
  Par,
  Receive,
  Send,
  SetValue,
  TypeWord,
  VariableReference,
  Wildcard,
  equal,
  kindOf,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { programChoices, writeProgram } from './programs.ts';

const uris = new Map<string, Value>([
  ['rho:io:stdout', new Bundle('the stdout name', false, true)],
  ['rho:powerbox', 'the powerbox'],
]);
const compile = (text: string): Value => compileText(text, { uris }).term;

function as<Node>(value: unknown, type: abstract new (...args: never[]) => Node): Node {
  assert.ok(value instanceof type, `${String(value)} is no ${type.name}`);
  return value;
}

function same(left: string, right: string): void {
  assert.ok(equal(compile(left), compile(right)), `${print(compile(left))} is not ${print(compile(right))}`);
}

function different(left: string, right: string): void {
  assert.ok(!equal(compile(left), compile(right)), `${left} is ${right}`);
}

function errorsOf(text: string): SourceErrors {
  try {
    compile(text);
  } catch (error) {
    if (error instanceof SourceErrors) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` });
}

function refuses(text: string, ...rules: SourceRule[]): void {
  assert.deepEqual(
    errorsOf(text).errors.map((error) => error.rule),
    rules,
    text,
  );
}

describe('normalising: processes, names and variables', () => {
  it('RH-1: Nil is nil, and so is a program without text', () => {
    assert.equal(compile('Nil'), null);
    assert.equal(compile(' // nothing'), null);
    assert.equal(compile('Nil | {Nil | Nil}'), null);
  });

  it('RH-2: a variable that nothing binds is an error', () => {
    refuses('new x in { x!(y) }', 'free_variable');
    assert.match(errorsOf('new x in { x!(y) }').message, /Top level free variables are not allowed: y at 1:15/);
  });

  it('RH-3, RH-4: names and processes are told apart by how they were bound', () => {
    assert.equal(as(as(compile('match 1 { x => x }'), Match).cases[0]?.body, BoundVariable).index, 0);
    refuses('new x in { x }', 'process_context');
    refuses('for (@x <- @1) { x!(1) }', 'name_context');
    assert.match(errorsOf('for (@x <- @1) { x!(1) }').message, /Proc variable: x at 1:7 used in Name context at 1:18/);
    assert.match(errorsOf('new x in { x }').message, /Name variable: x at 1:5 used in process context at 1:12/);
    same('for (@x <- @1) { @x!(*@x) }', 'for (@x <- @1) { @{x}!(x) }');
  });

  it('RH-5: a pattern binds each variable once', () => {
    refuses('match 1 { [x, x] => Nil }', 'reuse');
    refuses('for (x, x <- @1) { Nil }', 'reuse');
    assert.match(
      errorsOf('match 1 { [x, x] => Nil }').message,
      /Free variable x is used twice as a binder \(at 1:12 and 1:15\) in process context/,
    );
    assert.match(errorsOf('for (x, x <- @1) { Nil }').message, /\(at 1:6 and 1:9\) in name context/);
  });

  it('RH-6, RH-7: quoting and running cancel out', () => {
    same('new x in { @{*x}!(1) }', 'new x in { x!(1) }');
    different('new x in { @{*x | *x}!(1) }', 'new x in { x!(1) }');
    same('*@{7 | 8}', '7 | 8');
  });

  it('RH-8, RH-9, RH-10: patterns stand in patterns only', () => {
    for (const text of [
      '@Nil!(~1)',
      '@Nil!(1 /\\ 2)',
      '@Nil!(1 \\/ 2)',
      '@{1 /\\ 2}!(1)',
      '@{1 \\/ 2}!(1)',
      '@{~1}!(1)',
    ])
      refuses(text, 'connective');
    refuses('@Nil!(_)', 'wildcard');
    refuses('_!(Nil)', 'wildcard');
    refuses('@Nil!(x)', 'free_variable');
    assert.equal(as(as(compile('@0!(Int)'), Send).data[0], TypeWord).word, 'Int');
  });

  it('RH-11: thousands of parallel parts are one flat composition', () => {
    assert.equal(as(compile(Array(20_000).fill('1').join(' | ')), Par).parts.length, 20_000);
  });

  it('RH-12, RH-13: a contract is a receive that stays; a ground formal binds nothing', () => {
    const add = as(compile('new add in { contract add(ret, @x, @y) = { ret!(x + y) } }'), New).body;
    const receive = as(add, Receive);
    assert.equal(receive.persistent, true);
    assert.equal(receive.binds[0]?.patterns.length, 3);
    assert.equal(receive.binds[0]?.freeCount, 3);
    assert.equal(as(as(receive.body, Send).channel, BoundVariable).index, 2);
    assert.equal(as(compile('contract @"n"(ret, @5) = { ret!(1) }'), Receive).binds[0]?.freeCount, 1);
    same('contract @"n"(@x) = { @x!() }', 'for (@x <= @"n") { @x!() }');
  });

  it('RH-14, RH-15, RH-17: receives count their variables, peek by bind, and take the rest', () => {
    assert.equal(as(compile('for (x, y <- @Nil) { x!(*y) }'), Receive).binds[0]?.freeCount, 2);
    assert.equal(as(compile('for (x <<- @Nil) { x!(1) }'), Receive).binds[0]?.peek, true);
    const rest = as(compile('for (...@list <- @0) { @1!(list) }'), Receive).binds[0];
    assert.equal(rest?.patterns.length, 0);
    assert.equal(as(rest?.remainder, FreeVariable).level, 0);
    same('for (x <- @0 & y <<- @1) { x!(*y) }', 'for (y <<- @1 & x <- @0) { x!(*y) }');
  });

  it('RH-16: the variables of a join are numbered in the order of its channels', () => {
    const receive = as(compile('for (x2, @y2 <- @1 & x1, @y1 <- @0) { x1!(y1) | x2!(y2) }'), Receive);
    assert.deepEqual(
      receive.binds.map((bind) => bind.source),
      [0, 1],
    );
    const sends = as(receive.body, Par).parts.map((part) => as(part, Send));
    assert.deepEqual(
      sends.map((send) => [as(send.channel, BoundVariable).index, as(send.data[0], BoundVariable).index]),
      [
        [1, 0],
        [3, 2],
      ],
    );
  });

  it('RH-18: a variable bound by two binds of a join is an error', () => {
    refuses('for (x <- @0 & x <- @1) { Nil }', 'reuse');
  });

  it('RH-19: connectives in a source or as a body are errors', () => {
    refuses('for (x <- @{1 /\\ 2}) { Nil }', 'connective');
    refuses('for (x <- @1) { 1 \\/ 2 }', 'connective');
  });

  it('RH-20, deliberately other: `\\/` and `~` are allowed in receives, for the steps of a match are bounded', () => {
    for (const text of [
      'for (@{Nil \\/ Nil} <- @1) {}',
      'for (@{~Nil} <- @1) {}',
      'contract @1(@{y /\\ {Nil \\/ Nil}}) = {}',
      'contract @1(@{y /\\ ~Nil}) = {}',
    ]) {
      as(compile(text), Receive);
    }
  });

  it('RH-21: `/\\` is allowed in receives', () => {
    as(compile('for (@{Nil /\\ Nil} <- @1) { Nil }'), Receive);
    assert.equal(as(compile('contract @1(@{y /\\ {Nil /\\ Nil}}) = { @y!() }'), Receive).binds[0]?.freeCount, 1);
  });
});

describe('normalising: URIs', () => {
  it('RH-22, deliberately other: a URI is its value at once and takes no variable', () => {
    const term = as(compile('new r(`rho:powerbox`), x, y, o(`rho:io:stdout`) in { o!(*r) | x!(*y) }'), New);
    assert.equal(term.count, 2);
    const [value, own] = as(term.body, Par).parts.map((part) => as(part, Send)) as [Send, Send];
    assert.ok(equal(value.channel, uris.get('rho:io:stdout') as Value));
    assert.equal(value.data[0], 'the powerbox');
    assert.deepEqual([as(own.channel, BoundVariable).index, as(own.data[0], BoundVariable).index], [1, 0]);
    assert.equal(compile('new p(`rho:powerbox`) in { *p }'), 'the powerbox');
  });

  it('a URI within a quoted process, a pattern or a reference is the value too', () => {
    same('@1!({ new p(`rho:powerbox`) in { p!(1) } })', '@1!({ @"the powerbox"!(1) })');
    same('new p(`rho:powerbox`) in { for (@=*p <- @1) { Nil } }', 'for (@"the powerbox" <- @1) { Nil }');
  });

  it('URIs that were not granted are errors, all at once, before anything runs', () => {
    const error = errorsOf('new a(`rho:x`), b(`rho:io:stdout`), c(`rho:y`) in { a!(1) }');
    assert.equal(error.code, 'uri_not_granted');
    assert.deepEqual(
      error.errors.map((each) => each.found),
      ['`rho:x`', '`rho:y`'],
    );
    assert.match(error.message, /the URI `rho:x` was not granted.*granted: `rho:io:stdout`, `rho:powerbox`/);
    assert.throws(() => compileText('new a(`rho:x`) in { Nil }', { uris, granted: [] }), /nothing was granted/);
    assert.equal(errorsOf('new a(`rho:x`) in { b!(1) }').code, 'static_error');
    refuses('new a(`rho:x`) in { b!(1) }', 'uri_not_granted', 'free_variable');
  });
});

describe('normalising: patterns', () => {
  it('RH-23: a case counts its variables, not its wildcards', () => {
    assert.equal(as(compile('match 1 { [_, x] => x }'), Match).cases[0]?.freeCount, 1);
  });

  it('RH-24, RH-25: `if` is a match on true and false, and leaves alone what stands beside it', () => {
    same('if (true) { @Nil!(47) }', 'match true { true => { @Nil!(47) } false => { Nil } }');
    same('if (true) { 1 } else { 2 }', 'match true { true => 1 false => 2 }');
    assert.equal(as(compile('if (true) { 10 } | @Nil!(1)'), Par).parts.length, 2);
  });

  it('RH-26: a variable in two parts of a pattern is an error', () => {
    refuses('match 47 { { y | y } => Nil }', 'reuse');
  });

  it('RH-27, RH-38: a process in a pattern may hold wildcards, connectives and patterns', () => {
    as(compile('for (@{ match x { _ => Nil } } <- @1) { Nil }'), Receive);
    const inside = [
      '@Nil!(P)',
      '@{P}!(Nil)',
      'for (@{P} <- @1) { Nil }',
      'for (x <- @{P}) { Nil }',
      'for (x <- @1) { P }',
      'new x in { P }',
    ];
    same('match 1 { @Nil!(_) => 1 bundle+{ 1 } => 2 }', 'match 1 { {@Nil!(_)} => 1 {bundle+{ 1 }} => 2 }');
    for (const shape of inside)
      for (const part of ['_', 'x1 /\\ y1', 'x1 \\/ y1', '~x1'])
        compile(`match 1 { { ${shape.replace('P', part)} } => Nil }`);
  });

  it('RH-28, RH-29, RH-30: nothing in a bundle can be matched; its flags are as written, and merge', () => {
    refuses('bundle { _ | x }', 'bundle_content', 'bundle_content');
    refuses('bundle { Uri }', 'bundle_content');
    refuses('match 1 { bundle+{ x } => Nil }', 'bundle_content');
    compile('bundle { @Nil!(Uri) }');
    compile('bundle { for (_, x <- @1) { x!(1) } }');
    const flags = (text: string): [boolean, boolean] => {
      const { read, write } = as(compile(text), Bundle);
      return [write, read];
    };
    assert.deepEqual(flags('bundle+{ 1 }'), [true, false]);
    assert.deepEqual(flags('bundle-{ 1 }'), [false, true]);
    assert.deepEqual(flags('bundle0{ 1 }'), [false, false]);
    assert.deepEqual(flags('bundle { 1 }'), [true, true]);
    same('bundle { bundle-{ 1 } }', 'bundle-{ 1 }');
  });

  it('RH-31, RH-32, RH-33: `/\\` hands out its variables, `~` and `\\/` do not', () => {
    const both = as(compile('match 1 { x /\\ y => [x, y] }'), Match).cases[0];
    assert.equal(both?.freeCount, 2);
    as(both?.pattern, Conjunction);
    refuses('match 1 { ~x => x }', 'free_variable');
    refuses('match 1 { x \\/ y => x }', 'free_variable');
    assert.equal(as(as(compile('match 1 { ~x => Nil }'), Match).cases[0]?.pattern, Negation).body, Wildcard.the);
    compile('match 1 { {x /\\ ~x} => x }');
  });

  it('RH-34, RH-35: `=x` is the value of a variable from outside the pattern', () => {
    const inner = as(as(compile('match 7 { x => match 7 { =x => Nil } }'), Match).cases[0]?.body, Match).cases[0];
    assert.deepEqual(inner?.pattern, new VariableReference(0, 1));
    const receive = as(as(compile('for (@x <- @Nil) { for (@=x <- @1) { Nil } }'), Receive).body, Receive);
    assert.deepEqual(receive.binds[0]?.patterns[0], new VariableReference(0, 1));
    const far = as(compile('new a, b in { match 1 { { for (@{=*a} <- @1) { Nil } } => Nil } }'), New);
    const pattern = as(as(far.body, Match).cases[0]?.pattern, Receive);
    assert.deepEqual(pattern.binds[0]?.patterns[0], new VariableReference(1, 2));
    refuses('match 1 { =x => Nil }', 'unbound_reference');
    assert.match(errorsOf('match 1 { =x => Nil }').message, /Variable reference: =x at 1:11 is unbound/);
    refuses('new x in { match 1 { =x => Nil } }', 'process_context');
    refuses('match 1 { x => match 2 { =*x => Nil } }', 'name_context');
  });

  it('in a pattern a variable from outside is not seen: its name binds anew', () => {
    assert.equal(
      as(as(compile('match 7 { x => match 7 { x => x } }'), Match).cases[0]?.body, Match).cases[0]?.freeCount,
      1,
    );
  });

  it('RH-36: type words match by type', () => {
    for (const word of ['Bool', 'Int', 'BigInt', 'Float', 'String', 'Uri', 'ByteArray']) {
      assert.equal(as(as(compile(`match 1 { ${word} => Nil }`), Match).cases[0]?.pattern, TypeWord).word, word);
    }
  });

  it('RH-37: the right side of `matches` is a pattern, the left is not', () => {
    assert.equal(as(compile('1 matches _'), Matches).pattern, Wildcard.the);
    compile('1 matches ~1');
    refuses('~1 matches 1', 'connective');
    compile('match 1 { {~1 matches 1} => Nil }');
    refuses('1 matches x | x', 'free_variable');
  });

  it('RH-39: collections are in order inside, hand out their variables, and bind each once', () => {
    assert.deepEqual(as(compile('Set(3, 1, 2, 1)'), SetValue).items, [1, 2, 3]);
    same('{"b": 1, "a": 2}', '{"a": 2, "b": 1}');
    same('[2 | 1]', '[1 | 2]');
    assert.equal(as(compile('match 1 { [x, y ...z] => Nil }'), Match).cases[0]?.freeCount, 3);
    refuses('match 1 { (x, x) => Nil }', 'reuse');
    refuses('match 1 { {"a": x, "a": y} => Nil }', 'reuse');
    as(compile('match 1 { x => [1, ...x] }'), Match);
    refuses('[1, ...x]', 'free_variable');
    refuses('[1, ..._]', 'wildcard');
  });
});

describe('normalising: sugar', () => {
  it('RH-40, RH-41: `let` needs declarations of one kind, and declares names', () => {
    refuses('let in { Nil }', 'grammar');
    refuses('let x <- 1 ; y <- 2 & z <- 3 in { Nil }', 'grammar');
    for (const text of ['let x <- 1 in { x }', 'let x <- 1 ; y <- 2 in { x }', 'let x <- 1 & y <- 2 in { x }'])
      refuses(text, 'process_context');
  });

  it('RH-42: sugar is what it stands for', () => {
    same('@"c"!?(1).', 'new r in { @"c"!(*r, 1) | for (_ <- r) { Nil } }');
    same('@"c"!?(1); @2!(3)', 'new r in { @"c"!(*r, 1) | for (_ <- r) { @2!(3) } }');
    same('for (y <- @"c"!?(1, 2)) { y!() }', 'new r in { @"c"!(*r, 1, 2) | for (y <- r) { y!() } }');
    same(
      'for (y <- @"c"!?(1) & z <- @"d" & w <- @"e"!?()) { y!(*z, *w) }',
      'new r, s in { @"c"!(*r, 1) | @"e"!(*s) | for (y <- r & z <- @"d" & w <- s) { y!(*z, *w) } }',
    );
    same('for (y <- @"c"?!) { y!() }', 'for (r, y <- @"c") { r!() | y!() }');
    same(
      'for (@[x, y] <- @"c"?! & z <- @"d"?!) { z!(x, y) }',
      'for (r, @[x, y] <- @"c" & s, z <- @"d") { r!() | s!() | z!(x, y) }',
    );
    same('for (x <- @1 ; y <- x) { y!(*x) }', 'for (x <- @1) { for (y <- x) { y!(*x) } }');
    same('let x, @y <- 1, 2 in { x!(y) }', 'match [1, 2] { [x, y] => { @x!(y) } }');
    same('let x ...@r <- 1, 2, 3 in { x!(r) }', 'match [1, 2, 3] { [x ...r] => { @x!(r) } }');
    same('let x <- 1 ; y <- *x in { y!(*x) }', 'match [1] { [x] => { match [x] { [y] => { @y!(x) } } } }');
    same('let x <- 1 & y <- 2 in { y!(*x) }', 'new t, u in { t!(1) | u!(2) | for (x <- t & y <- u) { y!(*x) } }');
    same(
      'let x ...@r <- 1, 2 & y <- 2 in { y!(*x, r) }',
      'new t, u in { t!(1, 2) | u!(2) | for (x ...@r <- t & y <- u) { y!(*x, r) } }',
    );
  });

  it('sugar does not catch the variables of what stands in it', () => {
    same('new r in { @"c"!?(*r); r!(1) }', 'new r in { new s in { @"c"!(*s, *r) | for (_ <- s) { r!(1) } } }');
    same(
      'new r in { for (y <- @"c"!?(*r)) { r!(*y) } }',
      'new r in { new s in { @"c"!(*s, *r) | for (y <- s) { r!(*y) } } }',
    );
    same('new r in { for (y <- @"c"?!) { r!(*y) } }', 'new r in { for (s, y <- @"c") { s!() | r!(*y) } }');
  });

  it('RH-43: `;` binds tighter than `|`', () => {
    same('@3!?(3). | @1!?(1) ; @2!?(2).', '{ @1!?(1) ; { @2!?(2). } } | { @3!?(3). }');
    same('@1!?(1) ; @2!?(2). | @3!?(3).', '{ @1!?(1) ; { @2!?(2). } } | { @3!?(3). }');
  });

  it('RH-44: receipts follow one another by `;`', () => {
    same('for (x0 <- @0 & x1 <- @1 ; x2 <- @2) { Nil }', 'for (x0 <- @0 & x1 <- @1) { for (x2 <- @2) { Nil } }');
  });

  it('RH-47, deliberately other: two binds on one channel are allowed, for joins find every match', () => {
    assert.equal(as(compile('new x in { for (_ <- x & _ <- x) { Nil } }'), New).count, 1);
    same('for (@1 <- @0 & @x <- @0) { @x!() }', 'for (@x <- @0 & @1 <- @0) { @x!() }');
  });

  it('RH-48: a later name shadows an earlier one', () => {
    const term = as(compile('new a, a in { a!(1) }'), New);
    assert.equal(term.count, 2);
    assert.equal(as(as(term.body, Send).channel, BoundVariable).index, 0);
  });

  it('kinds of binds mix in a join, but for one that takes once in a receive that stays', () => {
    const receive = as(compile('for (x <= @1 & y <<- @2) { x!(*y) }'), Receive);
    assert.deepEqual([receive.persistent, receive.binds.map((bind) => bind.peek)], [true, [false, true]]);
    assert.deepEqual(
      as(compile('for (x <- @1 & y <<- @2) { x!(*y) }'), Receive).binds.map((bind) => bind.peek),
      [false, true],
    );
    refuses('for (x <= @1 & y <- @2) { Nil }', 'mixed_binds');
  });

  it('`select` is read and refused', () => {
    refuses('new c in { select { x <- c => { Nil } y, @z <- c & w <- c => Nil } }', 'not_supported');
  });
});

describe('normalising: numbers', () => {
  it('an Int literal has 64 bits, with its sign', () => {
    assert.equal(compile('9223372036854775807'), 2n ** 63n - 1n);
    assert.equal(compile('-9223372036854775808'), -(2n ** 63n));
    assert.equal(compile('00000000000000000000007'), 7);
    refuses('9223372036854775808', 'integer_range');
    refuses('@1!(-9223372036854775809)', 'integer_range');
    const [error] = errorsOf('@1!(\n  99999999999999999999)').errors;
    assert.deepEqual([error?.line, error?.column, error?.length], [2, 3, 20]);
    same('match -1 { {-1} => Nil }', 'match {-1} { {-1} => Nil }');
  });

  it('big integers and floats are types of their own', () => {
    assert.equal(kindOf(compile('BigInt(5)')), Kind.BigInt);
    same('BigInt(5)', '5n');
    same('-BigInt(5)', '-5n');
    assert.equal(kindOf(compile('1.5')), Kind.Float);
    same('1.5e3', '1500.0');
    refuses('1e999', 'integer_range');
    refuses('9'.repeat(100_001).concat('n'), 'integer_range');
  });
});

describe('normalising: structural equality', () => {
  it('RH-49: the order of parallel parts, binds, set elements and map entries does not matter', () => {
    same('@1!(1) | @2!(2) | Nil', '@2!(2) | @1!(1)');
    same('@1!(1) | {@2!(2) | @3!(3)}', '{@1!(1) | @2!(2)} | @3!(3)');
    different('@1!(1)', '@1!(1) | @1!(1)');
    same('for (@{@1!(x) | @2!(y)} <- @0) { @x!(y) }', 'for (@{@2!(y) | @1!(x)} <- @0) { @x!(y) }');
    different('new x in { new y in { x!(*y) } }', 'new y in { new x in { x!(*y) } }');
  });

  it('P | Q is Q | P for any two programs', () => {
    fc.assert(
      fc.property(programChoices, programChoices, (left, right) => {
        const [p, q] = [writeProgram(left), writeProgram(right)];
        same(`{${p}} | {${q}}`, `{${q}} | {${p}}`);
      }),
      { numRuns: 300 },
    );
  });

  it('white space and comments do not matter', () => {
    const gaps = [' ', '\n', '\t ', ' // a comment }\n', ' /* another ( */ ', ' /* \n ** */'];
    fc.assert(
      fc.property(programChoices, fc.nat(), (choices, seed) => {
        let at = seed;
        same(
          writeProgram(choices),
          writeProgram(choices, () => gaps[at++ % gaps.length] as string),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('the names of variables do not matter', () => {
    same('new a, b in { for (@x, c <- a) { c!(x, *b) } }', 'new p, q in { for (@y, r <- p) { r!(y, *q) } }');
  });
});

describe('normalising: reports', () => {
  it('shows all static errors of a program, each with its line and a caret', () => {
    const error = errorsOf('new x in {\n  x!(y) |\n  x\n}');
    assert.equal(error.code, 'static_error');
    assert.deepEqual(
      error.errors.map(({ rule, line, column, length, found }) => ({ rule, line, column, length, found })),
      [
        { rule: 'free_variable', line: 2, column: 6, length: 1, found: 'y' },
        { rule: 'process_context', line: 3, column: 3, length: 1, found: 'x' },
      ],
    );
    assert.ok(error.message.includes('2 |   x!(y) |\n  |      ^'), error.message);
  });

  it('tells where each node of the term came from', () => {
    const { term, positions } = compileText('Nil |\n  @1!(2 +\n    3)', { uris });
    const send = as(term, Send);
    assert.deepEqual(positions.get(send), { offset: 8, line: 2, column: 3 });
    assert.deepEqual(positions.get(send.data[0] as Value), { offset: 12, line: 2, column: 7 });
    assert.equal(positions.get(2), undefined);
    assert.equal(positions.get(new List([])), undefined);
  });
});
