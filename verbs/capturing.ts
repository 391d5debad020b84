import { type CaptureParts, captureAll } from '../engine/lifecycle/capture.ts';
import { requireOptions } from '../engine/lifecycle/validate.ts';
import type { Lading } from '../lading.ts';
import type { MediaId } from '../machines/attachment/types.ts';
import type { Lookup } from './lookup.ts';

export type CapturingVerbs = Pick<Lading, 'capture' | 'captureAll'>;

/** The verbs that bring new files in: loaded with the first one. */
export function capturingVerbs(parts: CaptureParts & Lookup): CapturingVerbs {
  const { attachment } = parts;
  return {
    async capture(source, captureOptions) {
      const { kind, id, filename, ...options } = requireOptions('options', captureOptions);
      const file = {
        source,
        kind,
        ...(id === undefined ? {} : { id }),
        ...(filename === undefined ? {} : { filename }),
      };
      const [mediaId] = (await captureAll(parts, [file], options)) as readonly [MediaId];
      return attachment(mediaId, options.owner);
    },
    async captureAll(files, options) {
      const ids = await captureAll(parts, files, requireOptions('options', options));
      return ids.map((mediaId) => attachment(mediaId, options.owner));
    },
  };
}
