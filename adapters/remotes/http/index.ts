/** Uploads to plain HTTP servers, one file by one request: `lading/remotes/http`. */

export type {
  AddressAsk,
  HeadersOption,
  HttpAddress,
  HttpAnswer,
  HttpForm,
  HttpFound,
  HttpOperation,
  HttpRemoteOptions,
  LookAsk,
} from './options.ts';
export { objectPath } from './parts.ts';
export { httpRemote } from './remote.ts';
export { classifyHttp, type HttpPhase, httpTable } from './table.ts';
