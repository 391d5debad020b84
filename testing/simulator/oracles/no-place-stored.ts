import { PLANTED } from '../../sample-files/index.ts';
import type { Device } from '../device.ts';
import type { Oracle } from './oracle.ts';

const NEEDLES = [PLANTED.latitude, PLANTED.longitude, PLANTED.city];

/** Contract 10.5: where a picture was taken is in nothing that is stored or sent, whatever crashed meanwhile. */
export const noPlaceStored: Oracle = {
  name: 'no stored byte says where a picture was taken',
  atRestart: (_world, device) => onDisk(device),
  atEnd: (world, devices) => [
    ...devices.flatMap(onDisk),
    ...world.store.history
      .filter(({ bytes }) => tellsPlace(bytes))
      .map(({ key }) => `the object ${key} said where it was taken`),
  ],
};

/** Temporary files and the database are among them. */
function onDisk({ name, disk }: Device): readonly string[] {
  return [...disk.contents()]
    .filter(([, bytes]) => tellsPlace(bytes))
    .map(([path]) => `${name}: ${path} says where a picture was taken`);
}

function tellsPlace(bytes: Uint8Array): boolean {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return NEEDLES.some((needle) => found.includes(needle));
}
