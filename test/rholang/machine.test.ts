/** What the machine does with processes: rules of evaluation, calls of natives, cut turns, depth. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { RholangRunner, compileText, print } from '../../src/rholang/index.ts';
import {
  BoundVariable,
  Match,
  Method,
  New,
  Operation,
  Send,
  decodeValue,
  encodeValue,
  list,
  map,
  par,
  tuple,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { RealSpace, results, runTiny } from './support/run.ts';
import { TinySpace } from './support/tiny-space.ts';
import type { Listener } from './support/run.ts';

function prints(body: string): string[] {
  const { values, failures } = results(body);
  assert.deepEqual(failures.map(String), []);
  return values;
}

function failuresOf(body: string): string[] {
  return results(body).failures.map((failure) => `${(failure as PowerboxError).code}: ${failure.message}`);
}

describe('processes', () => {
  it('a send and a receive meet in either order, once', () => {
    for (const text of [
      '@1!(7, 8) | for (@a, @b <- @1) { @2!(b, a) }',
      'for (@a, @b <- @1) { @2!(b, a) } | @1!(7, 8)',
    ]) {
      assert.deepEqual(runTiny(text).waiting, ['@{2}!(8, 7)']);
    }
  });

  it('the channel of a send and of a receive is evaluated', () => {
    assert.deepEqual(prints('@{7 + 8}!("met") | for (@x <- @{10 + 5}) { out!(x) }'), ['"met"']);
  });

  it('a join takes one message of each channel and binds them in order', () => {
    assert.deepEqual(prints('@1!("a") | @2!("b") | for (@x <- @1 & @y <- @2) { out!(x, y) }'), ['"a", "b"']);
  });

  it('a list pattern, a remainder of a message and references to variables bind what they say', () => {
    assert.deepEqual(prints('@1!([7, 8, 9]) | for (@[...a] <- @1) { out!(a) }'), ['[7, 8, 9]']);
    assert.deepEqual(prints('@1!(7, 8, 9) | for (@a, ...@rest <- @1) { out!(a, rest) }'), ['7, [8, 9]']);
    assert.deepEqual(prints('match 7 { x => { @1!(8) | @1!(7) | for (@=x <- @1) { out!("seven") } } }'), ['"seven"']);
    assert.deepEqual(prints('new c in { c!(7) | for (@x <- c) { match [7, 8] { [=x, y] => out!(y) } } }'), ['8']);
    assert.deepEqual(prints('for (@x <- @1) { match 5 { y => match [5, 6] { [=y, =x] => out!("both") } } } | @1!(6)'), [
      '"both"',
    ]);
  });

  it('a reference inside a pattern of a sent process is put in when the process is sent', () => {
    assert.deepEqual(
      prints('match 6 { x => { @0!(for (@=x <- @1) { out!("six") }) | @1!(6) } } | for (@p <- @0) { p }'),
      ['"six"'],
    );
  });

  it('a sent process is not reduced, is closed, and runs where it is received', () => {
    assert.deepEqual(
      prints(
        'match "v" { x => @0!(new n in { n!(x) | for (@y <- n) { out!(y ++ "!") } }) } | for (p <- @0) { *p | *p }',
      ),
      ['"v!"', '"v!"'],
    );
    assert.deepEqual(runTiny('@0!(@1!(1 + 1))').waiting, ['@{0}!(@{1}!((1 + 1)))']);
  });

  it('running data, a name or an expression in parallel does nothing', () => {
    const { failures, waiting } = runTiny('new c in { *c | 5 | 1 + 1 | [1 / 0] | match "a" { x => x } }');
    assert.deepEqual([failures, waiting], [[], []]);
  });

  it('a method call at the top of a process runs what it gives', () => {
    assert.deepEqual(prints('match [{out!("first")}, {out!("second")}] { both => both.nth(1) }'), ['"second"']);
  });

  it('a bundle runs its body, and its rights are those of the channel it holds', () => {
    assert.deepEqual(prints('bundle+{out!("body")}'), ['"body"']);
    assert.deepEqual(prints('new c in { match {bundle+{*c}} { b => @b!(1) } | for (@x <- c) { out!(x) } }'), ['1']);
    assert.match(
      failuresOf('new c in { match {bundle-{*c}} { b => @b!(1) } }')[0] ?? '',
      /^evaluation_error: trying to send on non-writeable channel/,
    );
    assert.match(
      failuresOf('new c in { match {bundle+{*c}} { b => for (_ <- @b) { Nil } } }')[0] ?? '',
      /^evaluation_error: trying to read from non-readable channel/,
    );
    assert.match(
      failuresOf('new c in { match {bundle+{*c}} { b => match {bundle-{b}} { none => @none!(1) } } }')[0] ?? '',
      /non-writeable/,
    );
  });

  it('if takes Bool only; match takes the first case that fits and does nothing without one', () => {
    assert.deepEqual(
      prints(
        'if (1 < 2) { out!("yes") } else { out!("no") } | if (1 > 2) { out!("bad") } | if (5) { out!("bad") } else { out!("bad") }',
      ),
      ['"yes"'],
    );
    assert.deepEqual(
      prints('match 3 { 1 => out!("one")  x => out!(x)  3 => out!("late") } | match 4 { 1 => out!("one") }'),
      ['3'],
    );
    assert.deepEqual(prints('match "b" { "a" => out!(1)  "b" => out!(2)  "b" => out!(3) }'), ['2']);
  });

  it('an error ends its own branch and no other', () => {
    const { values, failures } = results(
      'out!("one") | new c in { c!(1 / 0) | out!("two") | match 1 { x => { out!([x].nth(1)) | out!("three") } } }',
    );
    assert.deepEqual([values.sort(), failures.length], [['"one"', '"three"', '"two"'], 2]);
  });

  it('peeks leave what they saw', () => {
    assert.deepEqual(runTiny('@1!("v1") | for (_ <<- @1) { @2!("seen") }').waiting, ['@{1}!("v1")', '@{2}!("seen")']);
    assert.deepEqual(
      runTiny('for (_ <<- @0) { @1!(0) } | for (_ <<- @0) { @1!(0) } | @2!(0) | for (_ <- @2) { @0!(0) }').waiting,
      ['@{0}!(0)', '@{1}!(0)', '@{1}!(0)'],
    );
    assert.deepEqual(
      runTiny(
        'for (_ <<- @0 & _ <<- @1) { @2!(0) } | for (_ <<- @0 & _ <<- @1) { @2!(0) } | @3!(0) | for (_ <- @3) { @1!!(1) | @0!(0) }',
      ).waiting,
      ['@{0}!(0)', '@{1}!!(1)', '@{2}!(0)', '@{2}!(0)'],
    );
  });

  it('a continuation keeps the variables its body uses and nothing else', () => {
    const { space } = runTiny('new a, b, c, d in { for (@x <- a) { for (@y <- b) { c!(y) } } | a!(1) }');
    const waiting = space.channels().flatMap(({ waiting: found }) => found.map(({ receive }) => receive));
    assert.deepEqual(
      waiting.map((receive) => receive.body.environment.length),
      [1],
    );
  });

  it('a pattern without references is one object for every time the receive is reached', () => {
    const { space } = runTiny('new c in { contract c(n) = { for (@x, _ <- n) { Nil } } | c!(0) | c!(1) }');
    const patterns = new Set(
      space.channels().flatMap(({ waiting: found }) => found.map(({ receive }) => receive.slots[0]?.pattern)),
    );
    assert.equal(patterns.size, 2);
  });
});

/** A native that answers "size" with 42, "fail" with an error and anything else with its arguments. */
function file(calls: string[]): Listener {
  return (message, turn) => {
    const reply = message.at(-1) as Value;
    const [method, ...args] = message.slice(0, -1);
    calls.push([method, ...args].map((value) => print(value as Value)).join(' '));
    if (method === 'silent') return;
    const failure = tuple([
      'error',
      map([
        ['code', 'file_failed'],
        ['message', 'the disk is on fire'],
      ]),
    ]);
    turn.produce(reply, [method === 'size' ? 42 : method === 'fail' ? failure : list(args)], false);
  };
}

