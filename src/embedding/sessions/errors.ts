/** Failures as they go over the wire. Of one that is no error of ours nothing is told. */
import { isPowerboxError, PowerboxError } from '../../errors.ts';
import { SourceErrors } from '../../rholang/index.ts';
import { MapValue, type Value } from '../../values/index.ts';
import type { WireError } from '../../wire/index.ts';

const MISTAKES_MAX = 100;

export function wireError(error: unknown): WireError {
  if (!isPowerboxError(error))
    return { ...NOTHING, code: 'native_failed', message: 'the service has failed at this request' };
  const { code, message, hint } = error;
  if (!(error instanceof SourceErrors)) return { ...NOTHING, code, message, hint };
  const mistakes = error.errors
    .slice(0, MISTAKES_MAX)
    .map(({ line, column, code, message }) => ({ line, column, code, message }));
  return { ...NOTHING, code, message, hint, mistakes };
}

/** What a contract or a native has answered as an error: its words, where it has said any. */
export function errorOfReply(value: Value): WireError {
  const said = (key: string): string => {
    const item = value instanceof MapValue ? value.items[value.keys.indexOf(key)] : undefined;
    return typeof item === 'string' ? item : '';
  };
  return {
    code: said('code') || 'native_failed',
    message: said('message'),
    hint: said('hint'),
    channel: said('channel'),
    method: said('method'),
    mistakes: [],
  };
}

export function refusal(code: PowerboxError['code'], message: string, hint = ''): PowerboxError {
  return new PowerboxError(code, message, { hint });
}

const NOTHING: WireError = { code: '', message: '', hint: '', channel: '', method: '', mistakes: [] };
