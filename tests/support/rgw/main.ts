/** `npm run radosgw`: an S3 server on this machine until it is stopped, `-- --osds 3 --replicas 2` for a larger one. */
import { parseArgs } from 'node:util';
import { startRgw } from './cluster.ts';
import { missingPrograms } from './programs.ts';
import { HOW_TO_INSTALL } from './words.ts';

const { values } = parseArgs({
  options: { osds: { type: 'string' }, replicas: { type: 'string' } },
});
if (missingPrograms().length > 0) {
  console.error(`radosgw is not installed here. ${HOW_TO_INSTALL}`);
  process.exit(1);
}
const osds = Number(values.osds ?? 1);
const cluster = await startRgw({ osds, replicas: Number(values.replicas ?? Math.min(osds, 2)) });
const { accessKeyId, secretAccessKey } = cluster.credentials;
console.log(
  `${cluster.endpoint} region ${cluster.region} key ${accessKeyId} secret ${secretAccessKey}`,
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cluster.stop().then(() => process.exit()));
}
