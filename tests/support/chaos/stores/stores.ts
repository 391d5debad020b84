import { httpProtocol } from './http.ts';
import { s3Protocol } from './s3.ts';
import type { ChaosProtocol, StoreName } from './store.ts';
import { tusProtocol } from './tus.ts';

export const protocols: Readonly<Record<StoreName, ChaosProtocol>> = {
  tus: tusProtocol,
  http: httpProtocol,
  s3: s3Protocol,
};
