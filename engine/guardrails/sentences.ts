import { LadingError } from '../../ports/errors.ts';

/**
 * Every sentence that the engine has for the user, with its default (contract 7.4). `{name}` is filled in. A key that
 * is a code of `LadingError` is the message of that error. What storage guardrails say, and from when, is told on
 * their page and nowhere else: docs/spec/storage_guardrails.md.
 */
const DEFAULTS = {
  storage_full: 'Not enough storage space. Please delete some media files first.',
  storage_nearly_full: 'Storage quota nearly full (90%+). Please free up space before uploading.',
  /** `{max}`: the field's own limit. */
  file_too_large: 'File too large. Maximum size is {max}.',
  /** `{max}`: the field's maximum count. A batch is taken whole or not at all. */
  too_many: 'Maximum {max} files allowed. Nothing was added.',
  too_many_images: 'Maximum {max} images allowed. Nothing was added.',
  /** `{types}`: what the field takes. `{max}`: its maximum size. */
  wrong_content_type: 'Invalid file. Please upload {types} under {max}.',
  invalid_image: 'Invalid image file. Please upload a valid image ({types}) under {max}.',
  /** `{width}` and `{height}` of the picture, in pixels. */
  image_too_large: 'Image too large ({width} × {height} pixels). Please choose a smaller one.',
  location_not_removable:
    'The location stored in this photo could not be removed, so it was not added. Please choose another one, or export it again without its location.',
  /** The banner's titles, by level. */
  banner_warning: 'Storage usage high',
  banner_critical: 'Storage nearly full',
  /** `{used}` and `{total}`: sizes. `{percent}`: a whole number. */
  banner_line: 'Using {used} of {total} ({percent}%)',
  /** What the banner adds at `critical`. */
  banner_critical_more: 'Please delete some media files or free up space before uploading more.',
} as const;

export type SentenceKey = keyof typeof DEFAULTS;

/**
 * What an app may say in its own words and language: each sentence by its key, and what a failed upload shows by the
 * code of the fault, or by its class where a code has no sentence.
 *
 * @example
 * ```ts
 * const sentences: Partial<Sentences> = {
 *   file_too_large: 'Die Datei ist zu groß. Erlaubt sind {max}.',
 *   faults: { too_large: 'Der Server nimmt so große Dateien nicht an.', auth: 'Bitte neu anmelden.' },
 * }
 * ```
 */
export type Sentences = { readonly [Key in SentenceKey]: string } & {
  readonly faults: Readonly<Record<string, string>>;
};

/** The sentence of a key, with its values filled in. */
export type Say = (key: SentenceKey, values?: Readonly<Record<string, string | number>>) => string;

/** The defaults in English. */
export const say: Say = (key, values) => filled(DEFAULTS[key], values);

/**
 * The app's sentences before the defaults.
 * @throws {LadingError} `invalid_option` for a key that no sentence has, and a sentence that is no text.
 */
export function translated(sentences: Partial<Sentences> = {}): Say {
  const { faults = {}, ...own } = sentences;
  for (const key of Object.keys(own)) {
    if (!Object.hasOwn(DEFAULTS, key)) throw refused(key, 'is no sentence');
  }
  for (const [key, text] of [...Object.entries(own), ...Object.entries(faults)]) {
    if (typeof text !== 'string' && text !== undefined) throw refused(key, 'must be text');
  }
  return (key, values) => filled(own[key] ?? DEFAULTS[key], values);
}

/** What has no value stays as it is: a wrong name is seen. */
function filled(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text.replaceAll(/\{(\w+)\}/g, (place, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : place,
  );
}

function refused(key: string, what: string): LadingError {
  return new LadingError('invalid_option', `sentences.${key} ${what}.`, { details: { key } });
}
