/** A node with a child, to be killed: the native as JSON on its command line; it says when it is open, and its lines. */
import { openSpace } from '../../../src/index.ts';

const native = JSON.parse(process.argv[2] as string) as never;
const space = await openSpace({
  config: {
    version: 1,
    natives: { example: native },
    powers: { example: { kind: 'host', native: 'example' } },
    holders: { alice: { grants: ['example'] } },
  },
  onFailure: () => {},
  onHostLine: ({ text }) => process.stdout.write(`${text}\n`),
});
process.stdout.write(`open ${space.hosts()[0]?.where ?? ''}\n`);
setInterval(() => {}, 1_000);
