/**
 * The service of a node, as its operator configures it: where it listens, who may come in, what is told of it and to
 * whom. Words and their checks only; `service` does what they say.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { parseEndpoint } from './endpoint.ts';
import { parseOriginRule } from './http-origin.ts';
import { secretText } from './powers/secret.ts';

/** Where it listens when nobody says. */
export const SERVICE_LISTEN_DEFAULT = '127.0.0.1:7420';

const path = z.string().min(1, 'a path is not empty').max(limits.path_bytes_max);
const holder = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'the name of a holder is expected');

const listen = z.string().superRefine((text, context) => {
  const endpoint = parseEndpoint(text);
  if (typeof endpoint === 'string') context.addIssue({ code: 'custom', message: endpoint });
  else if (endpoint.address === null) {
    context.addIssue({
      code: 'custom',
      message: 'an address of this machine is expected, as in 127.0.0.1:7420, no name',
    });
  }
});

const origin = z.string().superRefine((text, context) => {
  if (text === '*') return;
  const rule = parseOriginRule(text);
  if (typeof rule === 'string') context.addIssue({ code: 'custom', message: rule });
});

const endpoint = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return;
  context.addIssue({ code: 'custom', message: 'the URL of a collector is expected, as in http://127.0.0.1:4318' });
});

function time(what: string, max: number): z.ZodInt {
  return z
    .int(`${what} is a whole number of milliseconds`)
    .min(1, `${what} is at least 1`)
    .max(max, `${what} is at most ${max}`);
}

function amount(what: string, min: number, max: number): z.ZodInt {
  return z
    .int(`${what} is a whole number`)
    .min(min, `${what} is at least ${min}`)
    .max(max, `${what} is at most ${max}`);
}

export const serviceConfig = z
  .strictObject({
    listen: listen
      .default(SERVICE_LISTEN_DEFAULT)
      .describe('Address of this machine and port; port 0 for any that is free. Beyond loopback it needs `tls`.'),
    tls: z
      .strictObject({
        certificate: path.describe('A file with the certificate and those that it hangs on, as PEM.'),
        key: path.describe('The file with its key, as PEM.'),
      })
      .optional()
      .describe('What encrypts. Default: nothing does.'),
    insecure: z
      .boolean()
      .default(false)
      .describe('Listen beyond loopback without `tls`: others may then read and change what goes over the network.'),
    origins: z
      .array(origin)
      .max(limits.service_origins_max)
      .default([])
      .describe('Origins whose web pages may connect, as in `https://app.example.com`; `*` for all. Default: its own.'),
    publicNames: z
      .boolean()
      .default(false)
      .describe('Let clients use public channels by their value, as programs may.'),
    publicMetrics: z
      .boolean()
      .default(false)
      .describe(
        'Answer `/metrics` and `/info` to everybody who can connect; they name spaces and holders. Default: to this machine.',
      ),
    session_ms: time('session_ms', limits.service_session_ms_max)
      .optional()
      .describe('Milliseconds for which the session of a client that has gone is kept.'),
    ping_ms: amount('ping_ms', limits.wire_ping_ms_min, limits.wire_ping_ms_max)
      .default(limits.wire_ping_ms_default)
      .describe(
        'Milliseconds between two signs of life of a connection; after two without any it is cut. Its session is kept.',
      ),
    limits: z
      .strictObject({
        connections_max: amount('connections_max', 1, limits.wire_connections_max)
          .optional()
          .describe('Connections at a time; one more is refused.'),
        requests_per_second_max: amount('requests_per_second_max', 1, limits.wire_requests_per_second_max)
          .optional()
          .describe('Requests that one connection may send in a second; more are read later.'),
        frame_bytes_max: amount('frame_bytes_max', limits.wire_hello_bytes_max, limits.wire_frame_bytes_max)
          .optional()
          .describe('Bytes of one frame; a larger one ends its connection.'),
      })
      .prefault({})
      .describe('What is taken of clients at the most. Default of each: the largest that may be said.'),
    auth: z
      .strictObject({
        publicKey: path
          .optional()
          .describe(
            'A file with the key (SPKI as PEM) that tokens are verified with. Default: a secret made at first start.',
          ),
        anonymous: holder
          .optional()
          .describe('Who comes without a token is this holder, from this machine only. Default: nobody comes without.'),
      })
      .prefault({})
      .describe('How it is found out who is there.'),
    logs: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error', 'silent'], 'a level is debug, info, warn, error or silent')
          .default('info')
          .describe('The least of what is told.'),
      })
      .prefault({})
      .describe('What is told on standard error, one JSON object a line.'),
    telemetry: z
      .strictObject({
        endpoint: endpoint.describe('Where spans are sent to, by OTLP over HTTP as JSON; `/v1/traces` is added.'),
        headers: z.record(z.string().max(256), secretText).default({}).describe('Sent with each request.'),
        ratio: z
          .number('ratio is a number')
          .min(0, 'ratio is at least 0')
          .max(1, 'ratio is at most 1')
          .default(1)
          .describe(
            'Of all traces, how many are followed; chosen by their ids, those of clients too. One that its client does not want followed is not.',
          ),
      })
      .optional()
      .describe('Where it is told which way messages take. Default: nowhere.'),
    shutdown_ms: time('shutdown_ms', limits.service_shutdown_ms_max)
      .default(limits.service_shutdown_ms_default)
      .describe('Milliseconds in which a node that is told to go has gone.'),
  })
  .superRefine(({ listen: where, tls, insecure }, context) => {
    const found = parseEndpoint(where);
    if (typeof found === 'string' || found.address === null) return;
    if (found.address.kind === 'loopback' || tls !== undefined || insecure) return;
    const message = 'an address of loopback is expected, or tls: others can reach this one, and nothing is encrypted';
    context.addIssue({ code: 'custom', path: ['listen'], message });
  });
export type ServiceConfig = z.output<typeof serviceConfig>;
export type ServiceConfigSource = z.input<typeof serviceConfig>;
