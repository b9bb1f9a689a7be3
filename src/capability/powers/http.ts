/** HTTP and HTTPS: origins, and what may be asked of them. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { networkRule } from '../endpoint.ts';
import { headerNameFault, isNodeHeader } from '../http-header.ts';
import { parseOriginRule, prefixFault } from '../http-origin.ts';
import { powerName } from './name.ts';
import { secretText } from './secret.ts';

export const HTTP_METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** A text that some function finds a fault with. */
function checked(faultOf: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });
}

/** Names are told apart without their case, so there is one way to write each. */
function nameFault(name: string): string | null {
  const fault = headerNameFault(name);
  if (fault !== null) return fault;
  return name === name.toLowerCase() ? null : `header names are written in lower case: ${name.toLowerCase()}`;
}

function ownNameFault(name: string): string | null {
  return nameFault(name) ?? (isNodeHeader(name) ? 'this header is written by the node itself' : null);
}

/** A secret is known only when it is used: the resolver refuses what is no value of a header then. */
const ownHeaders = z.record(z.string(), secretText).superRefine((headers, context) => {
  const names = Object.keys(headers);
  if (names.length > limits.http_rules_max) {
    context.addIssue({ code: 'custom', message: `at most ${limits.http_rules_max} headers are added` });
  }
  for (const name of names) {
    const fault = ownNameFault(name);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault, path: [name] });
  }
});

const file = z.string().min(1);
const tls = z
  .strictObject({
    /** File of certificates that are trusted, in place of those of the system. */
    ca: file.optional(),
    /** The same as text. */
    caText: z.string().max(limits.http_ca_bytes_max).optional(),
    /** Files of the certificate shown to servers, and of its key. */
    cert: file.optional(),
    key: file.optional(),
  })
  .refine(({ ca, caText }) => ca === undefined || caText === undefined, 'give ca or caText, not both')
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'give both files, cert and key, or neither');

export const httpOrigin = z.strictObject({
  /** `https://example.com`, `https://*.example.com:8443`, `http://127.0.0.1:8000-8010`. */
  origin: checked((text) => {
    const rule = parseOriginRule(text);
    return typeof rule === 'string' ? rule : null;
  }),
  methods: z.array(z.enum(HTTP_METHODS)).min(1).default(['GET', 'HEAD']),
  /** Prefixes of paths: `/api` has itself and what lies below, `/` everything. */
  paths: z.array(checked(prefixFault)).min(1).max(limits.http_rules_max).default(['/']),
  /** Addresses that are not public to which its name may lead: `10.0.0.0/8`, `127.0.0.1`. */
  addresses: z.array(networkRule).max(limits.http_rules_max).default([]),
  request_bytes_max: z.int().min(0).max(limits.http_body_bytes_max).default(limits.http_body_bytes_default),
  /** Of an answer that comes as one value, decompressed. */
  response_bytes_max: z.int().min(0).max(limits.http_body_bytes_max).default(limits.http_body_bytes_default),
  /** Of an answer that comes in chunks, decompressed. */
  stream_bytes_max: z.int().min(0).max(limits.http_stream_bytes_max).default(limits.http_stream_bytes_default),
  requests_per_second: z.number().positive().max(limits.http_rate_max).default(limits.http_rate_default),
  /** How many may come at once after a pause. */
  requests_burst_max: z.int().min(1).max(limits.http_rate_max).default(limits.http_burst_default),
  /** Under way at the same time; others wait for their turn. */
  requests_open_max: z.int().min(1).max(limits.http_open_max).default(limits.http_open_default),
  /** From the call until its connection stands, lookup of the name and encryption included. */
  connect_ms_max: z.int().min(1).max(limits.http_whole_ms_max).default(limits.connect_ms_default),
  /** From the connection until the headers of the answer are there. */
  headers_ms_max: z.int().min(1).max(limits.http_whole_ms_max).default(limits.http_headers_ms_default),
  /** Between two parts of its body. */
  idle_ms_max: z.int().min(1).max(limits.http_whole_ms_max).default(limits.http_idle_ms_default),
  /** Of a whole call, with redirects and repetitions; not of a body in chunks. */
  whole_ms_max: z.int().min(1).max(limits.http_whole_ms_max).default(limits.http_whole_ms_default),
  /** Of a body in chunks, however slowly it is read. */
  stream_ms_max: z.int().min(1).max(limits.http_stream_ms_max).default(limits.http_stream_ms_default),
  redirects_max: z.int().min(0).max(limits.http_redirects_max).default(limits.http_redirects_default),
  /** Gets the effect's own key, so that the server can tell a repetition: then changes are repeated after a crash. */
  idempotencyHeader: checked(ownNameFault).optional(),
  /** Added to each request; programs neither see nor replace them. */
  headers: ownHeaders.default({}),
  /** Headers that programs may not set. */
  headersRefused: z.array(checked(nameFault)).max(limits.http_rules_max).default([]),
  tls: tls.default({}),
});

export const httpPower = z.strictObject({
  kind: z.literal('http'),
  name: powerName.default('http'),
  /** The first that covers origin, method and path of a request says what it may do. */
  origins: z.array(httpOrigin).min(1).max(limits.http_rules_max),
});

export type HttpOrigin = z.output<typeof httpOrigin>;
