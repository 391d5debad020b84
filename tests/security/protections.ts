/** One protection of contract 10, and how to take it away. */
export interface Protection {
  /** Clause of the contract. */
  readonly clause: `10.${number}`;
  /** The line of the clause that it keeps, in a few words; one of {@link LINES}. */
  readonly line: string;
  /** The source that holds the protection. */
  readonly file: string;
  /** Stands exactly once in `file`; replacing it removes this protection and nothing else. */
  readonly find: string;
  readonly replace: string;
  /** The test file that must fail without it. */
  readonly test: string;
}

/** What each clause says, line by line: every one needs a protection that a test guards. */
export const LINES: Readonly<Record<string, readonly string[]>> = {
  '10.1': ['ids only, encoded', 'display names'],
  '10.2': ['refused by default', 'allow-listed, sniffed type', 'Content-Disposition', 'blob: URL'],
  '10.3': [
    'allow-listed origins',
    'credentials',
    'redirect',
    'Location',
    'private addresses',
    'bounded',
  ],
  '10.4': ['written', 'canary'],
  '10.5': ['location removed', 'if it cannot', 'orientation and profile'],
  '10.6': ['dimensions', 'pixels, pages and sizes', 'main thread'],
  '10.7': ['scoped', 'forget', 'encryption at rest', 'SECURITY.md'],
  '10.8': ['new installation id'],
};

export const PROTECTIONS: readonly Protection[] = [
  {
    clause: '10.1',
    line: 'ids only, encoded',
    file: 'ports/id-part.ts',
    find: '/[a-z0-9-]/.test(character) ? character',
    replace: '/[^%]/.test(character) ? character',
    test: 'tests/security/10.1-names.test.ts',
  },
  {
    clause: '10.1',
    line: 'display names',
    file: 'ports/printable.ts',
    find: String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]`,
    replace: String.raw`[\p{Cs}]`,
    test: 'tests/security/10.1-names.test.ts',
  },
  {
    clause: '10.7',
    line: 'encryption at rest',
    file: 'adapters/blobs/encrypting/format.ts',
    find: 'await crypto.subtle.encrypt(gcm(iv, context), key, plain)',
    replace: 'new Uint8Array([...plain, ...new Uint8Array(16)])',
    test: 'tests/security/10.7-encryption.test.ts',
  },
  {
    clause: '10.7',
    line: 'encryption at rest',
    file: 'adapters/blobs/encrypting/format.ts',
    find: 'context.set(name, identity.byteLength + 5);',
    replace: '',
    test: 'tests/security/10.7-encryption.test.ts',
  },
  {
    clause: '10.7',
    line: 'encryption at rest',
    file: 'adapters/blobs/encrypting/format.ts',
    find: 'setUint32(identity.byteLength, index)',
    replace: 'setUint32(identity.byteLength, 0)',
    test: 'tests/security/10.7-encryption.test.ts',
  },
  {
    clause: '10.7',
    line: 'encryption at rest',
    file: 'adapters/blobs/encrypting/format.ts',
    find: 'isLast ? 1 : 0',
    replace: '0',
    test: 'tests/security/10.7-encryption.test.ts',
  },
  {
    clause: '10.7',
    line: 'encryption at rest',
    file: 'adapters/blobs/encrypting/format.ts',
    find: 'crypto.getRandomValues(identity.subarray(6 + LONGEST_KEY_ID));',
    replace: '',
    test: 'tests/security/10.7-encryption.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'persistence/drivers/pragmas.ts',
    find: "database.exec('PRAGMA secure_delete = ON');",
    replace: '',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'persistence/attachment/account-rows.ts',
    find: "database.get('PRAGMA wal_checkpoint(TRUNCATE)')?.['busy'] !== 1",
    replace: 'true',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'persistence/attachment/account-rows.ts',
    find: "  'lading_event',\n",
    replace: '',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'engine/lifecycle/forget.ts',
    find: '    await blobs.remove(key);\n',
    replace: '',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'engine/lifecycle/forget.ts',
    find: 'if (!evenUnsent && unsent',
    replace: 'if (unsent.ops < 0 && unsent',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'engine/lifecycle/forget.ts',
    find: 'rows.isHeldElsewhere(tx, accountId, { runner, now: clock.now() })',
    replace: 'accountId === runner',
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.7',
    line: 'forget',
    file: 'open-lading.ts',
    find: 'if (store.hasForgetting)',
    replace: "if (store.hasForgetting && account === '')",
    test: 'tests/security/10.7-forget.test.ts',
  },
  {
    clause: '10.4',
    line: 'canary',
    file: 'engine/lifecycle/services.ts',
    find: 'isSecret ? await parts.vault.seal(opened) : opened',
    replace: 'opened',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'canary',
    file: 'adapters/remotes/tus/upload.ts',
    find: '{ isSecret: isCapability(next, expectedUrl) }',
    replace: '{}',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'canary',
    file: 'adapters/remotes/tus/upload.ts',
    find: 'isCapability(ended.url, expectedUrl) ? null : ended.url',
    replace: 'ended.url',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'canary',
    file: 'adapters/remotes/tus/remote.ts',
    find: 'options.locator === undefined ? withoutQuery(url)',
    replace: 'options.locator === undefined ? url',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'written',
    file: 'open-lading.ts',
    find: 'redactingLogger(options.logger)',
    replace: 'options.logger',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'written',
    file: 'engine/lifecycle/services.ts',
    find: 'message: redact(output.message)',
    replace: 'message: output.message',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'written',
    file: 'engine/host/faults.ts',
    find: 'redact(found.message, 500)',
    replace: 'found.message',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'written',
    file: 'sync/push-answer.ts',
    find: "redact(written.replaceAll(/[\\p{Cc}\\p{Zl}\\p{Zp}]/gu, ' '), longest)",
    replace: 'written',
    test: 'tests/security/10.4-canary.test.ts',
  },
  {
    clause: '10.4',
    line: 'written',
    file: 'ports/redact.ts',
    find: 'bare(rest)}`)',
    replace: 'rest}`)',
    test: 'tests/security/10.4-canary.test.ts',
  },
];
