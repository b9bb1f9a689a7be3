/** What a program may do is what was granted to whoever deployed it, whoever runs it and however it spells it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Console, isPowerboxError, openSpace, type OpenOptions, type Space } from '../../src/index.ts';

/** What programs print, instead of the console of the tests. */
function collecting(): { readonly console: Console; readonly lines: string[] } {
  const lines: string[] = [];
  const take = async (bytes: Uint8Array): Promise<void> => {
    lines.push(new TextDecoder().decode(bytes).trimEnd());
  };
  return { console: { stdout: take, stderr: take, readLine: async () => null }, lines };
}

/** Ways to receive on `x`, each leaving what it took on a channel of its own. */
const RECEIVES = [
  'for (@m <- x) { @"taken"!(m) }',
  'for (@m <= x) { @"taken"!(m) }',
  'for (@m <<- x) { @"taken"!(m) }',
  'for (...@m <- x) { @"taken"!(m) }',
  'contract x(@m) = { @"taken"!(m) }',
  'for (@m <- x & _ <- @"other") { @"taken"!(m) } | @"other"!(1)',
  'for (_ <- @"other" & @m <<- x) { @"taken"!(m) } | @"other"!(1)',
  'for (_ <- @"other"; @m <- x) { @"taken"!(m) } | @"other"!(1)',
  'for (@m <- @{*x}) { @"taken"!(m) }',
  'for (@m <- @{@{*x}!(1)}) { Nil } | for (@{y!(1)} <- @"send") { for (@m <- y) { @"taken"!(m) } } | @"send"!(x!(1))',
  'for (@m <- @{bundle+{*x}}) { @"taken"!(m) }',
  'for (@m <- @{bundle-{*x}}) { @"taken"!(m) }',
  'for (@m <- @{bundle0{*x}}) { @"taken"!(m) }',
  'for (y <- @"passed") { for (@m <- y) { @"taken"!(m) } } | @"passed"!(*x)',
  'match [*x] { [y] => for (@m <- @y) { @"taken"!(m) } }',
  'match {"x": *x} { {"x": y, ...rest} => for (@m <- @y) { @"taken"!(m) } }',
  'for (@y <- @"list") { for (@m <- @{y.nth(0)}) { @"taken"!(m) } } | @"list"!([*x])',
  'new proxy in { contract proxy(y) = { for (@m <- y) { @"taken"!(m) } } | proxy!(*x) }',
];

