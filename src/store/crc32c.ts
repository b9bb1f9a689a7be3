/** CRC-32C (Castagnoli), which `level` uses and Node has not. Pure; eight bytes a step, for logs of megabytes. */

const POLYNOMIAL = 0x82f63b78;

/** Table k holds the checksum of a byte that is followed by k zero bytes: so eight bytes are taken at once. */
const TABLES: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
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

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as unknown as readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = ~0;
  let index = start;
  for (; index + 8 <= end; index += 8) {
    const low =
      crc ^ (bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24));
    crc =
      T7[low & 0xff]! ^
      T6[(low >>> 8) & 0xff]! ^
      T5[(low >>> 16) & 0xff]! ^
      T4[low >>> 24]! ^
      T3[bytes[index + 4]!]! ^
      T2[bytes[index + 5]!]! ^
      T1[bytes[index + 6]!]! ^
      T0[bytes[index + 7]!]!;
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[index]!) & 0xff]!;
  return ~crc >>> 0;
}
