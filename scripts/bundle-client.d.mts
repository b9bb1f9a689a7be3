/** What `bundle-client.mjs` gives to the tests that run what it makes. */
export function bundleClient(): Promise<{
  readonly code: Uint8Array;
  readonly bytes: number;
  readonly gzip_bytes: number;
  readonly brotli_bytes: number;
  readonly imports: readonly string[];
  readonly inputs: Readonly<Record<string, number>>;
}>;
