import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import type { Inspect } from '../../ports/inspect.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';
import type { Change } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';

/** What is on its way is shown at once when Lading opens, so many of each situation; all else when it changes. */
const AT_START: readonly JobSituation[] = [
  'uploading',
  'attaching',
  'queued',
  'held',
  'unmetered',
  'waiting',
  'awaitingCredentials',
  'failed',
];
const EACH = 50;
const MOST_KNOWN = 10_000;

/**
 * Feeds an inspector with what is committed. Trouble of the inspector's never reaches the engine.
 * @returns what closes the inspector.
 */
export function feedInspector(parts: {
  readonly inspect: Inspect;
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'jobs'>;
  readonly accountId: string;
  readonly logger: Logger;
}): () => void {
  const { host, events, tables, accountId, logger } = parts;
  const known = new Set<string>();
  let isTold = false;

  /** Told once: an inspector that is broken would fill the log. */
  const once: Pick<Logger, 'error'> = {
    error(_message, details) {
      if (!isTold) logger.warn('the inspector threw; nothing more is said about it', details);
      isTold = true;
    },
  };
  const guarded = (tell: () => unknown): void => safely(once, 'once', tell);
  const inspect: Inspect = {
    actor: (...args) => guarded(() => parts.inspect.actor(...args)),
    event: (...args) => guarded(() => parts.inspect.event(...args)),
    snapshot: (...args) => guarded(() => parts.inspect.snapshot(...args)),
    close: () => guarded(() => parts.inspect.close?.()),
  };

  function introduce(id: string, state: Change['after']): void {
    if (known.has(id)) return;
    if (known.size >= MOST_KNOWN) known.clear(); // introduced anew when they change
    known.add(id);
    const definition: unknown = attachmentMachine.config;
    inspect.actor({ id, machine: ATTACHMENT, definition }, state);
  }

  function show({ stream, version, event, before, after }: Change): void {
    introduce(stream, before ?? after);
    const { type, at, payload } = event;
    const shown = { type, version, at, payload };
    inspect.event(stream, shown);
    inspect.snapshot(stream, after, shown);
    if (after.status === 'done') known.delete(stream);
  }

  host.subscribe((changes) => {
    for (const change of changes) {
      if (change.machine === ATTACHMENT) show(change);
    }
  });
  const begun: readonly MediaId[] = events.read((tx) =>
    AT_START.flatMap((situation) => tables.jobs(tx, accountId, situation, EACH)),
  );
  for (const mediaId of begun) {
    const stream: StreamId = asStream(mediaId);
    guarded(() => {
      const state = host.state(stream);
      if (state !== undefined) introduce(stream, state);
    });
  }
  return () => inspect.close?.();
}
