/** A process whose standard output nobody reads: tells on standard error what its writes were answered. */
import { openSpace } from '../../src/index.ts';

const space = await openSpace({ onFailure: () => {} });
const codes: string[] = [];
for (let call = 0; call < 3; call++) {
  // The pipe breaks with the first write that reaches it, or with a later one.
  for (;;) {
    await space.run(
      'new box(`rho:powerbox`) in { for (out <- box!?("stdout")) { for (@x <- out!?("print", "x")) { @"answer"!(x) } } }',
    );
    const text = JSON.stringify(await space.consume([{ channel: 'answer' }]));
    const code = /file_failed/.exec(text)?.[0];
    if (code === undefined) continue;
    codes.push(code);
    break;
  }
}
await space.close();
process.stderr.write(`${codes.join(' ')}\n`);
