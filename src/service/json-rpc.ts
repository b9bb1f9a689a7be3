/**
 * JSON-RPC 2.0 over HTTP: what a holder can ask over the wire, for those who have only `curl`. Owns the reading of
 * requests and the form of answers. Knows nothing of spaces: whoever answers is given. There is no session here, so a
 * request that is sent twice is done twice. Must never answer a request without knowing for whom.
 */
import { limits } from '../limits.ts';
import { ERROR_CODES, type ErrorCode, isPowerboxError, PowerboxError } from '../errors.ts';
import { isRecord, type Json, toJson } from './json-values.ts';
import { type Answering, askOf, resultsIn } from './json-requests.ts';
import { openRpcDocument } from './openrpc.ts';
import type { Route, RouteAnswer, RouteRequest } from './types.ts';
import { List, type Value } from '../values/index.ts';
import { shown, type WireError } from '../wire/index.ts';

/** Finds out who asks, and what they can ask. Rejects with `auth_failed` where that is nobody. */
export type WhoAnswers = (request: RouteRequest) => Promise<Answering>;

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
/** Everything that powerbox has a code of its own for, which stands in `data`. */
const FAILED = -32000;

type Id = string | number | null;

interface RpcRequest {
  /** Undefined: a notification, to which nothing is answered. */
  readonly id: Id | undefined;
  readonly method: string;
  readonly params: Json;
}

interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: Json;
}

interface RpcResponse {
  readonly jsonrpc: '2.0';
  readonly id: Id;
  readonly result?: Json;
  readonly error?: RpcError;
}

export function jsonRpcRoute(whoAnswers: WhoAnswers): Route {
  return { method: 'POST', path: '/rpc', handle: (request) => handle(request, whoAnswers) };
}

async function handle(request: RouteRequest, whoAnswers: WhoAnswers): Promise<RouteAnswer> {
  // A page of another origin may send text without being asked whether it may; JSON it may not.
  const type = String(request.headers['content-type'] ?? '').split(';')[0] ?? '';
  if (type.trim().toLowerCase() !== 'application/json')
    return reply(415, failure(null, INVALID_REQUEST, 'the body must be of type application/json'));
  const body = parse(await request.body(limits.rpc_body_bytes_max));
  if (body === undefined) return reply(400, failure(null, PARSE_ERROR, 'the body is no JSON'));
  let answering: Answering;
  try {
    answering = await whoAnswers(request);
  } catch (error) {
    const status = isPowerboxError(error) && error.code === 'auth_failed' ? 401 : 400;
    return reply(status, { jsonrpc: '2.0', id: null, error: errorOf(error) });
  }
  if (!Array.isArray(body)) {
    const [answer] = await answerAll([body], answering, request);
    return answer === undefined ? { status: 204 } : reply(200, answer);
  }
  const requests: readonly Json[] = body;
  if (requests.length === 0) return reply(400, failure(null, INVALID_REQUEST, 'a batch has at least one request'));
  if (requests.length > limits.rpc_batch_max) {
    const why = `a batch of ${requests.length} requests; at most ${limits.rpc_batch_max} are taken`;
    return reply(400, failure(null, INVALID_REQUEST, why));
  }
  const answers = await answerAll(requests, answering, request);
  return answers.length === 0 ? { status: 204 } : reply(200, answers);
}

/** Begins with them in their order; one that refers to another's result waits for that one, and for nothing else. */
async function answerAll(
  requests: readonly Json[],
  answering: Answering,
  { signal, headers }: RouteRequest,
): Promise<readonly RpcResponse[]> {
  const { traceparent } = headers;
  const parent =
    typeof traceparent === 'string' && traceparent.length <= limits.trace_parent_chars_max ? traceparent : null;
  const results = new Map<Id, Promise<Value>>();
  const answers = requests.map(async (json): Promise<RpcResponse | null> => {
    const request = readRequest(json);
    if (typeof request === 'string') return failure(idOf(json), INVALID_REQUEST, request);
    const { id, method } = request;
    if (method === 'rpc.discover') return id === undefined ? null : success(id, openRpcDocument() as Json);
    if (id !== undefined && id !== null && results.has(id))
      return failure(id, INVALID_REQUEST, 'two requests of the batch have this id');
    const answer = answerOne(request, answering, results, { signal, parent });
    if (id !== undefined && id !== null) results.set(id, answer);
    try {
      const value = await answer;
      return id === undefined ? null : success(id, toJson(value));
    } catch (error) {
      return id === undefined ? null : { jsonrpc: '2.0', id, error: errorOf(error) };
    }
  });
  return (await Promise.all(answers)).filter((answer) => answer !== null);
}

