/**
 * Bundles the client for browsers into one file, and prints its size: as it is, and as it goes over the network.
 *
 *   node scripts/bundle-client.mjs [FILE]
 *
 * Without FILE it writes `dist/client.bundle.js`. Fails where something in it needs Node.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function bundleClient() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
    write: false,
    logLevel: 'silent',
    tsconfigRaw: '{}',
  });
  const code = outputFiles[0].contents;
  return {
    code,
    bytes: code.length,
    gzip_bytes: gzipSync(code, { level: 9 }).length,
    brotli_bytes: brotliCompressSync(code).length,
    /** What is left for somebody else to bring: nothing, it is hoped. */
    imports: Object.values(metafile.outputs)[0].imports.map(({ path }) => path),
    /** What of the project and of its dependencies is in it: bytes by file. */
    inputs: Object.fromEntries(
      Object.entries(Object.values(metafile.outputs)[0].inputs).map(([file, { bytesInOutput }]) => [
        file,
        bytesInOutput,
      ]),
    ),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = resolve(process.argv[2] ?? `${root}dist/client.bundle.js`);
  const { code, bytes, gzip_bytes, brotli_bytes } = await bundleClient();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, code);
  console.log(`${bytes} bytes, ${gzip_bytes} with gzip, ${brotli_bytes} with brotli: ${path}`);
}
