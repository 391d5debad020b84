import * as v from 'valibot';

/** Longest id and longest locator that the backend stores. */
const LONGEST_ID = 200;
const LONGEST_URL = 2_048;

const id = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(LONGEST_ID),
  v.check((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'not printable Unicode'),
);

const owner = v.strictObject({
  scope: v.strictObject({ accountId: id, projectId: v.optional(v.nullable(id)) }),
  entityType: id,
  entityId: id,
  field: id,
});

const ref = v.pipe(
  v.strictObject({
    mediaId: id,
    url: v.pipe(v.string(), v.maxLength(LONGEST_URL), v.regex(/^[a-z][a-z0-9+.-]*:\/\/\S+$/)),
    kind: v.picklist(['image', 'pdf', 'file', 'video', 'audio']),
    contentType: v.optional(v.pipe(v.string(), v.maxLength(LONGEST_ID))),
    byteSize: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
    isPrimary: v.optional(v.boolean()),
  }),
  v.check(
    ({ url, mediaId }) => !url.startsWith('offline://') || url === `offline://${mediaId}`,
    'an offline url names another attachment',
  ),
);

const schema = v.variant('type', [
  v.strictObject({
    type: v.literal('ref.put'),
    owner,
    ref,
    rank: id,
    restore: v.optional(v.literal(true)),
    sentAfter: v.optional(v.pipe(v.number(), v.safeInteger())),
  }),
  v.strictObject({
    type: v.literal('ref.delete'),
    owner,
    mediaId: id,
    keepObject: v.optional(v.literal(true)),
    undo: v.optional(v.picklist(['open', 'over'])),
  }),
]);

/** What arrives from a device is checked before a row is touched; returns what is wrong with it, or nothing. */
export function whatIsWrongWithOp(op: unknown): string | undefined {
  const parsed = v.safeParse(schema, op, { abortEarly: true });
  if (parsed.success) return undefined;
  const [issue] = parsed.issues;
  return `${v.getDotPath(issue) ?? 'op'}: ${issue.message}`;
}
