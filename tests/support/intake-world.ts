import { inspect } from '../../engine/intake/index.ts';
import { createFieldRegistry, type FieldSpec } from '../../engine/lifecycle/fields.ts';
import type { AttachmentKind } from '../../machines/attachment/types.ts';

export interface IntakeOptions {
  readonly kind?: AttachmentKind;
  readonly contentType?: string;
  readonly filename?: string;
  /** The size of the pieces that the source gives. Default everything at once. */
  readonly pieceBytes?: number;
  /** What the second reading gives instead. */
  readonly again?: Uint8Array;
}

/** Brings bytes through the intake of a field, as a capture does; what would be stored, and as what. */
export async function intake(
  bytes: Uint8Array,
  spec: Partial<FieldSpec> = {},
  options: IntakeOptions = {},
): Promise<{ readonly contentType: string; readonly bytes: Uint8Array }> {
  const { kind = 'image', contentType = 'image/jpeg', filename = null, pieceBytes } = options;
  const registry = createFieldRegistry({ 'item.images': { kinds: [kind], ...spec } });
  const field = registry.get({ entityType: 'item', field: 'images' });
  const open = () => pieces(bytes, pieceBytes);
  const inspected = await inspect({ kind, contentType, filename, open }, field);
  const again = pieces(options.again ?? bytes, pieceBytes);
  const kept: Uint8Array[] = [];
  for await (const piece of inspected.stored(again)) kept.push(piece);
  return { contentType: inspected.contentType, bytes: Buffer.concat(kept) };
}

/** Copies, as a source gives them: what changes them must not change the file. */
async function* pieces(
  bytes: Uint8Array,
  pieceBytes = bytes.byteLength,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    yield bytes.slice(at, at + pieceBytes);
  }
}

export function holds(bytes: Uint8Array, needle: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(needle));
}
