import { LadingError } from 'lading';

/** What a screen shows beside a slot: never a toast that is gone, never a crash. */
export interface InlineError {
  /** Lading's code: stable, for tests and for other languages. */
  readonly code: string;
  readonly text: string;
  /** The file that it is about, to show; null when it is about all of them. */
  readonly filename: string | null;
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: InlineError };

/** How a slot says what it does not take. What it takes is said once, in its field. */
export interface SlotSentences {
  readonly invalid: string;
  readonly full: string;
}

const MB = 'under 10MB';

export const imageSentences = (maxCount: number): SlotSentences => ({
  invalid: `Invalid image file. Please upload a valid image (JPEG, PNG, GIF, WebP, HEIC/HEIF) ${MB}.`,
  // Never "additional images were skipped": a batch that does not fit is refused as a whole.
  full: `Maximum ${maxCount} ${maxCount === 1 ? 'image' : 'images'} allowed. Nothing was added.`,
});

export const receiptSentences = (maxCount: number): SlotSentences => ({
  invalid: `Invalid receipt attachment. Please upload a PDF or image ${MB}.`,
  full: `Maximum ${maxCount} receipts allowed. Nothing was added.`,
});

export const invoiceSentences: SlotSentences = {
  invalid: `Invalid invoice. Please choose a PDF ${MB}.`,
  full: 'One invoice at a time. Nothing was added.',
};

/** Codes whose sentence depends on the slot. All others say it themselves (`error.message`). */
const INVALID: ReadonlySet<string> = new Set([
  'wrong_kind',
  'wrong_content_type',
  'image_unreadable',
]);

/** Runs a use case; what was refused comes back as the sentence to show, a bug is thrown on. */
export async function inline<T>(
  sentences: SlotSentences,
  run: () => Promise<T>,
): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    const { code, message, details } = error;
    const { filename } = details;
    return {
      ok: false,
      error: {
        code,
        text: INVALID.has(code)
          ? sentences.invalid
          : code === 'too_many'
            ? sentences.full
            : message,
        filename: typeof filename === 'string' ? filename : null,
      },
    };
  }
}
