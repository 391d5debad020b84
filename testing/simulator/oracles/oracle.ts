import type { Device } from '../device.ts';
import type { World } from '../world.ts';

/** A judge of one promise. Each complaint is a sentence; none means that the promise was kept. */
export interface Oracle {
  /** The promise, as a sentence. */
  readonly name: string;
  /** Now and then, whatever goes on. */
  always?(world: World, device: Device): readonly string[];
  /** When all runners of a device are open again after a crash. */
  atRestart?(world: World, device: Device): readonly string[] | Promise<readonly string[]>;
  /** When everything is mended and at rest. Time passes while a promise is awaited. */
  atEnd?(world: World, devices: readonly Device[]): readonly string[] | Promise<readonly string[]>;
}