function withFile(body: string): {
  readonly calls: string[];
  readonly values: string[];
  readonly failures: readonly Error[];
} {
  const calls: string[] = [];
  const { values, failures } = results(`new f(\`f\`) in { ${body} }`, { f: file(calls) });
  return { calls, values, failures };
}

describe('calls of natives in expressions', () => {
  it('the expression goes on with the answer, evaluated from the left', () => {
    const { calls, values } = withFile(
      'match 10 { x => out!(x + *f.size() * 2 - x, [*f.echo(1 + 1, *f.echo("inner")), x]) }',
    );
    assert.deepEqual(values, ['84, [[2, ["inner"]], 10]']);
    assert.deepEqual(calls, ['"size"', '"echo" "inner"', '"echo" 2 ["inner"]']);
  });

  it('calls stand anywhere an expression may: channels, targets, sources, collections, operands', () => {
    assert.deepEqual(withFile('@{*f.size()}!("sent") | for (@x <- @{*f.size()}) { out!(x) }').values, ['"sent"']);
    assert.deepEqual(withFile('match *f.echo(1, 2) { [a, b] => out!(b, a) }').values, ['2, 1']);
    assert.deepEqual(withFile('if (*f.size() == 42) { out!({"k": *f.size(), *f.size(): (*f.size(), 1)}) }').values, [
      '{42 : (42, 1), "k" : 42}',
    ]);
    assert.deepEqual(
      withFile(
        'out!(*f.size().toString() ++ "!", -*f.size(), not (*f.size() < 3), *f.echo(5).nth(0), *f.size() matches Int)',
      ).values,
      ['"42!", -42, true, 5, true'],
    );
    assert.deepEqual(withFile('*f.note() | out!("beside")').calls, ['"note"']);
  });

  it('what is read only after a call, or after a cut, is there', () => {
    const { values } = withFile(
      'match 5 { y => new a in { a!(1) | for (@x <- a) { match *f.size() { s => out!(s, x, y) } } } }',
    );
    assert.deepEqual(values, ['42, 1, 5']);
    const wide = Array.from({ length: 6_000 }, () => '@0!(0)').join(' | ');
    const { space } = runTiny(`match 5 { y => new a in { a!(1) | for (@x <- a) { ${wide} | @{[1]}!(x, y) } } }`);
    assert.deepEqual(space.data(list([1])), [[1, 5]]);
  });

  it('a call behind a side that decides, or a case that does not match, is never made', () => {
    const { calls, values } = withFile(
      'out!(false && *f.size() > 1, true || *f.size() > 1) | match 1 { 2 => out!(*f.size()) } | for (_ <- @9) { out!(*f.size()) }',
    );
    assert.deepEqual([calls, values], [[], ['false, true']]);
    assert.deepEqual(withFile('out!(true && (false || (*f.size() == 42 && true)))'), {
      calls: ['"size"'],
      values: ['true'],
      failures: [],
    });
  });

  it('an operand that fails on the left of a call prevents it', () => {
    const { calls, failures } = withFile('out!(1 / 0 + *f.size())');
    assert.deepEqual([calls, failures.length], [[], 1]);
  });

  it('an answer of failure ends the branch with its code and message, and no other', () => {
    const { values, failures } = withFile('out!(*f.fail()) | out!("beside")');
    assert.deepEqual(values, ['"beside"']);
    assert.deepEqual(
      failures.map((failure) => [(failure as PowerboxError).code, failure.message]),
      [['file_failed', 'the disk is on fire']],
    );
  });

  it('while a call is under way only what the rest of the expression needs is kept', () => {
    const { space } = runTiny(
      'new f(`f`), a, b, c in { match 1 { x => match 2 { y => c!(x + *f.silent() + y, *a) } } }',
      { f: file([]) },
    );
    const waiting = space.channels().flatMap(({ waiting: found }) => found.map(({ receive }) => receive));
    assert.equal(waiting.length, 1);
    // c, a, y and the value of x (or x itself).
    assert.ok((waiting[0]?.body.environment.length ?? 99) <= 4);
  });

  it('a method of a bundle that may be written calls; of one that may not, fails', () => {
    assert.deepEqual(withFile('match {bundle+{*f}} { g => out!(g.size()) }').values, ['42']);
    assert.match(withFile('match {bundle-{*f}} { g => out!(g.size()) }').failures[0]?.message ?? '', /non-writeable/);
  });

  it('an expression captured inside a quoted process cannot call, but may use methods of data', () => {
    const { values, failures } = withFile('match {@0!(*f.size(), [7].nth(0))} { @0!(x, y) => { out!(x) | out!(y) } }');
    assert.deepEqual(values, ['7']);
    assert.match(failures[0]?.message ?? '', /method `size` of a name, captured inside a quoted process/);
  });

  it('methods of data inside the same expressions make no call', () => {
    assert.deepEqual(
      withFile('match {"f": *f, "n": [1]} { m => out!(m.get("n").nth(0), m.get("f").size(), m.size()) }').values,
      ['1, 42, 2'],
    );
  });
});

