/**
 * Keeps short secrets that must survive a crash: upload urls that let in whoever has them (contract 10.4). The
 * system's own keeper fits: a keychain, Electron's `safeStorage`, a KMS. Both are asked rarely: once an upload.
 * Throw while it is locked: whoever asked waits, and tries again.
 */
export interface Secrets {
  /** `text` so that it may lie in a file; printable ASCII. */
  seal(text: string): Promise<string>;
  /**
   * What `seal` was given, or null when that can never be told any more: the upload begins again then, and what was
   * begun at the remote may remain there.
   */
  open(sealed: string): Promise<string | null>;
}
