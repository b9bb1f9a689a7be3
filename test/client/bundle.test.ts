/** The client as one file for browsers: it is small, and needs nothing that a browser does not have. */
import assert from 'node:assert/strict';
import { bundleClient } from '../../scripts/bundle-client.mjs';

/** As it goes over the network. Most of it is the codec of values, which lets nothing through that it has not read. */
const GZIP_BYTES_MAX = 26 * 1024;

describe('the client for browsers', () => {
  let bundle: Awaited<ReturnType<typeof bundleClient>>;
  before(async () => {
    bundle = await bundleClient();
  });

  it(`is one file of at most ${GZIP_BYTES_MAX} bytes with gzip`, () => {
    const { bytes, gzip_bytes, brotli_bytes } = bundle;
    console.log(`      ${bytes} bytes, ${gzip_bytes} with gzip, ${brotli_bytes} with brotli`);
    assert.ok(gzip_bytes <= GZIP_BYTES_MAX, `${gzip_bytes} bytes`);
  });

  it('holds nothing of other people, and of ours no more than client, wire and values', () => {
    const others = Object.keys(bundle.inputs).filter(
      (file) => !/^src\/(client|wire|values)\/|^src\/(errors|limits)\.ts$/.test(file),
    );
    assert.deepEqual(others, []);
    assert.deepEqual(bundle.imports, []);
  });
});