describe('turns', () => {
  it('a turn whose steps are used up goes on in the next, and nothing is lost or done twice', () => {
    const wide = Array.from({ length: 12_000 }, (_, index) => `@0!(${index})`).join(' | ');
    const { waiting, turns } = runTiny(`new a in { a!("x") | for (@x <- a) { ${wide} | @1!(x) } }`);
    assert.equal(new Set(waiting).size, 12_001);
    assert.ok(turns > 2 && turns < 20, String(turns));
  });

  it('where a turn is cut depends on the program alone', () => {
    const text =
      'new c in { contract c(@n) = { if (n > 0) { c!(n - 1) | @n!(n * n) | @n!([n, n].length()) } } | c!(500) }';
    const [first, second] = [runTiny(text), runTiny(text)];
    assert.deepEqual([first.turns, first.waiting], [second.turns, second.waiting]);
  });

  it('a cut inside nested new and match keeps every variable', () => {
    const wide = Array.from({ length: 6_000 }, (_, index) => `@0!(${index}, x, y)`).join(' | ');
    const { space } = runTiny(
      `match 5 { x => new n in { @1!(1) | match [x] { [y] => { ${wide} | n!(y) | for (@z <- n) { @2!(z, x) } } } } }`,
    );
    assert.equal(space.data(0).length, 6_000);
    assert.ok(space.data(0).every((message) => message[1] === 5 && message[2] === 5));
    assert.deepEqual(space.data(2), [[5, 5]]);
    assert.ok(space.turns > 1);
  });

  it('forty nested doublings end with too_much_work in under a second', () => {
    for (const doubled of [
      'x ++ x',
      '[x, x]',
      '{@1!(x, x)}',
      '{x | x}',
      'x * x',
      '{"a": x, "b": x}',
      'Set([x], x)',
      '"${a}${a}" %% {"a": x}',
    ]) {
      const start =
        doubled.includes('++') || doubled.includes('%%') ? '"0123456789"' : doubled.includes('*') ? '10n' : '{@0!(1)}';
      const chain = Array.from({ length: 40 }, () => `match ${doubled} { x => `).join('');
      const began = process.cpuUsage();
      const { values, failures } = results(`match ${start} { x => ${chain} out!(x) ${'}'.repeat(41)} | out!("beside")`);
      assert.deepEqual(values, ['"beside"'], doubled);
      assert.deepEqual(
        failures.map((failure) => (failure as PowerboxError).code),
        ['too_much_work'],
        doubled,
      );
      // Of the processor, which others may have had meanwhile.
      const { user, system } = process.cpuUsage(began);
      assert.ok(user + system < 1_000_000, `${doubled}: ${user + system} µs`);
    }
  });

  it('doublings by messages end too', () => {
    const { failures } = results('new c in { contract c(@x) = { c!([x, x]) } | c!(0) }');
    assert.deepEqual(
      failures.map((failure) => (failure as PowerboxError).code),
      ['too_much_work'],
    );
  });

  it('one expression that needs more than its steps ends with too_much_work', () => {
    const grow =
      'new c in { contract c(@x, @n) = { if (n > 0) { c!(x ++ x, n - 1) } else { match x { y => out!(' +
      Array.from({ length: 400 }, () => 'y.toSet()').join(' == ') +
      ') } } }';
    const { failures } = results(`${grow} | c!([1, 2, 3], 12) }`);
    assert.equal((failures[0] as PowerboxError | undefined)?.code, 'too_much_work');
  });

  it('a loop that never ends does not stop another deploy, and nothing piles up', async () => {
    const heard: string[] = [];
    const space = await RealSpace.open({
      out: (message) => heard.push(message.map((value) => print(value)).join(', ')),
    });
    try {
      await space.deploy('@0!!(1) | for (_ <= @0) { Nil }', 1);
      await space.deploy(
        'new out(`out`), c in { contract c(@n) = { if (n > 0) { c!(n - 1) } else { out!("done") } } | c!(10000) }',
        2,
      );
      await space.settled(2);
      assert.deepEqual(heard, ['"done"']);
      const { turn } = space.engine;
      while (space.engine.turn < turn + 1_000) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ok(space.engine.pending(1).ready < 10);
    } finally {
      await space.breakDown();
    }
  });

  it('turn numbers do not depend on how often the loop yields', async () => {
    const turns: number[] = [];
    for (const yield_ms of [1, 100]) {
      const space = await RealSpace.open({}, { yield_ms });
      await space.deploy('new c in { contract c(@n) = { if (n > 0) { c!(n - 1) | @n!(n) } } | c!(20000) }', 1);
      await space.settled(1);
      turns.push(space.engine.turn);
      await space.close();
    }
    assert.equal(turns[0], turns[1]);
  });
});

