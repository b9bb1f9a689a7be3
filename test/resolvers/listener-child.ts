/** A process that runs a program with TCP in a real directory, and waits to be killed. */
import { openSpace } from '../../src/index.ts';

const [data = '', power = '', program = ''] = process.argv.slice(2);
const space = await openSpace({ data, grants: { powers: [JSON.parse(power)] } });
await space.run(program);
const [message] = await space.consume([{ channel: 'bound' }]);
process.stdout.write(`${String(message?.[0])}\n`);
setInterval(() => {}, 1_000);
