import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { type ManualConnectivity, manualConnectivity } from 'lading/connectivity';
import { tusRemote } from 'lading/remotes/tus';
import { openNodeSqlite } from 'lading/sqlite/node';
import { type Ledger, openLedger } from './ledger.ts';

/** One device with the app on it: its own database, its own bytes, and a network that the story switches. */
export interface LedgerDevice {
  readonly ledger: Ledger;
  readonly network: ManualConnectivity;
}

export async function openDevice(options: {
  readonly directory: string;
  readonly endpoint: string;
  readonly backend: Backend;
  readonly account: string;
  readonly projects: readonly (string | null)[];
  readonly online: boolean;
}): Promise<LedgerDevice> {
  const { directory, endpoint, online, ...more } = options;
  mkdirSync(directory, { recursive: true });
  const network = manualConnectivity({ online });
  const ledger = await openLedger({
    ...more,
    store: openNodeSqlite(join(directory, 'ledger.sqlite')),
    blobs: directoryBlobs({ directory: join(directory, 'bytes') }),
    remote: tusRemote({ endpoint }),
    connectivity: network,
    onlineDebounceMs: 0,
  });
  return { ledger, network };
}
