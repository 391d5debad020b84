/** The three kinds of Swift's servers; each node has one of each. */
export const KINDS = ['account', 'container', 'object'] as const;
export type Kind = (typeof KINDS)[number];

export interface NodeConfig {
  readonly kind: Kind;
  readonly rings: string;
  readonly devices: string;
  readonly port: number;
}

export function nodeConf({ kind, rings, devices, port }: NodeConfig): string {
  return `[DEFAULT]
swift_dir = ${rings}
devices = ${devices}
mount_check = false
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${user()}
log_level = ERROR
disable_fallocate = true
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;
}

export interface ProxyConfig {
  readonly rings: string;
  readonly port: number;
  readonly memcachePort: number;
  /** `account:user`, and the secret. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export function proxyConf(config: ProxyConfig): string {
  const { rings, port, memcachePort, accessKeyId, secretAccessKey } = config;
  const filters = FILTERS.map((name) => `[filter:${name}]\nuse = egg:swift#${name}`).join('\n');
  return `[DEFAULT]
swift_dir = ${rings}
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${user()}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
${filters}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcachePort}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_${accessKeyId.replace(':', '_')} = ${secretAccessKey} .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
`;
}

const FILTERS = [
  'catch_errors',
  'gatekeeper',
  'healthcheck',
  'listing_formats',
  'bulk',
  'copy',
  'slo',
  'dlo',
  'symlink',
];

function user(): string {
  return process.getuid?.() === 0 ? 'root' : (process.env['USER'] ?? 'swift');
}