const ONE_MESSAGE: ReadonlySet<string> = new Set(['take', 'peek']);

/** Asks at once where nothing has to come first, so that what is asked in one order is done in it. */
function answerOne(
  { method, params }: RpcRequest,
  answering: Answering,
  results: ReadonlyMap<Id, Promise<Value>>,
  { signal, parent }: { readonly signal: AbortSignal; readonly parent: string | null },
): Promise<Value> {
  const needed = [...resultsIn(params)];
  const known = new Map<string | number, Value>();
  const ask = async (): Promise<Value> => {
    const value = await answering.ask(askOf(method, params, answering, known), signal, parent);
    // A receive on one channel brings one message.
    return ONE_MESSAGE.has(method) && value instanceof List ? (value.items[0] ?? null) : value;
  };
  if (needed.length === 0) return ask();
  const waited = needed.map(async (id) => {
    const earlier = results.get(id);
    if (earlier === undefined)
      throw new PowerboxError('arguments_invalid', `no request before it has the id ${JSON.stringify(id)}`);
    known.set(id, await earlier);
  });
  return Promise.all(waited).then(ask);
}

// ---------------------------------------------------------------- reading and writing

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
  } catch {
    return undefined;
  }
}

/** In words what is wrong with it, where it is none. */
function readRequest(json: Json): RpcRequest | string {
  if (!isRecord(json)) return 'a request is an object';
  const { jsonrpc, method, params = null, id, ...rest } = json;
  if (jsonrpc !== '2.0') return '`jsonrpc` must be "2.0"';
  if (typeof method !== 'string') return '`method` must be a string';
  if (params !== null && typeof params !== 'object') return '`params` must be an object or a list';
  if (id !== undefined && !isId(id)) return '`id` must be a string, an integer or null';
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `a request has no ${shown(unknown)}`;
  return { id, method, params };
}

function isId(json: Json): json is Id {
  return json === null || (typeof json === 'string' && json.length <= 256) || Number.isSafeInteger(json);
}

function idOf(json: Json): Id {
  const id = isRecord(json) ? json['id'] : undefined;
  return id !== undefined && isId(id) ? id : null;
}

function success(id: Id, result: Json): RpcResponse {
  return { jsonrpc: '2.0', id, result };
}

function failure(id: Id, code: number, message: string): RpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

const NUMBERS: Partial<Record<ErrorCode, number>> = {
  method_unknown: METHOD_NOT_FOUND,
  arguments_invalid: INVALID_PARAMS,
  value_unsupported: INVALID_PARAMS,
};

/** What a caller is told; of a failure that is not ours, nothing. */
function errorOf(error: unknown): RpcError {
  if (!isPowerboxError(error)) return { code: -32603, message: 'the service has failed at this' };
  const { code, message, hint } = error;
  const { channel = '', method = '', mistakes = [] } = (error as { readonly answer?: WireError }).answer ?? {};
  const details = Object.entries({ hint, channel, method }).filter(([, text]) => text !== '');
  return {
    code: NUMBERS[code] ?? FAILED,
    message,
    data: {
      code: ERROR_CODES.includes(code) ? code : 'outcome_unknown',
      ...Object.fromEntries(details),
      ...(mistakes.length === 0 ? {} : { mistakes: mistakes.map((mistake) => ({ ...mistake })) }),
    },
  };
}

function reply(status: number, body: RpcResponse | readonly RpcResponse[]): RouteAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(body)}\n` };
}
