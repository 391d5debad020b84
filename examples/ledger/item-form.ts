import type { Attachment } from 'lading';
import { type AppParts, type Entity, ownerOf, rowOf } from './entities.ts';
import type { PickedFile } from './gallery.ts';
import { imageSentences, inline, type Outcome } from './inline-errors.ts';

/**
 * The "new item" form. Its photos are safe on the device from the moment they are taken, long before the item exists:
 * drafts, which neither belong to anybody nor upload. Saving links them all and writes the item's row in one commit;
 * discarding cancels them. A form that a crash ended leaves drafts that Lading cleans up after their grace.
 */
export interface ItemForm {
  readonly entity: Entity;
  /** In the order in which they will be in the item. */
  readonly photos: readonly Attachment[];
  addPhotos(files: readonly PickedFile[]): Promise<Outcome<readonly Attachment[]>>;
  removePhoto(id: string): Promise<void>;
  /** Durable on return: the row and all its photos, or nothing. */
  save(name: string): Promise<Outcome<Entity>>;
  discard(): Promise<void>;
}

export function newItemForm(parts: AppParts, projectId: string | null, maxCount: number): ItemForm {
  const { lading, accountId } = parts;
  const entity: Entity = { type: 'item', id: lading.newMediaId(), projectId };
  const owner = ownerOf(accountId, entity, 'images');
  const sentences = imageSentences(maxCount);
  let photos: readonly Attachment[] = [];

  return {
    entity,
    get photos() {
      return photos;
    },
    addPhotos: (files) =>
      inline(sentences, async () => {
        const added = await lading.captureAll(files, { owner, draft: true });
        photos = [...photos, ...added];
        return added;
      }),
    async removePhoto(id) {
      await lading.cancel(id);
      photos = photos.filter((photo) => photo.id !== id);
    },
    save: (name) =>
      inline(sentences, async () => {
        await lading.linkAll(
          photos.map(({ id }) => ({ ref: id, owner })),
          { inTransaction: [rowOf(accountId, entity, name)] },
        );
        photos = [];
        return entity;
      }),
    async discard() {
      for (const { id } of photos) await lading.cancel(id);
      photos = [];
    },
  };
}
