/**
 * Draws the attachment machine into `bin/graph/attachment.svg`, which the package and the documents show.
 * Usage: `npm run graph`
 */
import { writeFileSync } from 'node:fs';
import { drawAttachment } from './draw.ts';

writeFileSync(new URL('../../bin/graph/attachment.svg', import.meta.url), await drawAttachment());
