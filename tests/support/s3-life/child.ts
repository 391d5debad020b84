/** The app that is killed: `node child.ts <LifeOptions and the path of a file, as JSON>`; prints what it captured. */
import { fileSource } from '../../../adapters/blobs/directory.ts';
import { openLading } from '../../../open-lading.ts';
import { appOptions, type LifeOptions, OWNER } from './options.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as LifeOptions & { readonly path: string };
process.on('disconnect', () => process.exit()); // whoever started it is gone
const lading = await openLading(appOptions(options));
const { ref } = await lading.capture(fileSource(options.path), { owner: OWNER, kind: 'pdf' });
process.stdout.write(`${JSON.stringify(ref)}\n`);
