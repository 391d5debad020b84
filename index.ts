/**
 * `lading`: an offline-first attachment engine. Photos, PDFs and other files go from a device to the cloud, and none
 * is lost, doubled or leaked. Start with {@link openLading}.
 */

export type {
  AttachmentActor,
  AttachmentActorObserver,
} from './engine/actors/attachment-actor.ts';
export type { AttachmentActorInput, AttachmentLogic } from './engine/actors/attachment-logic.ts';
export type {
  AttachmentActorContext,
  AttachmentActorEvent,
  AttachmentActorOutput,
  AttachmentActorSnapshot,
  AttachmentGoal,
} from './engine/actors/snapshot.ts';
export type { Advice } from './engine/explain/advice.ts';
export type { Chapter, ExplainOptions, Explanation } from './engine/explain/explain.ts';
export type { Reason } from './engine/explain/reason.ts';
export type { Make } from './engine/files/derived.ts';
export type { CollectOptions, GarbageOptions } from './engine/garbage/options.ts';
export type { GarbageItem, GarbageProblem, GarbageReport } from './engine/garbage/report.ts';
export type { Sentences } from './engine/guardrails/sentences.ts';
export type { StorageBanner, StorageView } from './engine/guardrails/storage-view.ts';
export type { StorageLevel } from './engine/guardrails/thresholds.ts';
export type { StartReport } from './engine/healing/healing.ts';
export type { LookReport } from './engine/healing/look.ts';
export type { LeftOutReason, RecoverOptions, RecoverReport } from './engine/healing/recover.ts';
export type {
  ImportOptions,
  ImportProblem,
  ImportReport,
  ImportRow,
  OldRef,
} from './engine/importing/types.ts';
export type { AppStatement, AppWrite } from './engine/lifecycle/app-write.ts';
export type { CaptureAllOptions, CaptureOptions } from './engine/lifecycle/capture.ts';
export type { LinkRequest, OwnerOrEntity, VerbOptions } from './engine/lifecycle/commands.ts';
export {
  defineFields,
  type FieldName,
  type FieldSpec,
  type Fields,
  fieldOwner,
  type LocationPolicy,
} from './engine/lifecycle/fields.ts';
export type { ForgetOptions, ForgetReport } from './engine/lifecycle/forget.ts';
export type { CaptureFile } from './engine/lifecycle/prepare-capture.ts';
export type { Progress } from './engine/lifecycle/progress.ts';
export type { RefreshContext, RefreshCredentials } from './engine/lifecycle/refresh.ts';
export type { ResolvedBytes } from './engine/lifecycle/resolve.ts';
export type { SettledReport } from './engine/lifecycle/settled.ts';
export type { UndoToken } from './engine/lifecycle/undo-token.ts';
export type { VerifyOptions, VerifyReport } from './engine/lifecycle/verify.ts';
export type { ListItem, LiveView } from './engine/lifecycle/views.ts';
export type { SyncState, SyncView } from './engine/observe/sync-view.ts';
export type { Attachment, Lading, LadingOptions, RefOrId } from './lading.ts';
export type {
  AttachmentKind,
  AttachmentPolicy,
  AttachmentRef,
  Fault,
  FaultClass,
  MediaFacts,
  MediaId,
  NetworkPolicy,
  Owner,
  OwnerScope,
  Receipt,
} from './machines/attachment/types.ts';
export { ownerKey } from './machines/attachment/types.ts';
export type { AttachmentView, ViewState, WaitingFor } from './machines/attachment/view.ts';
export { preload } from './on-demand.ts';
export { openLading } from './open-lading.ts';
export type { UnsentWork } from './ports/account-rows.ts';
export type * from './ports/backend.ts';
export type { BlobKey, BlobStore, Digest, StoredBlob, WrittenBlob } from './ports/blob-store.ts';
export { type Cancel, type Clock, systemClock } from './ports/clock.ts';
export type { Connectivity, NetworkState } from './ports/connectivity.ts';
export { type ErrorCode, LadingError } from './ports/errors.ts';
export type { StoredEvent } from './ports/event-store.ts';
export type { GarbageKind } from './ports/garbage-table.ts';
export type { Inspect, InspectedActor, InspectedEvent, InspectedState } from './ports/inspect.ts';
export type { LeaseOptions } from './ports/lease-options.ts';
export type { DeadLetter, LeftWork } from './ports/left-work.ts';
export type { Logger } from './ports/logger.ts';
export type { CountedSituation, Metrics } from './ports/metrics.ts';
export { type Random, systemRandom } from './ports/random.ts';
export type * from './ports/remote.ts';
export type { SidecarName, SidecarStore } from './ports/sidecars.ts';
export { bytesSource, type CaptureSource } from './ports/source.ts';
export type { SqlDatabase, SqlRow, SqlTransaction, SqlValue } from './ports/sql.ts';
export type { StorageEstimate, StorageNumbers } from './ports/storage-estimate.ts';