describe('depth', () => {
  const deep = 4_000;
  const inside = (open: string, middle: string, close: string, count = deep): string =>
    open.repeat(count) + middle + close.repeat(count);

  it('nesting of a program never meets the JavaScript stack', () => {
    assert.deepEqual(prints(`out!(${inside('1 + ', '1', '')})`), [String(deep + 1)]);
    assert.deepEqual(prints(`out!(${inside('1 + (', '1', ')')})`), [String(deep + 1)]);
    assert.deepEqual(prints(`match 1 { x => out!(${inside('x + (', 'x', ')')}) }`), [String(deep + 1)]);
    assert.deepEqual(prints(`out!(${inside('[', '', ']')} == ${inside('[', '', ']')})`), ['true']);
    assert.deepEqual(prints(inside('new x in { ', 'out!("in")', ' }')), ['"in"']);
    assert.deepEqual(prints(inside('new x in { x!(1) | ', 'out!("in")', ' }', 2_000)), ['"in"']);
    assert.deepEqual(prints(inside('if (1 < 2) { ', 'out!("in")', ' }')), ['"in"']);
    assert.deepEqual(prints(inside('for (_ <- @0) { ', 'out!("in")', ' }', 1_000) + ' | @0!!(1)'), ['"in"']);
    assert.deepEqual(prints(`match "a" { x => out!((${inside('x ++ ', 'x', '')}).length()) }`), [String(deep + 1)]);
    assert.deepEqual(prints(`out!(${inside('[1]', '.nth(0)', '', 1)}${'.toString().toInt()'.repeat(2_000)})`), ['1']);
  });

  it('terms 100,000 levels deep run, however they came to be', function () {
    this.timeout(300_000);
    const levels = 100_000;
    const nested = (middle: Value, wrap: (inner: Value) => Value): Value => {
      let term = middle;
      for (let level = 0; level < levels; level++) term = wrap(term);
      return term;
    };
    const done = new Send('done', [1], false);
    const terms = [
      nested(done, (inner) => new New(1, inner)),
      nested(done, (inner) => new Match(new Operation('<', 1, 2), [{ pattern: true, body: inner, freeCount: 0 }])),
      nested(done, (inner) => new New(1, par([inner, new BoundVariable(0)]))),
      new Send('done', [nested(1, (inner) => new Operation('+', inner, 1))], false),
      new Send('done', [nested(1, (inner) => new Operation('-', 1, inner))], false),
      new Send('done', [nested('a', (inner) => new Method(inner, 'toString', []))], false),
      new Send('done', [nested(true, (inner) => new Operation('&&', true, inner))], false),
      new New(1, new Send('done', [nested(new BoundVariable(0), (inner) => list([inner]))], false)),
      new New(1, new Send('done', [nested(new BoundVariable(0), (inner) => new Send(0, [inner], false))], false)),
    ];
    for (const term of terms) {
      const space = new TinySpace(new RholangRunner());
      const heard: (readonly Value[])[] = [];
      const produce = space.produce.bind(space);
      space.produce = (channel, message, persist) =>
        channel === 'done' ? void heard.push(message) : produce(channel, message, persist);
      space.deploy(term);
      space.run();
      assert.deepEqual([space.failures.map(String), heard.length], [[], 1]);
    }
  });

  it('deep processes are sent, compared, doubled and run', () => {
    const body = inside('new x in { ', 'out!("in")', ' }', 2_000);
    assert.deepEqual(prints(`@0!(${body}) | for (@p <- @0) { out!(p == p, Set(p, [p]).size()) | p | p }`).sort(), [
      '"in"',
      '"in"',
      'true, 2',
    ]);
    assert.deepEqual(
      prints(
        `match ${inside('[', '1', ']', 2_000)} { x => { @0!([x, *out]) | for (@[y, _] <- @0) { out!(x == y) } } }`,
      ),
      ['true'],
    );
  });

  it('a call below great depth waits and comes back', () => {
    assert.deepEqual(withFile(`out!(${inside('1 + (', '*f.size()', ')', 2_000)})`).values, ['2042']);
    assert.deepEqual(withFile(`out!(${inside('true && (', '*f.size() == 42', ')', 2_000)})`).values, ['true']);
  });

  it('a very wide process and a very long message work', () => {
    assert.deepEqual(runTiny(Array.from({ length: 33_000 }, () => '@0!(1)').join(' | ')).space.data(0).length, 33_000);
    assert.deepEqual(prints(`out!([${Array.from({ length: 20_000 }, () => '1 + 1').join(', ')}].length())`), ['20000']);
  });
});

