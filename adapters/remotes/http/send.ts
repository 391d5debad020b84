import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadRequest } from '../../../ports/remote.ts';
import { type Answer, ask } from '../transport/exchange.ts';
import { NOT_SENT } from '../transport/faults.ts';
import { pieceOf } from '../transport/piece.ts';
import { digestOf } from './digest.ts';
import { formBody } from './form.ts';
import { canLook } from './look.ts';
import { askApp, type HttpParts, type Place } from './parts.ts';

/** What became of the request that carries all bytes. */
export interface Sent {
  readonly told: { readonly ok: true; readonly answer: Answer } | Fault;
  /** Undefined where nobody answered. */
  readonly answer: Answer | undefined;
  /** Whether the server may have all of it although nobody said so (field case 20). */
  readonly isUnknown: boolean;
}

/** The one request, and its answer. */
export async function send(
  parts: HttpParts,
  request: UploadRequest,
  context: UploadContext,
  place: Place,
  beforeSending: () => Promise<void>,
): Promise<Sent> {
  const { options } = parts;
  const { byteSize } = request.media;
  let answer: Answer | undefined;
  let takenBytes = 0;
  const file = pieceOf(request, 0, byteSize);
  const form = options.form && (await formOf(parts, options.form, request, context, place, file));
  const piece = form?.piece ?? file;
  const before = form?.headBytes ?? 0;
  const http: Place['http'] = {
    ...place.http,
    classify(phase, one) {
      answer = one;
      return place.http.classify(phase, one);
    },
  };
  await beforeSending();
  const told = await ask(http, 'send', {
    method: methodOf(parts),
    url: place.url,
    headers: headersOf(parts, request, context, form?.contentType),
    signal: context.signal,
    piece,
    // A film need not cross the network to be refused.
    expectContinue: piece.size >= LARGE_BODY_BYTES,
    // An answer that is lost since its connection was old leaves a doubt that nothing takes away.
    isAlone: !isRepeatable(parts),
    onSent(bytes) {
      takenBytes = bytes;
      context.onProgress(Math.min(byteSize, Math.max(0, bytes - before)));
    },
  });
  // Without its last byte nobody can have the whole of it.
  const isUnknown =
    !told.ok &&
    (answer === undefined
      ? takenBytes >= piece.size && !NOT_SENT.has(told.code)
      : isOpen(answer.status) ||
        isSuccess(answer.status) ||
        (isResultElsewhere(answer.status, told) && takenBytes >= piece.size));
  return { told, answer, isUnknown };
}

const LARGE_BODY_BYTES = 1024 * 1024;

/** What a proxy says of a server that did not answer it, and a server that broke on the way to its answer. */
export function isOpen(status: number): boolean {
  return status === 500 || status === 502 || status === 504;
}

/** One that is not believed: a page may be a portal's, and is what servers of forms answer. */
function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/**
 * Servers of forms take what they were sent and lead to a page that shows it: by 303, and by 301 and 302 as ever (RFC 9110,
 * 15.4). A 307 and a 308 want it sent again, and one that leads to a login took nothing. Browsers say 0 for each of them.
 */
function isResultElsewhere(status: number, told: Fault): boolean {
  return [0, 301, 302, 303].includes(status) && told.class !== 'auth';
}

/** Whether another request makes no second object, or is not needed to know. */
export function isRepeatable(parts: HttpParts): boolean {
  return methodOf(parts) === 'PUT' || canLook(parts) || parts.options.idempotencyKey === true;
}

export function methodOf({ options }: HttpParts): string {
  return options.method ?? (options.form === undefined ? 'PUT' : 'POST');
}

export function headersOf(
  parts: HttpParts,
  { media }: UploadRequest,
  { idempotencyKey }: UploadContext,
  formType: string | undefined,
): Readonly<Record<string, string>> {
  const { options } = parts;
  const key = options.idempotencyKey === true ? { 'Idempotency-Key': `"${idempotencyKey}"` } : {};
  if (formType !== undefined) return { 'Content-Type': formType, ...key };
  const { digest = 'Content-Digest' } = options;
  return {
    'Content-Type': media.contentType,
    // For servers that serve what they were sent (contract 10.2).
    'Content-Disposition': 'attachment',
    ...(digest === false ? {} : { [digest]: digestOf(media.sha256) }),
    ...(options.ifNoneMatch === true && methodOf(parts) === 'PUT' ? { 'If-None-Match': '*' } : {}),
    ...key,
  };
}

async function formOf(
  parts: HttpParts,
  form: NonNullable<HttpParts['options']['form']>,
  { objectKey, media }: UploadRequest,
  { signal }: UploadContext,
  place: Place,
  file: ReturnType<typeof pieceOf>,
): Promise<ReturnType<typeof formBody>> {
  const { fields = {} } = form;
  const own =
    typeof fields === 'function'
      ? await askApp(parts, () => fields({ objectKey, media }), signal)
      : fields;
  const named =
    form.filename === undefined ? null : await askApp(parts, () => form.filename?.(media), signal);
  return formBody({
    fields: [...Object.entries(place.fields), ...Object.entries(own)],
    field: form.field,
    filename: named ?? decodeURIComponent(objectKey.slice(objectKey.lastIndexOf('/') + 1)),
    media,
    file,
  });
}
