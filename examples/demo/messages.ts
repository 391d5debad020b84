import type { ViewState, WaitingFor } from 'lading';

/** What the app process is started with. */
export interface AppOrders {
  /** Where the app keeps its database and its bytes. */
  readonly directory: string;
  readonly serverUrl: string;
  readonly files: readonly FileToCapture[];
  /** The network will be bad: smaller requests, shorter waits. */
  readonly rough: boolean;
}

export interface FileToCapture {
  readonly path: string;
  readonly kind: 'image' | 'pdf' | 'video' | 'audio' | 'file';
  readonly contentType: string;
}

/** What the app says. */
export type AppMessage =
  /** `capture` resolved: from here on no crash may lose this file. */
  | { readonly type: 'captured'; readonly path: string; readonly mediaId: string }
  /** Every file of the orders is captured. */
  | { readonly type: 'ready' }
  /** What changed on the app's screen. */
  | { readonly type: 'shown'; readonly items: readonly ShownItem[] }
  | { readonly type: 'finished'; readonly report: FinalReport }
  | { readonly type: 'problem'; readonly text: string };

/** What the app is told: settle, verify, report, close. */
export interface AppCommand {
  readonly type: 'finish';
}

/** One line of the app's screen. */
export interface ShownItem {
  readonly mediaId: string;
  readonly state: ViewState;
  readonly waitingFor: WaitingFor | null;
  readonly sentBytes: number | null;
  readonly error: string | null;
}

export interface FinalReport {
  /** Attachments that still wait for something. */
  readonly waiting: number;
  readonly verified: boolean;
  /** What `verify()` reports, as text. */
  readonly verifyReport: string;
  readonly storedFiles: number;
  readonly storedBytes: number;
}

/** What the server process is started with. */
export interface ServerOrders {
  readonly directory: string;
  readonly port: number;
  /** All uploads share a line of this speed. */
  readonly bytesPerSecond: number;
  /** The upload of this size stops at this byte, once, until `cut`; null: none does. */
  readonly hold: { readonly sizeBytes: number; readonly atByte: number } | null;
}

export type ServerMessage =
  | { readonly type: 'listening' }
  /** The upload stands at its byte, and waits. */
  | { readonly type: 'held'; readonly uploadId: string }
  | { readonly type: 'moved'; readonly storedBytes: number }
  | { readonly type: 'traffic'; readonly traffic: Traffic }
  | { readonly type: 'problem'; readonly text: string };

export type ServerCommand =
  /** The sender is dead: what the line still held is lost. */
  | { readonly type: 'cut' }
  | { readonly type: 'report' }
  /** Does harm on purpose, so that everybody can see that the proof notices. */
  | { readonly type: 'break'; readonly what: Breakage };

/** `byte`: one byte of one stored file changes. `object`: one file is there twice. */
export type Breakage = 'byte' | 'object';

/** What the server saw; bytes are counted here and nowhere else. */
export interface Traffic {
  /** All bytes that came in by the network, headers included. */
  readonly wireBytes: number;
  readonly uploads: readonly UploadTraffic[];
}

export interface UploadTraffic {
  readonly id: string;
  readonly sizeBytes: number;
  /** What the store holds of it now. */
  readonly storedBytes: number;
  /** How often it was created; 0 for what nobody uploaded. */
  readonly creations: number;
  readonly parts: readonly UploadPart[];
}

/** One request with bytes. */
export interface UploadPart {
  readonly fromByte: number;
  readonly receivedBytes: number;
  readonly storedBytes: number;
}
