/** Makes a backup, and says when it begins. */
import { openAdmin } from '../../src/index.ts';

const [, , data = '', target = ''] = process.argv;
const admin = await openAdmin({ data, unfinished: 'hold' });
console.log('beginning');
await admin.backup(target);
await admin.close();
