/**
 * IP addresses as an operator's rules judge them. Only computes. An address in one of the forms that carry another
 * one (IPv4-mapped, NAT64, 6to4, Teredo and their kin) is what the one inside is, so that no notation opens what
 * another one closes. Only one spelling of an address is read; whoever writes another means to be misread.
 */
import ipaddr from 'ipaddr.js';

/** `public` is the only kind that a rule by name can open. */
export type AddressKind =
  | 'public'
  | 'unspecified'
  | 'loopback'
  | 'private'
  | 'link_local'
  | 'metadata'
  | 'carrier_nat'
  | 'multicast'
  | 'broadcast'
  | 'documentation'
  | 'reserved';

export interface Address {
  /** The one spelling: dotted decimal, or RFC 5952. What is connected to. */
  readonly text: string;
  readonly family: 4 | 6;
  /** 4 or 16. */
  readonly bytes: readonly number[];
  /** Of the address inside, where it carries one. */
  readonly kind: AddressKind;
}

/** A range of addresses of one family: those that begin with the first `prefix_bits` bits of `bytes`. */
export interface Network {
  readonly bytes: readonly number[];
  readonly prefix_bits: number;
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,2})$/;
/** Longer than any spelling of an address; keeps the library from long input. */
const ADDRESS_CHARS_MAX = 45;

/** Null for anything but four decimal numbers without leading zeros, or IPv6 without a zone. */
export function parseAddress(text: string): Address | null {
  const bytes = bytesOf(text);
  return bytes === null ? null : addressOf(bytes);
}

