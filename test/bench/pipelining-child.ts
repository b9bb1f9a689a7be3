/** A service over a space on disk, in a process of its own: `pipelining-child DIRECTORY`; prints its port. */
import { openSpace } from '../../src/embedding/index.ts';
import { createService } from '../../src/service/index.ts';
import { BY_NAME } from '../service/support.ts';

const space = await openSpace({
  data: process.argv[2] as string,
  grants: { stdio: false },
  config: { version: 1, holders: { alice: { grants: [] } } },
});
const service = await createService({
  spaces: { get: () => space },
  auth: BY_NAME,
  listen: { host: '127.0.0.1', port: 0 },
});
process.stdout.write(`${service.address.port}\n`);
process.stdin.resume();
process.stdin.on('end', () => void service.close().then(() => space.close()));
