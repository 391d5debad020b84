import { bytesSource, type Logger, type Owner } from 'lading';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../ports/logger.ts';
import { captureMany, owner, pictureBytes, type World, world } from '../support/lading-world.ts';

const CANARY = 'canary-7f3a';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

function recorder(): Logger & { readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const log =
    (level: string) =>
    (message: string, details = {}): void =>
      void lines.push({ level, message, details });
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), lines };
}

function said(lines: readonly Line[], ...levels: readonly string[]): readonly string[] {
  return lines.filter(({ level }) => levels.includes(level)).map(({ message }) => message);
}

const policy = { maxAttempts: 2 };
const fields = { 'item.images': { kinds: ['image'], policy } } as const;

function troubled(): World {
  return world({
    fields,
    resumableAboveBytes: 4,
    script: ({ operation }) =>
      operation === 'upload'
        ? {
            afterBytes: 6,
            fault: {
              ok: false,
              class: 'retryable',
              code: 'http_503',
              message: `https://u:${CANARY}@files.example/x?token=${CANARY} Bearer ${CANARY}`,
            },
          }
        : undefined,
  });
}

describe('what the logger is told', () => {
  it('tells once that the remote is left alone, until when, and that it answers again', async () => {
    const logger = recorder();
    const state = { isDown: true };
    const down = { ok: false, class: 'retryable', code: 'http_503' } as const;
    const phone = world({ script: () => (state.isDown ? { fault: down } : undefined) });
    const lading = await phone.open({ logger });
    await captureMany(phone, lading, 12);
    await phone.pass(60_000);
    state.isDown = false;
    await phone.pass(120_000);
    const told = logger.lines.filter(({ message }) => message.startsWith('the remote'));
    expect(told.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn the remote is left alone for a while',
      'info the remote answers again',
    ]);
    expect(told[0]?.details['until']).toBeGreaterThan(0);
  });

  it('tells an upload that fails, with code and attempts, and the end of trying', async () => {
    const logger = recorder();
    const phone = troubled();
    const lading = await phone.open({ logger });
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(120_000);
    const failed = logger.lines.filter(({ message }) => message === 'an attempt failed');
    expect(failed.map(({ level, details }) => [level, details])).toMatchObject([
      ['warn', { mediaId: id, code: 'http_503', attempts: 1, situation: 'waiting' }],
      ['warn', { mediaId: id, code: 'http_503', attempts: 2, situation: 'failed' }],
    ]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      {
        message: 'an upload failed and waits for somebody',
        details: { mediaId: id, code: 'http_503', retryable: true },
      },
    ]);
  });

  it('tells what an earlier run left, and the work that it takes over from one that is gone', async () => {
    const phone = world({ script: () => ({ after: new Promise(() => {}) }) });
    const first = await phone.open();
    await captureMany(phone, first, 2);
    await phone.pass();
    phone.kill();
    const logger = recorder();
    const second = await phone.open({ logger, runner: { leaseMs: 15_000, isGone: () => true } });
    await phone.pass();
    expect(said(logger.lines, 'info', 'warn', 'error')).toEqual([
      'runners are gone: their work is taken over',
      'Lading is open',
      'an earlier run left work, which is taken up',
    ]);
    expect(logger.lines[0]?.details['runners']).toHaveLength(1);
    expect(logger.lines[2]?.details).toEqual({ jobs: { uploading: 2 } });
    expect(second.metrics().process.uploadsUnderWay).toBe(2);
  });

  it('tells when storage runs short, and when it has room again', async () => {
    const phone = world({ online: false });
    const logger = recorder();
    const size = pictureBytes('picture 0').byteLength;
    const lading = await phone.open({ logger, storageBudgetBytes: Math.floor((2 * size) / 0.85) });
    const [id = ''] = await captureMany(phone, lading, 2);
    await phone.pass(60_000);
    await phone.until(lading.cancel(id));
    await phone.pass(60_000);
    const lines = logger.lines.filter(({ message }) => message.startsWith('storage'));
    expect(lines).toMatchObject([
      {
        level: 'warn',
        message: 'storage runs short',
        details: { level: 'warning', usedBytes: 2 * size },
      },
      { level: 'info', message: 'storage has room again', details: { usedBytes: size } },
    ]);
  });

  it('tells nothing to a logger that was not given, and stays quiet when all goes well', async () => {
    const phone = world();
    const logger = recorder();
    const lading = await phone.open({ logger });
    await captureMany(phone, lading, 1);
    await phone.until(lading.settled());
    await phone.until(lading.close());
    expect(said(logger.lines, 'warn', 'error')).toEqual([]);
    expect(said(logger.lines, 'debug', 'info')).toEqual([
      'Lading is open',
      'an attachment was created',
      'an upload was started',
      'an upload is complete',
    ]);
    expect(silentLogger.info('nothing')).toBeUndefined();
  });

  it('tells no name, address, capability or hash of any attachment, whatever goes wrong (contract 10.4)', async () => {
    const logger = recorder();
    const phone = troubled();
    const lading = await phone.open({ logger });
    const mine: Owner = owner('item.images', `item ${CANARY}@mail.example`);
    const source = bytesSource(pictureBytes('a picture to be seen'), {
      filename: `${CANARY}.jpg`,
      contentType: 'image/jpeg',
    });
    const photo = await phone.until(lading.capture(source, { owner: mine, kind: 'image' }));
    lading.watch(photo.id, () => {
      throw new Error(`cannot show https://files.example/?token=${CANARY}`);
    });
    await phone.pass(120_000);
    phone.net.set({ online: false });
    await phone.until(lading.cancel(photo.id));
    await phone.pass(60_000);
    const text = JSON.stringify(logger.lines, (_name, value: unknown) =>
      value instanceof Error ? `${value.message} ${String(value.stack)}` : value,
    );
    const history = JSON.stringify(lading.history(photo.id));
    const secrets = [CANARY, ...history.matchAll(/"(?:handle|blobKey|sha256)":"([^"]+)"/g)].map(
      (found) => (typeof found === 'string' ? found : (found[1] ?? '')),
    );
    expect(logger.lines.length).toBeGreaterThan(5);
    expect(secrets.length).toBeGreaterThan(3);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });
});
