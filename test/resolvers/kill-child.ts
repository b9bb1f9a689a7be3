/** A process that makes one change and kills itself at the n-th call to the disk. Run by crash.test.ts. */
import { CHANGES } from './changes.ts';
import { injectFault } from './faults.ts';
import { grantFiles } from './host.ts';

const [directory = '', index = '0', at = '1'] = process.argv.slice(2);
const change = CHANGES[Number(index)];
if (change === undefined) throw new Error(`no change ${index}`);
const granted = await grantFiles({ root: directory });
const object = change.on === null ? granted.root : await granted.file(change.on);
const call = object.prepare(change.method, change.args, Buffer.alloc(32, 7));
const faulty = await injectFault(Number(at), 'die-after', () => process.kill(process.pid, 'SIGKILL'));
faulty.arm();
await object.run(call);
