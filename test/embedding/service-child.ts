/**
 * A node of its own process for service.test.ts: opens the space with the files granted, starts the program unless it
 * was started before, says what happens one line at a time, and stays until it is killed.
 */
import { readFileSync } from 'node:fs';
import { openSpace } from '../../src/index.ts';

const [data = '', root = '', program = ''] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const space = await openSpace({
  data,
  grants: { files: root },
  onFailure: ({ code, message, source }) => say({ failure: code, message, source }),
  onOutOfService: (health) => say({ left: health }),
});
say({ health: space.health() });
if (space.health().service === 'in' && space.deploys().length === 0) await space.run(readFileSync(program, 'utf8'));
for (const result of ['written', 'failed', 'later']) {
  void (async () => {
    try {
      for await (const [value] of space.channel(result)) say({ [result]: value });
    } catch {
      // The space has left service, or is closed: said elsewhere.
    }
  })();
}
process.stdin.setEncoding('utf8').on('data', (text: string) => {
  for (const line of text.split('\n').filter((one) => one !== ''))
    space.produce('write', [line]).then(
      () => say({ sent: line }),
      (error: { code: string; hint: string }) => say({ refused: error.code, hint: error.hint }),
    );
});
