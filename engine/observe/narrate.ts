import { factsOf } from '../../machines/attachment/facts.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { StorageLevel } from '../guardrails/thresholds.ts';
import type { Change } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import type { GateKeeper } from '../lifecycle/gates.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import { asCode, codeOf, hasGivenUp } from './outcomes.ts';

/** What is told of every step; the rest tells more, or nothing. Ids, codes and numbers only (contract 10.4). */
const PLAIN: Readonly<Record<string, readonly ['debug' | 'info', string]>> = {
  'attachment.created': ['debug', 'an attachment was created'],
  'upload.started': ['debug', 'an upload was started'],
  'upload.interrupted': ['info', 'an upload was interrupted'],
  'retry.requested': ['debug', 'a retry was asked for'],
  cancelled: ['debug', 'an attachment was cancelled'],
  'remote.missing': ['info', 'the remote does not have an object'],
  'bytes.missing': ['info', 'bytes of an attachment are missing'],
};

/** Tells the logger what is committed: for support staff. Only loaded when there is a logger. */
export function narrate(parts: {
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'countJobs' | 'usage'>;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly guardrails: Pick<Guardrails, 'watch'>;
  readonly logger: Logger;
}): void {
  const { host, events, tables, accountId, gates, guardrails, logger } = parts;
  const found = events.read((tx) => tables.countJobs(tx, accountId));
  logger.info('Lading is open', { runner: host.runner });
  if (Object.keys(found).length > 0) {
    logger.info('an earlier run left work, which is taken up', { jobs: found });
  }
  host.subscribe((changes) => {
    for (const change of changes) if (change.machine === ATTACHMENT) tell(logger, change);
  });
  let shown = JSON.stringify(gates.current());
  gates.subscribe(() => {
    const { online, paused } = gates.current();
    const next = JSON.stringify(gates.current());
    if (next !== shown) logger.info('the gates of uploads changed', { online, paused });
    shown = next;
  });
  let isResting = false;
  gates.onTraffic(() => {
    const { breakerOpen = false, breakerUntil: until = null } = gates.current();
    if (breakerOpen && !isResting) logger.warn('the remote is left alone for a while', { until });
    if (!breakerOpen && isResting) logger.info('the remote answers again', {});
    isResting = breakerOpen;
  });
  let level: StorageLevel | undefined;
  guardrails.watch((view) => {
    if (view.level === level) return;
    const isFull = view.level === 'warning' || view.level === 'critical';
    const details = { level: view.level, usedBytes: view.usedBytes, ...view.space };
    if (isFull) logger.warn('storage runs short', details);
    else if (level !== undefined) logger.info('storage has room again', details);
    level = view.level;
  });
}

function tell(logger: Logger, change: Change): void {
  const { stream: mediaId, event, after } = change;
  const plain = PLAIN[event.type];
  if (plain !== undefined) logger[plain[0]](plain[1], { mediaId, version: change.version });
  if (event.type === 'upload.succeeded') {
    logger.info('an upload is complete', {
      mediaId,
      bytes: contextOf(after.context).media.byteSize,
    });
  }
  const code = codeOf(event);
  if (code !== null && event.type !== 'backend.refused') {
    const { attempts, situation, until } = factsOf(after.value, after.context);
    logger.warn('an attempt failed', { mediaId, code, attempts, situation, until });
  } else if (event.type.endsWith('.failed') || event.type.endsWith('.crashed')) {
    const { service = null, output, error } = event.payload;
    const failure = (output ?? error) as { readonly code?: unknown } | null | undefined;
    logger.warn('a service failed', { mediaId, service, code: asCode(failure?.code) });
  }
  if (hasGivenUp(change)) {
    const { error } = factsOf(after.value, after.context);
    logger.error('an upload failed and waits for somebody', {
      mediaId,
      code: asCode(error?.code),
      retryable: error?.retryable ?? false,
    });
  }
}
