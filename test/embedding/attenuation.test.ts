/** A powerbox that is handed on in part: what it lists and what it hands out is no more than that part. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpace, type Space } from '../../src/index.ts';

describe('embedding: a part of a powerbox', () => {
  let directory: string;
  let space: Space;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-part-'));
    space = await openSpace({
      grants: { files: directory, powers: [{ kind: 'timer' }, { kind: 'random' }] },
      onFailure: () => {},
    });
  });
  afterEach(async () => {
    await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(program: string): Promise<unknown> {
    await space.run(`new box(\`rho:powerbox\`) in { ${program} }`);
    // Of everything: what a program does with what an earlier one kept, runs for that one.
    await space.quiescent();
    return (await space.take('answer'))?.[0];
  }

  const listed = (part: string): Promise<unknown> =>
    ask(`for (part <- ${part}; @methods <- part!?("methods")) { @"answer"!(methods.keys().toList()) }`);

  it('lists what its holder may use, and nothing that was revoked', async () => {
    const all = ['fileSystem', 'methods', 'print', 'random', 'stderr', 'stdin', 'stdout', 'timer'];
    assert.deepEqual(await ask('for (@m <- box!?("methods")) { @"answer"!(m.keys().toList()) }'), all);
    assert.deepEqual(
      await listed('box!?("readOnly")'),
      all.filter((name) => name !== 'print'),
    );
    assert.deepEqual(await listed('box!?("restrict", ["timer", "methods"])'), ['methods', 'timer']);
    await space.revoke('timer');
    assert.deepEqual(await listed('box!?("restrict", ["timer", "methods"])'), ['methods']);
  });

  it('hands out no more than a part: what is made for reading only writes nothing, however it is reached', async () => {
    const codes = await ask(`
      for (part <- box!?("readOnly"); files <- part!?("fileSystem"); file <- files!?("resolve", "a.txt");
           out <- part!?("stdout"); @("error", first) <- file!?("write", "x"); @("error", second) <- out!?("print", "x");
           @("error", third) <- files!?("mkdir", "d")) {
        @"answer"!([first.get("code"), second.get("code"), third.get("code")])
      }`);
    assert.deepEqual(codes, ['not_permitted', 'not_permitted', 'not_permitted']);
  });

  it('ends with the part and with the grant, whichever is first', async () => {
    await ask(
      `
      for (@[part, revoker] <- box!?("revocable"); timer <- @part!?("timer"); files <- @part!?("fileSystem")) {
        @"kept"!(*timer, *files) | @"revoker"!(revoker)
      }`,
    );
    const now = (): Promise<unknown> =>
      ask(`for (timer, files <<- @"kept"; @n <- timer!?("now"); @l <- files!?("list")) {
        match [n, l] { [("error", a), ("error", b)] => { @"answer"!([a.get("code"), b.get("code")]) }
                       [("error", a), _] => { @"answer"!([a.get("code"), "fine"]) }
                       _ => { @"answer"!("fine") } }
      }`);
    assert.equal(await now(), 'fine');
    await space.revoke('timer');
    assert.deepEqual(await now(), ['revoked', 'fine']);
    await ask('for (@revoker <- @"revoker"; _ <- @revoker!?("revoke")) { Nil }');
    assert.deepEqual(await now(), ['revoked', 'revoked']);
  });
});
