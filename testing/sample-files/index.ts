/**
 * Sound small files of every type that a field takes, made of code: with or without a planted location, a colour
 * profile and an orientation. For tests of intakes, and for captures that only need some picture.
 */
export { joined, text, uint } from './bytes.ts';
export { sampleHeif } from './heif.ts';
export { type ExifOptions, PLANTED, plantedNeedles, xmp } from './metadata.ts';
export {
  sampleGif,
  sampleJpeg,
  samplePdf,
  samplePng,
  sampleWebp,
} from './pictures.ts';