describe('acceptance: authority', function () {
  this.timeout(300_000);
  let directory: string;
  let opened: Space[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-authority-'));
    opened = [];
  });
  afterEach(async () => {
    for (const space of opened) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(options: OpenOptions = {}): Promise<Space> {
    const space = await openSpace({ onFailure: () => {}, ...options });
    opened.push(space);
    return space;
  }

  it('the ways to receive that are tried below do receive, where nobody owns the channel', async () => {
    for (const receive of RECEIVES.filter((text) => !/bundle[+0]/.test(text))) {
      const space = await open();
      await (await space.run(`new x in { { ${receive} } | x!("mine") }`)).quiescent();
      assert.equal(space.count('taken').data, 1, receive);
      await space.close();
    }
  });

  it('nobody but its owner receives on a channel with an installed native, however its name is spelt', async () => {
    for (const [prologue, message] of [
      ['new x(`rho:io:stdout`)', '"mine"'],
      ['new x(`rho:io:stdoutAck`), r', '"mine", *r'],
      ['new x(`rho:powerbox`)', '"print", "mine"'],
    ] as const) {
      for (const receive of RECEIVES) {
        const { console, lines } = collecting();
        const space = await open({ console });
        const deploy = await space.run(`${prologue} in { ${receive} } | ${prologue} in { x!(${message}) }`);
        await deploy.quiescent();
        assert.equal(space.count('taken').data, 0, receive);
        assert.deepEqual(
          lines.filter((line) => line.replaceAll('"', '') === 'mine').length,
          1,
          `${receive}: ${lines.join()}`,
        );
        await space.close();
      }
    }
  });

  it('nor on what the powerbox hands out, nor on the public name', async () => {
    writeFileSync(join(directory, 'a.txt'), 'A');
    for (const receive of RECEIVES) {
      const { console, lines } = collecting();
      const space = await open({ console, grants: { files: directory, publicSystem: true } });
      const deploy = await space.run(`new box(\`rho:powerbox\`) in {
        for (x <- box!?("stdout")) { { ${receive} } | x!("print", "mine") } |
        for (d <- box!?("fileSystem"); x <- d!?("resolve", "a.txt")) { { ${receive} } | for (@t <- x!?("readAll", "utf8")) { @"read"!(t) } } |
        match "system" { s => new r in { for (x <- r) { ${receive} } | r!(s) } } |
        for (@m <- @"system") { @"taken"!(m) } | for (@m <- @{"sys" ++ "tem"}) { @"taken"!(m) } |
        @"system"!("print", "public")
      }`);
      await deploy.quiescent();
      assert.equal(space.count('taken').data, 0, receive);
      assert.deepEqual(lines.toSorted(), ['mine', 'public'], receive);
      assert.deepEqual(await space.take('read'), ['A']);
      await space.close();
    }
  });

  it("B runs code of A that asks for the powerbox: every call is A's, within A's grant", async () => {
    const [ofA, ofB] = [join(directory, 'a'), join(directory, 'b')];
    for (const path of [ofA, ofB]) mkdirSync(path);
    writeFileSync(join(ofA, 'who.txt'), 'A');
    writeFileSync(join(ofB, 'who.txt'), 'B');
    const data = join(directory, 'space');
    const look = `new p(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
      for (d <- p!?("fileSystem"); f <- d!?("resolve", "who.txt"); @t <- f!?("readAll", "utf8"); _ <- f!?("append", "!")) { out!(t) } |
      for (@other <- p!?("fileSystem", "b")) { out!(other.nth(1).get("code")) }
    }`;
    const a = collecting();
    const first = await open({ data, console: a.console, grants: { files: { a: ofA } } });
    await (await first.run(`@"code"!(${look})`)).quiescent();
    assert.deepEqual(a.lines, []);
    await first.close();
    const b = collecting();
    const second = await open({ data, console: b.console, grants: { files: { b: ofB } }, rememberGrants: true });
    await (await second.run('for (code <- @"code") { *code }')).quiescent();
    await second.quiescent();
    assert.deepEqual(b.lines.toSorted(), ['"A"', '"not_available"']);
    assert.equal(readFileSync(join(ofA, 'who.txt'), 'utf8'), 'A!');
    assert.equal(readFileSync(join(ofB, 'who.txt'), 'utf8'), 'B');
    await second.close();
    // What the operator does not grant to A any more, A's code has no more, whoever runs it.
    const third = await open({ data, console: b.console, grants: { files: { b: ofB } } });
    await (await third.run(`@"code"!(${look})`)).quiescent();
    assert.equal(b.lines.length, 2);
  });

  it("with A ungranted, A's deploy is refused before anything runs, naming the URI and what was granted", async () => {
    const space = await open({ grants: { powerbox: false } });
    await assert.rejects(
      space.run('@"before"!(1) | @"code"!(new p(`rho:powerbox`) in { p!("print", "x") })'),
      (error) =>
        isPowerboxError(error) &&
        error.code === 'uri_not_granted' &&
        /^1:32: the URI `rho:powerbox` was not granted to this program; granted: `rho:io:stdout`, /.test(error.message),
    );
    assert.equal(space.count('before').data, 0);
    assert.deepEqual(space.deploys(), []);
  });

  it('a text received as a string is no program, and a URI received as a value opens nothing', async () => {
    const { console, lines } = collecting();
    const space = await open({ console });
    const deploy = await space.run(
      '@"u"!(`rho:io:stdout`) | for (x <- @"u") { x!("stolen") } | @{`rho:powerbox`}!("print", "stolen")',
    );
    await deploy.quiescent();
    assert.deepEqual(lines, []);
  });

  it('a send to the public name is refused at deploy, with a hint, wherever in the program it stands', async () => {
    const space = await open();
    for (const send of [
      '@"system"!("print", "x")',
      '@"system"!!("print", "x")',
      '@{"system"}!("print", "x")',
      'for (@r <- @"system"!?("print", "x")) { Nil }',
      'new a in { for (_ <- a) { match 1 { 2 => @"system"!("print", "x") } } }',
      '@"code"!(@"system"!("print", "x"))',
      'new a in { a!({"k": [@"system"!(1)]}) }',
    ]) {
      for (const deploying of [
        space.run(`@"before"!(1) | ${send}`),
        space.system(`contract main(box, @config) = { ${send} }`),
      ]) {
        await assert.rejects(
          deploying,
          (error) => isPowerboxError(error) && error.code === 'not_available' && error.hint.includes('--public-system'),
          send,
        );
      }
    }
    assert.deepEqual(space.deploys(), []);
    // What only looks like one sends nothing.
    const deploy = await space.run('for (@{@"system"!(x)} <- @"code") { @"got"!(x) }');
    assert.equal((await deploy.quiescent()).failures, 0);
  });

  it('the public name cannot be turned on where a program receives on it already, and the operator is told', async () => {
    const data = join(directory, 'space');
    const first = await open({ data });
    await (await first.run('for (_ <- @"system") { Nil }')).quiescent();
    await first.close();
    await assert.rejects(
      openSpace({ data, grants: { publicSystem: true } }),
      (error) => isPowerboxError(error) && error.code === 'config_invalid' && error.message.includes('@"system"'),
    );
    await open({ data });
  });
});

describe('acceptance: system contracts', function () {
  this.timeout(300_000);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-system-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('get their one message at their first start, and never again, whatever happened in between', async () => {
    const text = `contract main(box, @config) = {
      box!("print", config.get("greeting")) | contract @"relay"(@"print", @text, ack) = { box!("print", text, *ack) }
    }`;
    const { console, lines } = collecting();
    for (let life = 0; life < 3; life++) {
      const space = await openSpace({ data: directory, console });
      const deploy = await space.system(text, { name: 'relay', config: { greeting: 'started' } });
      assert.equal(deploy === null, life > 0);
      await (
        await space.run(`new ack in { @"relay"!("print", "life ${life}", *ack) | @"relay"!("fileSystem", *ack) }`)
      ).quiescent();
      await space.quiescent();
      await space.close();
    }
    assert.deepEqual(lines, ['started', 'life 0', 'life 1', 'life 2']);
  });

  it('are started once also when they are given twice at a time', async () => {
    const { console, lines } = collecting();
    const space = await openSpace({ data: directory, console });
    const text = 'contract main(box, @config) = { box!("print", config) }';
    const give = (config: string) => space.system(text, { name: 'one', config });
    const deploys = await Promise.all([give('a'), give('b'), give('c')]);
    await space.quiescent();
    assert.deepEqual(lines, ['a']);
    assert.equal(deploys.filter((deploy) => deploy !== null).length, 1);
    await space.close();
  });

  it('are one contract main of two variables, and nothing beside it', async () => {
    const space = await openSpace({ onFailure: () => {} });
    for (const text of [
      '',
      'Nil',
      'contract main(box) = { Nil }',
      'contract main(box, @config, @more) = { Nil }',
      'contract main(box, @"x") = { Nil }',
      'contract main(box, ...@config) = { Nil }',
      'contract @"main"(box, @config) = { Nil }',
      'contract main(box, @config) = { Nil } | @1!(2)',
      'contract main(box, @config) = { Nil } | contract main(box, @config) = { Nil }',
      'new main in { contract main(box, @config) = { Nil } }',
      'for (box, @config <- main) { Nil }',
      'main!(1, 2)',
    ]) {
      await assert.rejects(
        space.system(text),
        (error) => isPowerboxError(error) && error.code === 'config_invalid',
        text,
      );
    }
    assert.deepEqual(space.deploys(), []);
    await space.close();
  });

  it('a program that says nothing ends at once, without a failure', async () => {
    const space = await openSpace({ data: directory });
    for (const text of ['', 'Nil', 'Nil | Nil', '// nothing']) {
      assert.deepEqual(await (await space.run(text)).quiescent(), {
        quiescent: true,
        failures: 0,
        channels: [],
        explanations: [],
        truncated: false,
        pending: [],
      });
    }
    await space.close();
  });
});
