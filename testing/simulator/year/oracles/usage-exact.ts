import type { Device } from '../../device.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { blobsOf } from '../../rows.ts';
import { cachedFiles } from '../evictable.ts';

/** Contract 7.1: what the device says it uses is what lies there. */
export const usageExact: Oracle = {
  name: 'usage is the sum of the files on the disk',
  atEnd: (_world, devices) => devices.flatMap(differences),
};

function differences(device: Device): readonly string[] {
  const files = [...blobsOf(device).values()];
  const bytes = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const evictable = cachedFiles(device).reduce((sum, { byteSize }) => sum + byteSize, 0);
  const said = device.sql?.get(
    `SELECT coalesce(sum(bytes), 0) AS bytes, coalesce(sum(blobs), 0) AS blobs,
       coalesce(sum(evictable_bytes), 0) AS evictable FROM lading_usage`,
  );
  const there = `${bytes} bytes in ${files.length} files, of which ${evictable} could go`;
  const found = `${Number(said?.['bytes'])} bytes in ${Number(said?.['blobs'])} files, of which ${Number(said?.['evictable'])} could go`;
  return found === there ? [] : [`${device.name}: usage says ${found}; there are ${there}`];
}
