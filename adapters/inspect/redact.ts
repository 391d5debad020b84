import type { Json, JsonObject } from '../../machines/json.ts';
import type { InspectedEvent, InspectedState } from '../../ports/inspect.ts';

/** What an inspector may show of contexts and payloads. What it returns is sent as it is. */
export interface InspectRedaction {
  context(context: JsonObject): JsonObject;
  payload(payload: JsonObject, type: string): JsonObject;
}

/** Members that are shown when they are numbers, booleans, null, or a plain word; all other text is not. */
const WORDS = [
  'mediaId accountId projectId entityType entityId field rank', // ids
  'origin kind contentType class code reason service ok type delay state name', // kinds and states
].flatMap((line) => line.split(' '));
/** Members that hold others. Policies hold numbers and words only. */
const HOLDERS =
  'media policy refs undoable owner scope fault localFault receipt output input error'.split(' ');
/** Capabilities and what is personal: that there is one is shown, what it is never (contract 10.4). */
const SECRETS = 'url handle token blobKey filename sha256 key message'.split(' ');

const shownWords = new Set(WORDS);
const holders = new Set(HOLDERS);
const secrets = new Set(SECRETS);
/** Ids, media types, codes: short, and nothing that a url, a path, a mail address or a sentence is made of. */
const WORD = /^[\w.~+-]{1,64}(?:\/[\w.+-]{1,64})?$/;
const MOST_ITEMS = 20;

/**
 * Shows ids, states, kinds, sizes, times and codes, and nothing else: an allow-list, so that what a later version
 * adds is hidden until somebody thought about it.
 */
export const defaultRedaction: InspectRedaction = { context: shownOf, payload: shownOf };

/** All of it, as it is: names, urls, handles. For a listener that is your own, on your own machine. */
export const noRedaction: InspectRedaction = {
  context: (context) => context,
  payload: (payload) => payload,
};

export function redactedState(by: InspectRedaction, state: InspectedState): InspectedState {
  return { ...state, context: by.context(state.context) };
}

export function redactedEvent(by: InspectRedaction, event: InspectedEvent): InspectedEvent {
  return { ...event, payload: by.payload(event.payload, event.type) };
}

function shownOf(values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const shown = shownMember(name, value);
      return shown === undefined ? [] : [[name, shown]];
    }),
  );
}

function shownMember(name: string, value: Json): Json | undefined {
  if (secrets.has(name)) return value === null || value === '' ? value : '[redacted]';
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') {
    if (!shownWords.has(name)) return undefined;
    return WORD.test(value) ? value : '[redacted]';
  }
  if (!holders.has(name)) return undefined;
  return Array.isArray(value)
    ? value.slice(0, MOST_ITEMS).map(shownItem)
    : shownOf(value as JsonObject);
}

function shownItem(item: Json): Json {
  return typeof item === 'object' && item !== null && !Array.isArray(item)
    ? shownOf(item as JsonObject)
    : '[redacted]';
}
