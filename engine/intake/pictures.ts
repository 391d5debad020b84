import { walkGif } from './gif.ts';
import { applyHeif, planHeif } from './heif.ts';
import { walkJpeg } from './jpeg.ts';
import { walkPng } from './png.ts';
import type { Reader } from './reader.ts';
import type { Found, Walk } from './walk.ts';
import { walkWebp } from './webp.ts';

/** How the pictures of one type are read and given again without their location. */
export interface Picture {
  /** Reads it to its end; @returns how it is given again. */
  read(reader: Reader, found: Found): Promise<(again: Reader) => AsyncGenerator<Uint8Array>>;
}

/** Undefined for types that nobody here can look into. */
export function pictureOf(contentType: string): Picture | undefined {
  return PICTURES[contentType];
}

const HEIF: Picture = {
  async read(reader, found) {
    const plan = await planHeif(reader, found);
    return (again) => applyHeif(again, plan);
  },
};

const PICTURES: Readonly<Record<string, Picture>> = {
  'image/jpeg': walked(walkJpeg),
  'image/png': walked(walkPng),
  'image/gif': walked(walkGif),
  'image/webp': walked(walkWebp),
  'image/heic': HEIF,
  'image/heif': HEIF,
  'image/avif': HEIF,
  'image/heic-sequence': HEIF,
  'image/heif-sequence': HEIF,
};

/** One walk serves for both readings: the first throws away what it gives. */
function walked(walk: Walk): Picture {
  return {
    async read(reader, found) {
      const pieces = walk(reader, found);
      while ((await pieces.next()).done !== true);
      return (again) => walk(again, { dimensions() {}, stuck() {} });
    },
  };
}
