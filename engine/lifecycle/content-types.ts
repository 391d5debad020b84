import type { AttachmentKind } from '../../machines/attachment/types.ts';

/** Images that a field takes by default: those whose dimensions and location can be found without decoding them. */
export const IMAGE_TYPES: readonly string[] = [
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'image/heic',
  'image/heif',
  'image/avif',
];

const DEFAULTS: Readonly<Record<AttachmentKind, readonly string[]>> = {
  image: IMAGE_TYPES,
  pdf: ['application/pdf'],
  file: ['*/*'],
  video: ['video/*'],
  audio: ['audio/*'],
};

/** All kinds there are. */
export const KINDS: readonly string[] = Object.keys(DEFAULTS);

/** What a browser would run, or a double click: taken only where a field names the exact type (contract 10.2). */
const ACTIVE: ReadonlySet<string> = new Set([
  'image/svg+xml',
  'text/html',
  'application/xhtml+xml',
  'text/javascript',
  'text/x-shellscript',
  'application/x-executable',
  'application/x-msdownload',
  'application/x-elf',
  'application/x-mach-binary',
  'application/x-ms-shortcut',
  'application/x-msi',
  'application/x-ms-regedit',
  'application/x-google-chrome-extension',
  'application/x-xpinstall',
  'application/x-shockwave-flash',
  'application/x-apple-diskimage',
  'application/x-deb',
  'application/x-rpm',
  'application/vnd.android.package-archive',
  'application/vnd.ms-htmlhelp',
  'application/java-archive',
  'application/java-vm',
  'application/wasm',
]);

/** Whether a file of this kind can have the media type, or one of the range. */
export function canBe(kind: AttachmentKind, type: string): boolean {
  if (kind === 'file' || type === '*/*') return true;
  return kind === 'pdf' ? type === 'application/pdf' : type.startsWith(`${kind}/`);
}

/** Whether bytes of this type may be captured as `kind` (contract 3.1). */
export function takes(
  contentTypes: readonly string[] | undefined,
  kind: AttachmentKind,
  type: string,
): boolean {
  const ranges = contentTypes ?? DEFAULTS[kind];
  if (!canBe(kind, type)) return false;
  return ACTIVE.has(type) ? ranges.includes(type) : ranges.some((range) => isWithin(type, range));
}

/** The types of a kind in a field, for a sentence. */
export function typesFor(
  contentTypes: readonly string[] | undefined,
  kind: AttachmentKind,
): readonly string[] {
  return (contentTypes ?? DEFAULTS[kind]).filter((type) => canBe(kind, type));
}

function isWithin(type: string, range: string): boolean {
  return (
    range === '*/*' ||
    range === type ||
    (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))
  );
}
