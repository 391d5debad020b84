/** Uploads one file, and prints the most memory that it was seen to hold: `node child.ts FOLDER FILE KIND PLACE`. */
import { stat } from 'node:fs/promises';
import { sendByLading } from './engine.ts';
import { subjectOf } from './subjects.ts';

const [folder = '', path = '', kind = '', place = ''] = process.argv.slice(2);
const { size } = await stat(path);
const remote = subjectOf(kind, place).remote(`memory-${size}`);
// The system's own maximum would begin with what the parent held when it started this process.
let most = 0;
const looking = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 5);
await sendByLading(folder, remote, { paths: [path], sizeBytes: size, totalBytes: size }, 1);
clearInterval(looking);
process.stdout.write(String(most));
