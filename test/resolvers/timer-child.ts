/** A process that sets timers in a real directory, says so, and waits to be killed. */
import { openSpace } from '../../src/index.ts';

const [data = '', program = ''] = process.argv.slice(2);
const space = await openSpace({ data, grants: { powers: [{ kind: 'timer' }] } });
await (await space.run(program)).quiescent();
process.stdout.write('set\n');
setInterval(() => {}, 1_000);