describe('limits of receives', () => {
  it('variables handed through nested receives are bounded with a code', () => {
    const count = 1_500;
    const text =
      Array.from({ length: count }, (_, index) => `for (@x${index} <- @0) {`).join('') +
      `@1!(${Array.from({ length: count }, (_, index) => `x${index}`).join(', ')})${'}'.repeat(count)}`;
    const { failures } = runTiny(text);
    assert.deepEqual(
      failures.map((failure) => (failure as PowerboxError).code),
      ['too_much_work'],
    );
    assert.ok((count * count) / 2 > limits.term_captures_max);
  });
});

describe('determinism', () => {
  it('steps do not depend on what this process remembers of earlier runs', () => {
    const numbers = Array.from({ length: 200 }, (_, index) => `[${index}, "${index}"]`).join(', ');
    const { term } = compileText(
      `for (@x <- @0) { match [x, x] { y => { @1!(y == y, y.nth(0) == x, x.toSet().contains([3, "3"]), {x: x}.get(x).length()) | @2!(x ++ x) } } } | @0!([${numbers}])`,
      { uris: new Map() },
    );
    const used = [1, 2, 3].map(() => {
      const space = new TinySpace(new RholangRunner());
      space.deploy(term);
      space.run();
      assert.deepEqual([space.failures, space.data(1)], [[], [[true, true, true, 200]]]);
      return space.stepsUsed;
    });
    assert.deepEqual(new Set(used).size, 1);
    // Read from disk again, it costs the same.
    const space = new TinySpace(new RholangRunner());
    space.deploy(decodeValue(encodeValue(term), () => assert.fail('no name in it')));
    space.run();
    assert.equal(space.stepsUsed, used[0]);
  });

  it('any counting program leaves the same in the tiny space whatever else runs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 5 }), (counts) => {
        const loops = counts.map(
          (count, index) =>
            `new c in { contract c(@n) = { if (n > 0) { c!(n - 1) } else { @${index}!("end") } } | c!(${count}) }`,
        );
        const { waiting } = runTiny(loops.join(' | '));
        assert.deepEqual(waiting.filter((one) => one.includes('end')).length, counts.length);
      }),
      { numRuns: 30 },
    );
  });
});
