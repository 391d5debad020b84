import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that nobody vouches for: an X.509 structure of the least that TLS takes, signed with Ed25519 (RFC 8410). */
export function selfSigned(host: string, days = 365): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const name = sequence(set(sequence(COMMON_NAME, utf8(host))));
  const now = Date.now();
  const toBeSigned = sequence(
    integer(1),
    ED25519,
    name,
    sequence(utcTime(now - 86_400_000), utcTime(now + days * 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign(null, toBeSigned, privateKey);
  const certificate = sequence(toBeSigned, ED25519, bits(signature));
  return { cert: pem('CERTIFICATE', certificate), key: keyPem(privateKey) };
}

const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ED25519 = sequence(Buffer.from('06032b6570', 'hex'));

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { byteLength } = body;
  const length =
    byteLength < 128
      ? [byteLength]
      : byteLength < 256
        ? [0x81, byteLength]
        : [0x82, byteLength >> 8, byteLength & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

function set(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x31, ...parts);
}

function integer(value: number): Buffer {
  return tagged(0x02, Buffer.from([value]));
}

function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text));
}

function bits(bytes: Uint8Array): Buffer {
  return tagged(0x03, Buffer.from([0]), bytes);
}

/** `YYMMDDHHMMSSZ` */
function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}
