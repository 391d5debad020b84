import {
  type ForgetOptions,
  type ForgetParts,
  type ForgetReport,
  forgetAccount,
  openAccount as openOne,
  requireForgettable,
} from '../engine/lifecycle/forget.ts';
import type { Lifetime } from '../engine/lifecycle/lifetime.ts';
import { requireKeyId } from '../engine/lifecycle/validate.ts';
import { accountRows } from '../persistence/attachment/account-rows.ts';
import { isRecovered } from '../persistence/healing-marks.ts';
import { LadingError } from '../ports/errors.ts';
import type { SqlDatabase } from '../ports/sql.ts';

type Parts = Omit<ForgetParts, 'rows' | 'runner'>;

/**
 * As {@link openOne}, on a database.
 * @returns whether the database was made from a damaged one, and what that left to be done is not done yet.
 */
export async function openAccount(
  parts: Parts & { readonly installationId: string; readonly database: SqlDatabase },
  accountId: string,
): Promise<boolean> {
  await openOne({ ...parts, rows: accountRows(parts.database), runner: null }, accountId);
  return isRecovered(parts.database, accountId);
}

/** The verb; forgetting the open account stops its transfers first, and closes Lading (contract 10.7). */
export async function forget(
  parts: Parts & {
    readonly host: { readonly runner: string };
    readonly store: { readonly database: SqlDatabase };
    readonly accountId: string;
    readonly lifetime: Lifetime;
    /** Closes Lading, and does `last` while its database is still open. */
    closeAfter(last: () => Promise<void>): Promise<void>;
  },
  account: string,
  options?: ForgetOptions,
): Promise<ForgetReport> {
  const { host, lifetime, store } = parts;
  const accountId = requireKeyId('account', account);
  const forgetting = { ...parts, rows: accountRows(store.database), runner: host.runner };
  if (accountId !== parts.accountId) {
    return lifetime.run(() => forgetAccount(forgetting, accountId, options));
  }
  await lifetime.run(async () => requireForgettable(forgetting, accountId, options ?? {}));
  let report: ForgetReport | undefined;
  await parts.closeAfter(async () => {
    report = await forgetAccount(forgetting, accountId, options);
  });
  if (report === undefined) throw new LadingError('closed', 'Lading was closed meanwhile.');
  return report;
}
