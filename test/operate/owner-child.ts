/** Holds a data directory until it is killed. */
import { openSpace } from '../../src/index.ts';

const space = await openSpace({ data: process.argv[2] ?? '' });
await (await space.run('@"left"!(1)', { name: 'left' })).quiescent();
console.log('holding');
setInterval(() => undefined, 1_000);
