import type { CaptureParts } from '../engine/lifecycle/capture.ts';
import { createCommands } from '../engine/lifecycle/commands.ts';
import { mediaIdOf } from '../engine/lifecycle/validate.ts';
import type { Lading } from '../lading.ts';
import type { Lookup } from './lookup.ts';

export type ChangingVerbs = Pick<
  Lading,
  | 'link'
  | 'linkAll'
  | 'remove'
  | 'replace'
  | 'move'
  | 'setPrimary'
  | 'cancel'
  | 'ownerDeleted'
  | 'undo'
>;

/** The verbs that change refs; none is needed before something was captured, or came with sync. */
export function changingVerbs(parts: CaptureParts & Lookup): ChangingVerbs {
  const commands = createCommands(parts);
  return {
    link: async (ref, owner, verb) => commands.link(mediaIdOf(ref), owner, verb),
    linkAll: (links, verb) => commands.linkAll(links, verb),
    remove: async (ref, owner, verb) => commands.remove(mediaIdOf(ref), owner, verb),
    async replace(ref, source, owner, options) {
      const old = mediaIdOf(ref);
      const { mediaId, undo } = await commands.replace(old, source, owner, options);
      return { attachment: parts.attachment(mediaId, owner), undo };
    },
    move: async (ref, owner, position, verb) =>
      commands.move(mediaIdOf(ref), owner, position, verb),
    setPrimary: async (ref, owner, verb) => commands.setPrimary(mediaIdOf(ref), owner, verb),
    cancel: async (ref, verb) => commands.cancel(mediaIdOf(ref), verb),
    ownerDeleted: (owner, verb) => commands.ownerDeleted(owner, verb),
    undo: (token, verb) => commands.undo(token, verb),
  };
}
