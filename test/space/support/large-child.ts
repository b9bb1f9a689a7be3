/** Fills a space without end and says how many messages have been acknowledged; it waits to be killed. */
import { fill, type Layout, open } from './large.ts';

const [directory, layout] = process.argv.slice(2) as [string, Layout];
const { engine } = await open(directory, false);
await fill(engine, layout, Number.MAX_SAFE_INTEGER, (done) => process.stdout.write(`${done}\n`));
