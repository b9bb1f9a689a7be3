/**
 * What the control socket of a space answers: each method is one of `Admin`, on this process's side of it. The schemas
 * are here; who asks may do all that the owner of the directory may do.
 */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import type { FailureReport, ForkOptions, Grants, Space } from '../types.ts';
import { type Caller, type ControlMethod, controlMethod } from './control-server.ts';
import { LocalAdmin } from './local.ts';
import type { Outlet } from './outlets.ts';

const nothing = z.strictObject({});
const word = z.string().max(1_024);
const text = z.string().max(limits.source_bytes_max);
const whose = z.strictObject({ power: word, holder: word.optional() });
const path = z.string().min(1).max(limits.path_bytes_max);
const root = z.union([
  path,
  z.strictObject({ root: path, readOnly: z.boolean().optional(), acceptWeakConfinement: z.boolean().optional() }),
]);
/** What the powers say is checked where they are read, as in a configuration. */
const grants = z.strictObject({
  files: z.union([path, z.record(word, root)]).optional(),
  stdio: z.boolean().optional(),
  powers: z.array(z.looseObject({ kind: word })).optional(),
  powerbox: z.boolean().optional(),
});
const start = z.strictObject({
  text,
  name: word,
  holder: word.optional(),
  grants: grants.optional(),
  atomic: z.boolean().optional(),
});
const forked = start.extend({ limit_ms: z.int().min(1).max(limits.fork_ms_max).optional() });
const deploys = z.array(z.int()).max(limits.control_deploys_max);
const audit = z.strictObject({
  holder: word.optional(),
  grant: word.optional(),
  method: word.optional(),
  since_ms: z.number().optional(),
  limit: z.number().optional(),
  follow: z.boolean().optional(),
});

export function deskOf(space: Space): Readonly<Record<string, ControlMethod>> {
  const admins = new WeakMap<Caller, LocalAdmin>();
  const adminOf = (caller: Caller): LocalAdmin => {
    const known = admins.get(caller);
    if (known !== undefined) return known;
    const admin = new LocalAdmin(space, { outlet: outletOf(caller), closes: false });
    admins.set(caller, admin);
    caller.gone.addEventListener('abort', () => void admin.close(), { once: true });
    return admin;
  };
  return {
    inspect: controlMethod(z.strictObject({ channel: text.optional() }), ({ channel }, { caller }) =>
      adminOf(caller).inspect(channel),
    ),
    explain: controlMethod(z.strictObject({ channel: text }), ({ channel }, { caller }) =>
      adminOf(caller).explain(channel),
    ),
    query: controlMethod(forked, (given, { caller }) =>
      adminOf(caller).query(given.text, { ...startOptions(given), ...limitOf(given) }),
    ),
    estimate: controlMethod(forked.extend({ replies: path.optional() }), (given, { caller }) =>
      adminOf(caller).estimate(given.text, {
        ...startOptions(given),
        ...limitOf(given),
        ...(given.replies === undefined ? {} : { replies: given.replies }),
      }),
    ),
    deploys: controlMethod(nothing, (_, { caller }) => adminOf(caller).deploys()),
    systemContracts: controlMethod(nothing, (_, { caller }) => adminOf(caller).systemContracts()),
    holders: controlMethod(nothing, (_, { caller }) => adminOf(caller).holders()),
    grants: controlMethod(nothing, (_, { caller }) => adminOf(caller).grants()),
    usage: controlMethod(nothing, (_, { caller }) => adminOf(caller).usage()),
    info: controlMethod(nothing, (_, { caller }) => adminOf(caller).info()),
    audit: controlMethod(audit, async (asked, { caller, signal, item }) => {
      const rows = adminOf(caller).audit(present(asked))[Symbol.asyncIterator]();
      const stopped = new Promise<null>((resolve) => {
        signal.addEventListener('abort', () => resolve(null), { once: true });
      });
      for (;;) {
        const next = await Promise.race([rows.next(), stopped]);
        if (next === null || next.done === true || !(await item(next.value))) break;
      }
      // Whoever waits for a row that may never come is not waited for.
      void rows.return?.();
    }),
    revoke: controlMethod(whose, ({ power, ...of }, { caller }) => adminOf(caller).revoke(power, present(of))),
    regrant: controlMethod(whose, ({ power, ...of }, { caller }) => adminOf(caller).regrant(power, present(of))),
    run: controlMethod(start, (given, { caller }) => adminOf(caller).run(given.text, startOptions(given))),
    system: controlMethod(start, (given, { caller }) => adminOf(caller).system(given.text, startOptions(given))),
    updateSystem: controlMethod(z.strictObject({ name: word }), ({ name }, { caller }) =>
      adminOf(caller).updateSystem(name),
    ),
    listen: controlMethod(z.strictObject({ deploys }), (given, { caller }) => adminOf(caller).listen(given.deploys)),
    quiescent: controlMethod(
      z.strictObject({ silent: z.boolean().optional(), deploys: deploys.optional() }),
      (given, { caller }) => adminOf(caller).quiescent(present(given)),
    ),
    // This process writes the file: it has the rights of whoever asks, and what it writes comes to no other.
    record: controlMethod(z.strictObject({ file: path }), ({ file }, { caller, signal, item }) =>
      adminOf(caller).record(file, signal, () => void item(null)),
    ),
    backup: controlMethod(z.strictObject({ directory: path }), ({ directory }, { caller }) =>
      adminOf(caller).backup(directory),
    ),
  };
}

function limitOf({ limit_ms }: z.output<typeof forked>): ForkOptions {
  return limit_ms === undefined ? {} : { limit_ms };
}

function startOptions({ name, holder, grants: given, atomic }: z.output<typeof start>): {
  readonly name: string;
  readonly atomic?: boolean;
  readonly holder?: string;
  readonly grants?: Grants;
} {
  return {
    name,
    ...(atomic === undefined ? {} : { atomic }),
    ...(holder === undefined ? {} : { holder }),
    ...(given === undefined ? {} : { grants: present(given) as Grants }),
  };
}

/** Without what is there and undefined. */
function present<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function outletOf(caller: Caller): Outlet {
  const say = (stream: string, bytes: Uint8Array): Promise<boolean> =>
    caller.event({ stream, bytes: Buffer.from(bytes).toString('base64') });
  return {
    stdout: (bytes) => say('stdout', bytes),
    stderr: (bytes) => say('stderr', bytes),
    failed: (failure: FailureReport) => caller.event({ failure }),
  };
}
