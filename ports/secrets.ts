/**
 * Keeps short secrets that must survive a crash: upload urls that let in whoever has them (contract 10.4). The
 * system's own keeper fits: a keychain, Electron's `safeStorage`, a KMS. Both are asked rarely: once an upload.
 */
export interface Secrets {
  /** `text` so that it may lie in a file; printable ASCII. */
  seal(text: string): Promise<string>;
  /** What `seal` was given, or null when that cannot be told any more: the upload begins again then. */
  open(sealed: string): Promise<string | null>;
}
