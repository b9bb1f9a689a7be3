/**
 * What the type checker must let pass and what it must not. Nothing here runs: `npm run check:types` reads it, and an
 * `@ts-expect-error` under which nothing is wrong is itself an error.
 */
import { uri } from '../../src/values/index.ts';
import { part } from '../../src/client/index.ts';
import type { Answer, Handle, Int, Received, Remote } from '../../src/client/types.ts';
import type { DirectoryChannel, FileChannel, SystemChannel } from '../../src/client/generated.ts';

type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
function same<Left, Right>(_answer: Same<Left, Right>): void {}

interface Greeter {
  greet(name: string): string;
  open(greeter: Greeter): Greeter;
  all(): readonly string[];
}

export async function files(box: SystemChannel): Promise<void> {
  const file = await box.fileSystem().resolve('a.txt');
  const answer = await file.write('hi');
  same<typeof answer, null>(true);
  await box.fileSystem().resolve('a.txt').write(new Uint8Array(2));
  const size = await box.fileSystem('other').resolve('a.txt').size();
  same<typeof size, number>(true);
  const bytes = await file.readAll();
  same<typeof bytes, Uint8Array>(true);
  const text = await file.readAll('utf8');
  same<typeof text, string>(true);
  const position = await file.seek(-1, 'end');
  same<typeof position, number>(true);

  // @ts-expect-error: a directory has no such method
  box.fileSystem().write('hi');
  // @ts-expect-error: a path is a string
  box.fileSystem().resolve(1);
  // @ts-expect-error: there is no such encoding
  file.readAll('latin1');
  // @ts-expect-error: there is no such place to count from
  file.seek(1, 'middle');
  // @ts-expect-error: a number is nothing that a file holds
  file.write(1);
  // @ts-expect-error: one argument is missing
  file.writeAt(0);
  // @ts-expect-error: what was not awaited is no string
  const early: string = file.readAll('utf8');
  // @ts-expect-error: a number is no text
  const wrong: string = await file.size();
  return void [early, wrong];
}

export async function everyObject(directory: DirectoryChannel): Promise<void> {
  const readOnly = directory.readOnly();
  const same1 = await readOnly.restrict(['resolve']).expire(1_000).count(3).within(50);
  same<typeof same1, DirectoryChannel>(true);
  await directory.readOnly().resolve('a').readAll('utf8');
  const [again, revoker] = await directory.revocable();
  same<typeof again, DirectoryChannel>(true);
  await revoker.revoke();
  const pair = directory.revocable();
  const listed = await part(pair, 0).list();
  same<typeof listed, Readonly<Record<string, string>>>(true);
  await part(pair, 1).revoke();
  // @ts-expect-error: the first part is a directory
  part(pair, 0).revoke();
  // @ts-expect-error: it is milliseconds, a number
  directory.expire('soon');
  // @ts-expect-error: a revoker resolves nothing
  revoker.resolve('a');
}

export async function answersAsArguments(box: SystemChannel, file: FileChannel): Promise<void> {
  // What has not arrived may stand for itself.
  await file.write(box.fileSystem().resolve('b.txt').readAll());
  await box.timer().cancel(box.timer().every(1_000));
  await box.httpClient().resolve(uri('http://example.org/')).get();
  const int = await box.random().int(0n, 10);
  same<typeof int, Int>(true);
  const stat = await box.fileSystem().stat();
  same<typeof stat, Readonly<Record<string, Received>>>(true);
  // @ts-expect-error: the answer is bytes, and an encoding is a word
  await file.readAll(box.fileSystem().resolve('b.txt').readAll());
}

export async function handles(file: FileChannel, answer: Answer<string>): Promise<void> {
  const handle: Handle = file;
  handle.dispose();
  using soon = file;
  await soon.size();
  await using other = file;
  await other.close();
  // @ts-expect-error: data is no handle
  const text: Handle = 'a';
  // @ts-expect-error: an object with the methods of one is none either
  const fake: Handle = { dispose: () => {}, [Symbol.asyncDispose]: async () => {} };
  // @ts-expect-error: an answer to come has no methods of a string
  answer.toUpperCase();
  return void [text, fake];
}

export async function contracts(greeter: Remote<Greeter>): Promise<void> {
  const text = await greeter.greet('you');
  same<typeof text, string>(true);
  const chained = await greeter.open(greeter).open(greeter.open(greeter)).greet(greeter.greet('me'));
  same<typeof chained, string>(true);
  const all = await greeter.all();
  same<typeof all, readonly string[]>(true);
  // @ts-expect-error: there is no such method
  greeter.leave();
  // @ts-expect-error: a name is a string
  greeter.greet(1);
}
