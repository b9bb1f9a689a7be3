/** Why something has not fired: every program under spec/programs/stuck, with the exact sentences beside it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type Explanation, openSpace, type Report, type Space } from '../../src/index.ts';

interface Stuck {
  /** What the report at quiescence says, in the order of the channels. */
  readonly report: readonly string[];
  /** What `explain` says, by the message or continuation that is waited on: the text of its channel. */
  readonly explain: Readonly<Record<string, readonly string[]>>;
}

const folder = new URL('../../spec/programs/stuck/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.rho'))
  .map((name) => name.slice(0, -4));

/** Names are drawn anew in each space: those of the specification are A, B and so on, as they come. */
function withoutBytes(lines: readonly string[]): readonly string[] {
  const seen: string[] = [];
  return lines.map((line) =>
    line.replaceAll(/0x[0-9a-f]+…/g, (bytes) => {
      if (!seen.includes(bytes)) seen.push(bytes);
      return String.fromCharCode(65 + seen.indexOf(bytes));
    }),
  );
}

describe('embedding: explain', () => {
  let space: Space;
  beforeEach(async () => {
    space = await openSpace({ onFailure: () => {} });
  });
  afterEach(() => space.close());

  async function settled(text: string): Promise<Report> {
    return (await space.run(text)).quiescent();
  }

  for (const name of names) {
    it(`${name} is told in exactly the words that are written beside it`, async () => {
      const stuck = JSON.parse(readFileSync(new URL(`${name}.explained.json`, folder), 'utf8')) as Stuck;
      const report = await settled(readFileSync(new URL(`${name}.rho`, folder), 'utf8'));
      assert.deepEqual(withoutBytes(report.explanations), stuck.report);
      const told: Record<string, readonly string[]> = {};
      for (const { channel } of report.channels) {
        const { sentences } = await space.explain(channel);
        told[withoutBytes([channel])[0] as string] = withoutBytes(sentences);
      }
      assert.deepEqual(told, stuck.explain);
    });
  }

  async function explained(text: string, channel = '@"q"'): Promise<Explanation> {
    await settled(text);
    return space.explain(channel);
  }

  it('a contract that has nothing to do is no riddle: the report says nothing of it, and explain does', async () => {
    const report = await settled('contract @"q"(_) = { Nil }');
    assert.deepEqual(report.explanations, []);
    const { waiting } = await space.explain('@"q"');
    assert.deepEqual(
      waiting.map(({ slots }) => slots.map(({ reason }) => reason)),
      [['empty']],
    );
  });

  it('who sends on the channel in its code is told with the numbers of values; who only holds it, as such', async () => {
    const { senders } = await explained(`
      new c, d in {
        for (@x <- c & @y <- @"q") { Nil } |
        for (@1 <- @"one") { c!(1) | for (_ <- @"later") { c!(1, 2) } } |
        for (@f <- @"two") { @f!(*c) } |
        d!(bundle+{*c})
      }`);
    const found = senders.filter(({ channel }) => channel !== '@{"q"}');
    assert.deepEqual(
      found.map(({ how, values }) => [how, values]),
      [
        ['sends', [1, 2]],
        ['holds', []],
        ['message', []],
      ],
    );
    assert.match(found[0]?.who ?? '', /"one"/);
    assert.match(found[1]?.who ?? '', /"two"/);
  });

  it('a bundle in the environment is the channel that it bundles', async () => {
    const { senders } = await explained(`
      new c in {
        for (@x <- c & _ <- @"q") { Nil } |
        @"lend"!(bundle+{*c}) | for (lent <- @"lend") { for (_ <- @"go") { lent!(1) } }
      }`);
    assert.deepEqual(
      senders.filter(({ channel }) => channel !== '@{"q"}').map(({ how, who }) => [how, /"go"/.test(who)]),
      [['sends', true]],
    );
  });

  it('a source that may still speak is among those who could send', async () => {
    await space.close();
    space = await openSpace({ onFailure: () => {}, grants: { powers: [{ kind: 'timer' }] } });
    const deploy = await space.run(`
      new box(\`rho:powerbox\`) in {
        for (timer <- box!?("timer"); @ticks <- timer!?("every", 3600000)) {
          for (@"never" <- @ticks) { Nil }
        }
      }`);
    const { channels } = await deploy.quiescent();
    const { senders, sentences } = await space.explain(channels[0]?.channel ?? '');
    assert.deepEqual(
      senders.map(({ how }) => how),
      ['source'],
    );
    assert.match(sentences.at(-1) ?? '', /could still send .*the source timer/);
  });

  it('so many waiting or lying items are told as a number, and looked at up to a bound', async () => {
    const sends = Array.from({ length: 60 }, (_, index) => `@"q"!(${index})`).join(' | ');
    const { sentences, dataCount } = await explained(`${sends} | for (@"none" <- @"q") { Nil }`);
    assert.equal(dataCount, 60);
    assert.match(sentences[0] ?? '', /none of the oldest 10 of the 60 messages/);
    const many = Array.from({ length: 40 }, (_, index) => `for (@${index} <- @"r") { Nil }`).join(' | ');
    const report = await settled(many);
    assert.equal(report.explanations.length, 21);
    assert.match(report.explanations.at(-1) ?? '', /explain CHANNEL/);
  });

  it('text that is no channel is refused with its place', async () => {
    await assert.rejects(space.explain('@"unclosed'), { code: 'syntax_error' });
  });

  it('looking changes nothing', async () => {
    await settled('for (@1 <- @"q") { Nil } | @"q"!(2)');
    const before = await space.inspect();
    await space.explain('@"q"');
    await space.explain('@"nowhere"');
    assert.deepEqual(await space.inspect(), before);
  });
});
