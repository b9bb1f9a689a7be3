/**
 * The natives that hosts run, as an operator configures them: for each where it runs, in exactly one of three forms,
 * and what holds whichever it is. What is wrong with one is said in words of the configuration.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { nativeName } from './powers/host.ts';
import { secretText } from './powers/secret.ts';

const path = z.string().min(1, 'a path is not empty').max(limits.path_bytes_max);
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'the name of a variable is a letter or _ and letters, digits or _');
const whole = (least: number, most: number, what: string) =>
  z.int(`${what} is a whole number`).min(least, `${what} is at least ${least}`).max(most, `${what} is at most ${most}`);

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Null, or why no host may be reached there. */
function hostUrlFault(text: string): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'a URL is expected, as in wss://host.example.com:7411/';
  }
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') return 'a URL of wss is expected';
  if (url.protocol === 'ws:' && !LOOPBACK.test(url.hostname))
    return 'ws speaks in the clear, so it leads no further than this machine: wss is expected';
  return null;
}

const url = z.string().superRefine((text, context) => {
  const fault = hostUrlFault(text);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

const FORMS = ['module', 'command', 'url'] as const;
type Form = (typeof FORMS)[number];

/** Fields that have a meaning in one form only. */
const OF_FORM: Readonly<Record<string, Form>> = {
  inline: 'module',
  arguments: 'command',
  environment: 'command',
  folder: 'command',
  mayShutDown: 'command',
  key: 'url',
  token: 'url',
  ca: 'url',
  silent_ms_max: 'url',
};

export const nativeSection = z
  .strictObject({
    module: path
      .optional()
      .describe('A JavaScript module that exports `host` or `native`: it runs in a thread of this process.'),
    command: z
      .array(z.string().min(1).max(limits.path_bytes_max))
      .min(1)
      .max(256)
      .optional()
      .describe(
        'A program and its arguments: it runs as a child of this process. A program with a / is relative to the configuration.',
      ),
    url: url.optional().describe('Where it runs by itself, as in `wss://host.example.com:7411/`.'),
    inline: z
      .boolean()
      .optional()
      .describe(
        'Of a module that only computes, shortly: it answers in the turn, in no thread of its own. Default: false.',
      ),
    arguments: z
      .boolean()
      .optional()
      .describe(
        'Of a command: it gets what stands after `--` on the command line of the node. Of one command at most. Default: false.',
      ),
    environment: z
      .record(variable, secretText)
      .optional()
      .describe('Of a command: its variables. Besides it gets PATH and no other.'),
    folder: path.optional().describe('Of a command: where it runs. Default: where the configuration stands.'),
    mayShutDown: z
      .boolean()
      .optional()
      .describe('Of a command: whether the node ends when it asks for that. Default: false.'),
    key: secretText
      .optional()
      .describe(
        'Of a URL: known to this node and to the host, 32 bytes or more. A token is signed with it for each connection.',
      ),
    token: secretText.optional().describe('Of a URL: a token that was signed elsewhere, in place of a key.'),
    ca: path.optional().describe('Of a URL: file of the certificates that are trusted. Default: those of the system.'),
    declaration: path
      .optional()
      .describe(
        'A JSON file with what it must announce: a declaration, or a list of them. Default: what it announces is taken.',
      ),
    required: z
      .boolean()
      .optional()
      .describe('Whether the node starts only with it. Default: true, and false for a URL.'),
    onExit: z
      .enum(['restart', 'fail', 'shutdown'])
      .default('restart')
      .describe('When it ends by itself: it is started again, or what depends on it fails, or the node ends.'),
    restarts_max: whole(0, 1_000, 'restarts_max')
      .optional()
      .describe('Ends in a row after which it is given up. Default: 5; of a URL: never.'),
    calls_max: whole(1, limits.host_calls_max, 'calls_max')
      .default(limits.host_calls_default)
      .describe('Calls under way at once.'),
    queue_max: whole(0, limits.host_calls_max, 'queue_max')
      .default(limits.host_queue_default)
      .describe('Calls that wait for their turn; the next is answered `busy`.'),
    call_ms_max: whole(1, limits.timer_delay_ms_max, 'call_ms_max')
      .optional()
      .describe('Milliseconds that a call may take. Default: as long as any call.'),
    message_bytes_max: whole(1_024, limits.host_message_bytes_max, 'message_bytes_max')
      .default(limits.host_message_bytes_max)
      .describe('Bytes of one message of it; an answer with more is `native_failed`.'),
    start_ms_max: whole(1, limits.host_start_ms_max, 'start_ms_max')
      .default(limits.host_start_ms_default)
      .describe('Milliseconds from its start to its welcome.'),
    silent_ms_max: whole(1, limits.host_silent_ms_max, 'silent_ms_max')
      .optional()
      .describe(
        `Of a URL: milliseconds in which it says something when it is asked; else it is taken for gone. Default: ${limits.host_silent_ms_default}.`,
      ),
  })
  .superRefine((given, context) => {
    const forms = FORMS.filter((form) => given[form] !== undefined);
    const [form] = forms;
    if (form === undefined || forms.length > 1) {
      const came = forms.length === 0 ? 'none of them' : forms.join(' and ');
      context.addIssue({
        code: 'custom',
        message: `expected exactly one of module (in a thread of this process), command (in a child) and url, and ${came} came`,
      });
      return;
    }
    for (const [field, of] of Object.entries(OF_FORM)) {
      if (of === form || given[field as keyof typeof given] === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `${field} has a meaning for ${of} only, and this is a ${form}`,
      });
    }
    // Said of the whole, for what came is shown, and a password is nobody's business.
    if (given.url !== undefined && /^[^/?#]*\/\/[^/?#]*@/.test(given.url)) {
      context.addIssue({ code: 'custom', message: 'no name and no password stand in a url: give key or token' });
    }
    if (form === 'url' && (given.key === undefined) === (given.token === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: 'expected exactly one of key and token beside a url',
      });
    }
  });

export type NativeConfigSource = z.input<typeof nativeSection>;

/** One native, with every default, path and secret in its place. */
export interface NativeConfig extends z.output<typeof nativeSection> {
  readonly name: string;
  /** Text of the file that pins what it announces, plain data; undefined where nothing is pinned. */
  readonly pinned?: unknown;
}

export const nativesSection = z
  .record(nativeName, nativeSection)
  .default({})
  .describe('Natives that hosts run, by name: in this process, in a child, or at a URL.');
