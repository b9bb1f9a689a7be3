/** A process that appends lines to a granted file, one after the other, and says when each is done. Run by audit.test.ts, which kills it. */
import { openSpace } from '../../src/index.ts';

const [data = '', root = ''] = process.argv.slice(2);
const space = await openSpace({ data, grants: { files: root }, onFailure: () => {} });
await space.run(`new box(\`rho:powerbox\`), loop in {
  for (d <- box!?("fileSystem"); f <- d!?("resolve", "log")) {
    contract loop(@n) = {
      for (_ <- f!?("append", "line\\n")) { @"done"!(n) | match n { 80 => Nil _ => { loop!(n + 1) } } }
    } | loop!(1)
  }
}`);
for await (const [number] of space.channel('done')) process.stdout.write(`${String(number)}\n`);
