import type { AttachmentContext } from './context.ts';
import type { AttachmentEvent } from './events.ts';

/** What counts against an attachment until its next success or retry. */
export type Blame = Pick<AttachmentContext, 'attempts' | 'authStrikes' | 'firstFailedAt'>;

export const noBlame: Blame = { attempts: 0, authStrikes: 0, firstFailedAt: null };

/** What counted before this event: nothing where its upload came further than ever, and only then broke (field case 37). */
export function blameOf(context: AttachmentContext, event: AttachmentEvent): Blame {
  const { attempts, authStrikes, firstFailedAt } =
    'output' in event && 'moved' in event.output ? noBlame : context;
  return { attempts, authStrikes, firstFailedAt };
}
