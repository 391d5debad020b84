import type { Lading } from '../../lading.ts';
import type { SimProcess } from '../world/process.ts';
import type { Stall } from './stall.ts';

/** One engine of a device: a process with Lading open in it. */
export interface Runner {
  readonly name: string;
  readonly process: SimProcess;
  readonly stall: Stall;
  /** Undefined until it has opened. */
  lading: Lading | undefined;
  /** Being closed: takes no more commands. */
  closing: boolean;
  /** Its user paused all uploads. */
  isPaused: boolean;
}
