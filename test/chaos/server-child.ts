/**
 * A service in a process of its own, to be killed: one space in a directory, on one port of loopback. Its holders are
 * whoever the token names, for who is let in is tested elsewhere. Says where it listens; on a line of its input, how many
 * sessions there are and what they hold; leaves when its input ends.
 */
import { createInterface } from 'node:readline';
import { internalsOf } from '../../src/embedding/index.ts';
import { type Instruments, openInstrumented } from '../../src/embedding/open.ts';
import { createService } from '../../src/service/index.ts';

const HOLDERS = 10;
const [, , data = '', port = '0', plant = ''] = process.argv;

process.on('unhandledRejection', (error) => {
  process.stderr.write(`unhandled: ${String(error)}\n`);
  process.exit(70);
});

async function main(): Promise<void> {
  const names = Array.from({ length: HOLDERS }, (_, index) => `holder${index}`);
  const space = await openInstrumented(
    {
      data,
      config: {
        version: 1,
        powers: { random: { kind: 'random' }, clock: { kind: 'timer' } },
        holders: Object.fromEntries(names.map((name) => [name, { grants: ['random', 'clock'] }])),
      },
      onFailure: () => {},
    },
    plant === '' ? {} : { plant: plant as NonNullable<Instruments['plant']> },
  );
  const service = await createService({
    spaces: { get: (name) => (name === 'default' ? space : undefined) },
    auth: { authenticate: async ({ token }) => ({ holder: token ?? 'nobody', expires_ms: null, spaces: null }) },
    listen: { host: '127.0.0.1', port: Number(port) },
    publicNames: true,
  });
  process.stdout.write(`${JSON.stringify({ port: service.address.port })}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => {
    const sessions = [...internalsOf(space).sessions.all()];
    const holders = new Set(sessions.map(({ holder }) => holder));
    // Everybody's powerbox is given by the welcome and needs no release.
    const held = [...holders].reduce((sum, { holdings }) => sum + holdings.count - 1, 0);
    process.stdout.write(`${JSON.stringify({ sessions: sessions.length, held })}\n`);
  });
  lines.once('close', async () => {
    await service.close(1_000);
    await space.close();
  });
}

void main();
