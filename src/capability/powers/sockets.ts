/** What powers of TCP and UDP have in common: where may be listened, which ports are one's own, and certificates. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { parseEndpointRule, parsePorts } from '../endpoint.ts';

const RULES_MAX = 256;

/** At most as many rules as are looked through for each connection and datagram. */
export function rules(rule: z.ZodType<string, string>) {
  return z.array(rule).max(RULES_MAX).default([]);
}

/**
 * Where this machine may be reached, as a configuration writes it: `127.0.0.1:8000-8010`, `[::1]:443`, `0.0.0.0:80`.
 * A name would not say at which address.
 */
export const listenRule = z.string().superRefine((text, context) => {
  const rule = parseEndpointRule(text);
  const fault =
    typeof rule === 'string'
      ? rule
      : rule.host.kind === 'addresses'
        ? null
        : `${JSON.stringify(text)} names no address of this machine: write 127.0.0.1:8080, or 0.0.0.0:8080 for every one`;
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

/** Ports as a configuration writes them: `0` for any that is free, `40000-40999`, or several with commas between. */
export const portRule = z.string().superRefine((text, context) => {
  const ports = parsePorts(text);
  if (typeof ports === 'string') context.addIssue({ code: 'custom', message: ports });
});

/** Open sockets of one grant at once. */
export const socketsMax = z.int().min(1).max(limits.sockets_max).default(limits.sockets_default);

/** Bytes in a second, in the mean; absent: as fast as it goes. */
export const bytesPerSecond = z.int().min(1).max(limits.bytes_per_second_max).optional();

const file = z.string().min(1);
const pair = 'cert and key belong together: give both files or neither';

/** How connections to outside are encrypted. Files are read when the power is granted. */
export const clientTls = z
  .strictObject({
    /** File of certificates that are trusted, in place of those of the system. */
    ca: file.optional(),
    /** Files of the certificate shown to servers, and of its key. */
    cert: file.optional(),
    key: file.optional(),
    /** The name that certificates of servers must be for, in place of that which is connected to. */
    servername: z.string().min(1).max(253).optional(),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), pair);

/** How connections from outside are encrypted. */
export const serverTls = z.strictObject({
  cert: file,
  key: file,
  /** File of certificates of which clients must show one that these have signed; absent: none is asked for. */
  clientCa: file.optional(),
});
