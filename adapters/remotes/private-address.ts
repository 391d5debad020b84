import { BlockList, isIP } from 'node:net';

/** Everything that is not the open internet (RFC 6890 and its updates), with what can hide such an address. */
const PRIVATE: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local: the metadata services of clouds
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96], // unspecified, loopback, IPv4-compatible
  ['64:ff9b::', 96], // NAT64: an IPv4 address inside
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23], // Teredo and other protocol assignments
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4: an IPv4 address inside
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** Rules for IPv4 also hold for IPv4-mapped IPv6 addresses (`::ffff:10.0.0.1`): so does Node's BlockList. */
const blocked = new BlockList();
for (const [net, bits] of PRIVATE) {
  blocked.addSubnet(net, bits, net.includes(':') ? 'ipv6' : 'ipv4');
}

/** Whether an IP address leads anywhere but to the open internet; what is no address is not trusted either. */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const version = isIP(plain);
  return version === 0 || blocked.check(plain, version === 6 ? 'ipv6' : 'ipv4');
}
