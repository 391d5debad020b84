import { accountsProtections } from './protections/accounts.ts';
import { filesProtections } from './protections/files.ts';
import { namesProtections } from './protections/names.ts';
import { originsProtections } from './protections/origins.ts';
import type { Protection } from './protections/protection.ts';
import { secretsProtections } from './protections/secrets.ts';

export type { Protection };

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
  ...namesProtections,
  ...originsProtections,
  ...secretsProtections,
  ...filesProtections,
  ...accountsProtections,
];
