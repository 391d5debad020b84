/** One request as it leaves. */
export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Read as fast as the socket takes it; let go, however the request ends. */
  readonly body?: AsyncIterable<Uint8Array> | undefined;
  /** Characters of the answer's body that are kept. Default 4,096. */
  readonly longestBody?: number | undefined;
  /** Asks with the headers alone whether the body is wanted, where the platform can (RFC 9110, 10.1.1). */
  readonly expectContinue?: boolean | undefined;
  /** On a connection of its own, where the platform can: one that is used again may be closing at that moment. */
  readonly isAlone?: boolean | undefined;
  /** So many more bytes of the answer's body arrived. */
  readonly onAnswering?: ((bytes: number) => void) | undefined;
}

/** What came back, with as much of its body as anybody may want to look at (contract 10.3). */
export interface Incoming {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Sends a request, follows no redirect, and throws what the platform throws when there is no answer. */
export type Send = (request: Outgoing) => Promise<Incoming>;

/** A connection that was used before broke without an answer: most likely the server was closing it. */
export class OldConnectionError extends Error {
  override readonly name = 'OldConnectionError';
}

/** Characters of an answer that are looked at, where nobody asked for more. */
const LONGEST_BODY = 4096;

/** At most so many characters; what gives them is let go then. */
export async function beginningOf(
  body: AsyncIterable<Uint8Array> | [],
  longest = LONGEST_BODY,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    onBytes?.(bytes.byteLength);
    text += decoder.decode(bytes, { stream: true });
    if (text.length >= longest) break;
  }
  return text.slice(0, longest);
}
