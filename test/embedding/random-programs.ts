/**
 * Random programs over a few channels, on which they meet what others left: joins, peeks, data and contracts that stay,
 * calls of a counting native that lies on `@"world"` and of a timer that lies on `@"clock"`.
 */
import fc from 'fast-check';

const channel = fc.constantFrom('a', 'b', 'c').map((name) => `@"${name}"`);
const small = fc.integer({ min: 0, max: 3 });

/** `stays`: what stays and receives is among it, so that a program may go on for ever. */
export function randomPrograms({ stays }: { readonly stays: boolean }): fc.Arbitrary<string> {
  return fc.letrec<{ process: string; part: string }>((tie) => ({
    process: fc
      .array(tie('part'), { minLength: 1, maxLength: 4, depthIdentifier: 'p' })
      .map((parts) => parts.join(' | ')),
    part: fc.oneof(
      { depthSize: 'small', depthIdentifier: 'p' },
      fc.tuple(channel, small).map(([to, n]) => `${to}!(${n})`),
      fc.tuple(channel, small).map(([to, n]) => `${to}!!(${n})`),
      fc.tuple(channel, tie('process')).map(([from, body]) => `for (@x <- ${from}) { ${body} }`),
      fc
        .tuple(channel, channel, tie('process'))
        .map(([one, other, body]) => `for (@x <- ${one} & @y <<- ${other}) { ${body} }`),
      fc.tuple(channel, small).map(([to, n]) => `new n in { ${to}!(*n) | for (@m <- n) { ${to}!(m) } | n!(${n}) }`),
      fc
        .tuple(fc.constantFrom('compute', 'look', 'act'), small, channel)
        .map(([method, n, to]) => `for (w <<- @"world") { for (@m <- w!?("${method}", ${n})) { ${to}!(m) } }`),
      fc
        .tuple(fc.constantFrom('now', 'after', 'every'), channel)
        .map(
          ([method, to]) =>
            `for (t <<- @"clock") { for (@m <- t!?("${method}"${method === 'now' ? '' : ', 3600000'})) { ${to}!(0) } }`,
        ),
      ...(stays ? [fc.tuple(channel, tie('process')).map(([on, body]) => `contract ${on}(@x) = { ${body} }`)] : []),
    ),
  })).process;
}
