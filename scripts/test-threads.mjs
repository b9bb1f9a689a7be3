/**
 * Loads TypeScript in the threads of a process of tests. The loader of a process leaves its threads alone, so each gets
 * its own, by the options that threads take over from the environment.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const before = process.env.NODE_OPTIONS ?? '';
  if (!before.includes(import.meta.url)) process.env.NODE_OPTIONS = `${before} --import=${import.meta.url}`.trim();
} else if (process.argv[1]?.endsWith('.ts')) {
  const { register } = await import('tsx/esm/api');
  register();
}
