/** A service over a directory, to be killed: `service-child.ts DIRECTORY PORT`; prints its URL when it is there. */
import { openSpace } from '../../src/embedding/index.ts';
import { createService } from '../../src/service/index.ts';
import { BY_NAME } from '../service/support.ts';

const [data = '', port = '0'] = process.argv.slice(2);
const space = await openSpace({
  data,
  grants: { stdio: false },
  config: { version: 1, powers: { clock: { kind: 'timer' } }, holders: { alice: { grants: ['clock'] } } },
});
const service = await createService({
  spaces: { get: () => space },
  auth: BY_NAME,
  listen: { host: '127.0.0.1', port: Number(port) },
  publicNames: true,
});
process.stdout.write(`${service.address.url}\n`);
