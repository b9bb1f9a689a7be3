/**
 * Two checksums over parts of a buffer: CRC-32C, which `level` uses and Node has not, and the CRC-32 of zlib, for
 * which a call into Node costs more than the short rows and keys themselves. Pure; eight bytes a step.
 */
import { crc32 as crc32OfNode } from 'node:zlib';

type Tables = readonly Uint32Array[];

/** Table k holds the checksum of a byte that is followed by k zero bytes: so eight bytes are taken at once. */
function makeTables(polynomial: number): Tables {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first![byte] = crc;
  }
  for (let k = 1; k < 8; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const crc = tables[k - 1]![byte]!;
      tables[k]![byte] = (crc >>> 8) ^ first![crc & 0xff]!;
    }
  }
  return tables;
}

const CRC32 = makeTables(0xedb88320);
const CRC32C = makeTables(0x82f63b78);

/** From this length on Node's is faster, call and all. */
const NODE_BYTES_MIN = 192;

/** The CRC-32 of `bytes` from `start` to `end`, going on from the checksum `seed`. */
export function crc32(bytes: Uint8Array, start: number, end: number, seed: number): number {
  return end - start < NODE_BYTES_MIN
    ? checksum(CRC32, bytes, start, end, seed)
    : crc32OfNode(bytes.subarray(start, end), seed);
}

export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  return checksum(CRC32C, bytes, start, end, 0);
}

function checksum(tables: Tables, bytes: Uint8Array, start: number, end: number, seed: number): number {
  const t0 = tables[0]!;
  let crc = ~seed;
  let index = start;
  if (end - start >= 8) {
    const t1 = tables[1]!;
    const t2 = tables[2]!;
    const t3 = tables[3]!;
    const t4 = tables[4]!;
    const t5 = tables[5]!;
    const t6 = tables[6]!;
    const t7 = tables[7]!;
    for (; index + 8 <= end; index += 8) {
      const low =
        crc ^ (bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24));
      crc =
        t7[low & 0xff]! ^
        t6[(low >>> 8) & 0xff]! ^
        t5[(low >>> 16) & 0xff]! ^
        t4[low >>> 24]! ^
        t3[bytes[index + 4]!]! ^
        t2[bytes[index + 5]!]! ^
        t1[bytes[index + 6]!]! ^
        t0[bytes[index + 7]!]!;
    }
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[index]!) & 0xff]!;
  return ~crc >>> 0;
}
