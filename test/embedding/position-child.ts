/** Reads on a file by the channel that is kept in the space, says what it read, and stays until it is killed. */
import { openSpace } from '../../src/index.ts';

const [data = '', root = ''] = process.argv.slice(2);
const space = await openSpace({ data, grants: { files: root } });
const kept = space.count('kept').data > 0;
const take = kept ? 'f <- @"kept"' : 'd <- box!?("fileSystem"); f <- d!?("resolve", "digits")';
const keep = kept ? 'Nil' : '@"kept"!!(*f)';
await space.run(`new box(\`rho:powerbox\`) in {
  for (${take}; @b <- f!?("read", 2)) { ${keep} | @"out"!(b.bytesToUtf8()) }
}`);
const [[text]] = (await space.consume([{ channel: 'out' }])) as [[string]];
process.stdout.write(`read ${JSON.stringify(text)}\n`);
setInterval(() => {}, 60_000);
