/**
 * What somebody wrote in the place of a known word, for the error that says that it is none: shown where it is a plain
 * word, and else left out, for what stands in the wrong place may be a token.
 */
export function shown(text: string): string {
  return /^\$?[a-zA-Z]{1,24}([_.][a-zA-Z]{1,24})?$/.test(text) ? JSON.stringify(text) : '(not shown)';
}
