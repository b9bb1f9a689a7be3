/**
 * A process that is one of several nodes: its system contract votes with those of the others on what is proposed.
 * Its one argument is `VoterOptions` as JSON. It says on standard output how far it is, and at a word on its
 * standard input everything that it knows.
 */
import { createInterface } from 'node:readline';
import { openSpace } from '../../src/embedding/index.ts';
import type { HostValue } from '../../src/values/index.ts';
import type { VoterLine, VoterOptions } from './votes.ts';

const options = JSON.parse(process.argv[2] as string) as VoterOptions;

function say(line: VoterLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(): Promise<void> {
  const { data, config, program, proposals } = options;
  const space = await openSpace({
    data,
    config: { version: 1, peers: config },
    grants: { stdio: false, powers: [{ kind: 'peers' }] },
    onFailure: ({ code, message }) => say({ type: 'failure', code, message }),
  });
  await space.system(program, { name: 'voter' });
  // What an earlier process has put in has left its receipt.
  if (proposals.length > 0 && (await space.read('receipt')) === undefined) {
    const messages = proposals.map((proposal) => ({ channel: 'proposals', message: [proposal, proposal] }));
    await space.produceAll([...messages, { channel: 'receipt', message: [true] }]);
  }
  const lines = createInterface({ input: process.stdin });
  const count = (channel: string): number => space.count(channel).data;
  const look = setInterval(() => say({ type: 'counts', decided: count('decided'), asked: count('asked') }), 20);
  for await (const line of lines) if (line === 'tell') break;
  clearInterval(look);
  const all = async (channel: string): Promise<HostValue[][]> => {
    const found: HostValue[][] = [];
    for (let next = await space.take(channel); next !== undefined; next = await space.take(channel)) {
      found.push([...next]);
    }
    return found;
  };
  say({ type: 'told', decided: await all('decided'), asked: await all('asked'), strange: await all('strange') });
  lines.close();
  await space.close();
}

main().catch((error: unknown) => {
  say({ type: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
