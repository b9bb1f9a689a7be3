/**
 * What a node tells, one JSON object a line on standard error: when, how grave, what; and on every line in which mode it
 * happened, in which space and on which account. Owns the form. Must never hold a token, a raw name or what a program
 * said, but for the words of its failures.
 */
import pino, { type DestinationStream, type Logger } from 'pino';
import type { FailureReport } from '../../embedding/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What a line may say beside its message. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** As this one, of one space. */
  of(space: string): Log;
}

/** In which mode what is told of was run, where nothing else is said. */
const TRANSACTION = 'transaction';

export function openLog(level: LogLevel, destination: DestinationStream): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return logOf(logger, '');
}

function logOf(logger: Logger, space: string): Log {
  const tell =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: LogFields = {}): void =>
      logger[level]({ mode: TRANSACTION, space, account: 0, ...fields }, message);
  return {
    debug: tell('debug'),
    info: tell('info'),
    warn: tell('warn'),
    error: tell('error'),
    of: (name) => logOf(logger, name),
  };
}

/** A failure that no caller hears of. */
export function logFailure(log: Log, failure: FailureReport): void {
  const { deploy, mode = TRANSACTION, code, message, hint, source, dropped } = failure;
  log.warn(message, { mode, account: deploy, code, hint, source, ...(dropped === 0 ? {} : { dropped }) });
}
