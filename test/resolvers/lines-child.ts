/** A process that lets the lines of its standard input arrive in a real directory, and waits to be killed. */
import { openSpace } from '../../src/index.ts';

const space = await openSpace({ data: process.argv[2] ?? '' });
await space.run(`new box(\`rho:powerbox\`) in { for (input <- box!?("stdin")) {
  for (lines <- input!?("readLines")) { for (@line <= lines) { @"line"!(line) } } } }`);
while (space.count('line').data < 3) await new Promise((resolve) => setTimeout(resolve, 2));
// What is acknowledged after them is durable after them.
await space.produce('mark', []);
process.stdout.write('three\n');
setInterval(() => {}, 1_000);