/** The address of 4 or 16 bytes; an IPv4-mapped one becomes the IPv4 address that the system connects to. */
export function addressOf(bytes: readonly number[]): Address {
  const real = within(bytes, MAPPED) ? bytes.slice(12) : bytes;
  const text = ipaddr.fromByteArray([...real]).toString();
  return { text, family: real.length === 4 ? 4 : 6, bytes: real, kind: kindOf(real) };
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. A string says what is wrong with it. */
export function parseNetwork(text: string): Network | string {
  const slash = text.indexOf('/');
  const shown = JSON.stringify(text);
  const bytes = bytesOf(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return `${shown} is no address: four decimal numbers, or IPv6 without a zone`;
  if (within(bytes, MAPPED)) return `${shown} is an IPv4 address written as IPv6: write it as IPv4`;
  const bits = bytes.length * 8;
  if (slash < 0) return { bytes, prefix_bits: bits };
  const prefix = text.slice(slash + 1);
  if (!DECIMAL.test(prefix) || Number(prefix) > bits) {
    return `${shown}: after / comes the length of the prefix, 0 to ${bits}`;
  }
  const network = { bytes, prefix_bits: Number(prefix) };
  const first = bytes.map((byte, index) => byte & maskOf(network.prefix_bits, index));
  if (first.some((byte, index) => byte !== bytes[index])) {
    const meant = `${ipaddr.fromByteArray(first).toString()}/${prefix}`;
    return `${shown} has bits beyond its prefix: write ${meant}, or the address without a prefix`;
  }
  return network;
}

export function contains(network: Network, address: Address): boolean {
  return within(address.bytes, network);
}

/** Whether the network is one single address. */
export function isSingle({ bytes, prefix_bits }: Network): boolean {
  return prefix_bits === bytes.length * 8;
}

/** Whether every address of the network is that of a group. */
export function isOfGroups({ bytes, prefix_bits }: Network): boolean {
  return KINDS.some(
    ([kind, groups]) => kind === 'multicast' && prefix_bits >= groups.prefix_bits && within(bytes, groups),
  );
}

function bytesOf(text: string): number[] | null {
  if (text.length > ADDRESS_CHARS_MAX) return null;
  if (!text.includes(':')) return fourOf(text);
  const tail = text.slice(text.lastIndexOf(':') + 1);
  // The library reads octal and hexadecimal numbers there, and zones.
  if (text.includes('%') || (tail.includes('.') && fourOf(tail) === null)) return null;
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text).toByteArray() : null;
}

function fourOf(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => DECIMAL.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

function maskOf(prefix_bits: number, index: number): number {
  const bits = Math.max(0, Math.min(8, prefix_bits - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function within(bytes: readonly number[], network: Network): boolean {
  if (bytes.length !== network.bytes.length) return false;
  return network.bytes.every((byte, index) => {
    const mask = maskOf(network.prefix_bits, index);
    return ((bytes[index] ?? 0) & mask) === (byte & mask);
  });
}

function network(text: string): Network {
  const read = parseNetwork(text);
  if (typeof read === 'string') throw new Error(read);
  return read;
}

function networks(kind: AddressKind, ...texts: readonly string[]): readonly (readonly [AddressKind, Network])[] {
  return texts.map((text) => [kind, network(text)] as const);
}

const MAPPED: Network = { bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], prefix_bits: 96 };

/** The first that contains an address says its kind. From the registries of special-purpose addresses (RFC 6890). */
const KINDS: readonly (readonly [AddressKind, Network])[] = [
  // The services by which clouds hand their machines credentials.
  ...networks('metadata', '169.254.169.254', '169.254.170.2', '169.254.170.23', '100.100.100.200', '168.63.129.16'),
  ...networks('metadata', '192.0.0.192', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'),
  ...networks('unspecified', '0.0.0.0/8', '::'),
  ...networks('loopback', '127.0.0.0/8', '::1'),
  ...networks('private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10'),
  ...networks('link_local', '169.254.0.0/16', 'fe80::/10'),
  ...networks('carrier_nat', '100.64.0.0/10'),
  ...networks('documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'),
  ...networks('multicast', '224.0.0.0/4', 'ff00::/8'),
  ...networks('broadcast', '255.255.255.255'),
  ...networks('reserved', '192.0.0.0/24', '192.88.99.0/24', '198.18.0.0/15', '240.0.0.0/4'),
  ...networks('reserved', '192.31.196.0/24', '192.52.193.0/24', '192.175.48.0/24'),
  ...networks('reserved', '2001::/23', '2620:4f:8000::/48'),
];
/** All of IPv6 that is in use between networks; what lies outside is not public, whatever it will become. */
const GLOBAL_UNICAST = network('2000::/3');

/** Where the IPv4 address stands in the forms of IPv6 that carry one, and whether its bits are turned over. */
const CARRIERS: readonly { readonly network: Network; readonly offset: number; readonly inverted: boolean }[] = [
  { network: MAPPED, offset: 12, inverted: false },
  // IPv4-compatible, IPv4-translated, NAT64, 6to4, Teredo.
  { network: network('::/96'), offset: 12, inverted: false },
  { network: network('::ffff:0:0:0/96'), offset: 12, inverted: false },
  { network: network('64:ff9b::/96'), offset: 12, inverted: false },
  { network: network('2002::/16'), offset: 2, inverted: false },
  { network: network('2001::/32'), offset: 12, inverted: true },
];

function kindOf(bytes: readonly number[]): AddressKind {
  if (bytes.length === 16) {
    const known = KINDS.find(([, range]) => range.prefix_bits === 128 && within(bytes, range));
    if (known !== undefined) return known[0];
    const inside = carried(bytes);
    if (inside !== null) return kindOf(inside);
  }
  const found = KINDS.find(([, range]) => within(bytes, range));
  if (found !== undefined) return found[0];
  return bytes.length === 4 || within(bytes, GLOBAL_UNICAST) ? 'public' : 'reserved';
}

/** The IPv4 address inside. ISATAP has it in the last four bytes of an address of any network. */
function carried(bytes: readonly number[]): readonly number[] | null {
  const carrier = CARRIERS.find((each) => within(bytes, each.network));
  if (carrier !== undefined) {
    const inside = bytes.slice(carrier.offset, carrier.offset + 4);
    return carrier.inverted ? inside.map((byte) => byte ^ 0xff) : inside;
  }
  const [high = 0, second = 0, third = 0, low = 0] = bytes.slice(8, 12);
  const isIsatap = (high & 0xfd) === 0 && second === 0 && third === 0x5e && low === 0xfe;
  return isIsatap ? bytes.slice(12) : null;
}
