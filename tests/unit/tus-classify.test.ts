import { classifyTus, LONGEST_RETRY_AFTER_MS, type TusPhase } from 'lading/remotes/tus';
import { describe, expect, it } from 'vitest';

const TUS = { 'Tus-Resumable': '1.0.0' };
const PHASES: readonly TusPhase[] = ['create', 'head', 'patch', 'delete', 'get'];

const verdict = (phase: TusPhase, status: number, headers: Record<string, string> = TUS) => {
  const fault = classifyTus(phase, status, new Headers(headers));
  return fault === null ? 'ok' : `${fault.class} ${fault.code}`;
};

describe('what an answer of a tus server means (contract 4.4, field cases 25 and 39)', () => {
  // One row a status: create, head, patch, delete, get.
  const table: readonly (readonly [number, ...string[]])[] = [
    [200, 'ok', 'ok', 'ok', 'ok', 'ok'],
    [201, 'ok', 'ok', 'ok', 'ok', 'ok'],
    [204, 'ok', 'ok', 'ok', 'ok', 'ok'],
    [301, ...all('terminal redirect_refused')],
    [307, ...all('terminal redirect_refused')],
    [400, ...all('terminal bad_request')],
    [401, ...all('auth unauthorized')],
    [402, ...all('terminal http_402')],
    [403, ...all('terminal forbidden')],
    [404, 'terminal endpoint_missing', ...lost(), 'ok', 'absent remote_missing'],
    [408, ...all('retryable request_timeout')],
    [409, 'terminal conflict', 'retryable conflict', 'retryable offset_conflict', ...rest()],
    [410, 'terminal endpoint_missing', ...lost(), 'ok', 'absent remote_missing'],
    [412, ...all('terminal protocol_version_refused')],
    [413, ...all('terminal too_large')],
    [415, ...all('terminal unsupported_type')],
    [422, ...all('terminal unprocessable')],
    [423, ...all('retryable locked')],
    [425, ...all('retryable too_early')],
    [429, ...all('retryable too_many_requests')],
    [460, ...all('terminal checksum_refused')],
    [500, ...all('retryable server_error')],
    [502, ...all('retryable server_error')],
    [503, ...all('retryable server_error')],
    [504, ...all('retryable server_error')],
    [507, ...all('retryable remote_full')],
    [511, ...all('retryable not_the_remote')],
  ];

  const rows = table.map(([status, ...expected]) => [status, expected] as const);
  it.each(rows)('%i means to create, head, patch, delete and get: %j', (status, expected) => {
    expect(PHASES.map((phase) => verdict(phase, status))).toEqual(expected);
  });

  it.each([200, 201, 204, 302, 307])(
    'takes %i without Tus-Resumable for something in between (field case 36)',
    (status) => {
      for (const phase of ['create', 'head', 'patch', 'delete'] as const) {
        expect(verdict(phase, status, {})).toBe('retryable not_the_remote');
        const html = { 'Content-Type': 'text/html' };
        expect(verdict(phase, status, html)).toBe('retryable not_the_remote');
      }
    },
  );

  it('takes an HTML page in place of a refusal for something in between, where proxies do not mean it', () => {
    const page = { 'Content-Type': 'text/html; charset=utf-8' };
    for (const status of [403, 404, 405, 410, 451]) {
      expect(verdict('create', status, page)).toBe('retryable not_the_remote');
      expect(verdict('delete', status, page)).toBe('retryable not_the_remote');
    }
    expect(verdict('patch', 413, page)).toBe('terminal too_large');
    expect(verdict('head', 401, page)).toBe('auth unauthorized');
    expect(verdict('get', 404, page)).toBe('absent remote_missing');
  });

  it('takes the 400 of a PATCH whose lock another request wanted for an interruption', () => {
    const body = 'Request aborted due to lock acquired';
    expect(classifyTus('patch', 400, new Headers(TUS), { body })).toMatchObject({
      class: 'retryable',
      code: 'interrupted',
    });
  });

  it('never puts a header or a body into its message (contract 10.4)', () => {
    const fault = classifyTus('patch', 500, new Headers({ Location: 'https://x/CANARY' }), {
      body: 'CANARY',
    });
    expect(JSON.stringify(fault)).not.toContain('CANARY');
  });
});

describe('Retry-After (contract 4.4, field case 29)', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const wait = (value: string, more: Record<string, string> = {}, status = 503) =>
    classifyTus('patch', status, new Headers({ ...TUS, ...more, 'Retry-After': value }), { nowMs })
      ?.retryAfterMs;

  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:05:00 GMT', 300_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['86401', LONGEST_RETRY_AFTER_MS],
    ['99999999999999999999', LONGEST_RETRY_AFTER_MS],
    ['Fri, 01 Jan 2100 00:00:00 GMT', LONGEST_RETRY_AFTER_MS],
  ])('%s asks for %i ms', (value, expected) => {
    expect(wait(value)).toBe(expected);
  });

  it.each(['', 'soon', '-5', '1.5', '12abc'])('%j asks for nothing', (value) => {
    expect(wait(value)).toBeUndefined();
  });

  it('measures a date by the clock of the server that wrote it (field case 44)', () => {
    const served = { Date: 'Thu, 01 Jan 2015 00:00:00 GMT' };
    expect(wait('Thu, 01 Jan 2015 00:01:00 GMT', served)).toBe(60_000);
  });

  it('is obeyed with 429 too, and means nothing to what will not be repeated', () => {
    expect(wait('7', {}, 429)).toBe(7000);
    expect(wait('7', {}, 413)).toBeUndefined();
    expect(wait('7', {}, 401)).toBeUndefined();
  });
});

function all(word: string): readonly string[] {
  return PHASES.map(() => word);
}

function lost(): readonly string[] {
  return ['resume_lost upload_gone', 'resume_lost upload_gone'];
}

function rest(): readonly string[] {
  return ['retryable conflict', 'retryable conflict'];
}
