import type { AnyStateMachine } from 'xstate';
import { findProblems } from './refuse.ts';
import { createStepper, type Stepper } from './stepper.ts';

/** A stepper that also says what of `machine` a host cannot keep durable: for machines that no test here knows. */
export function createCheckedStepper(machine: AnyStateMachine): Stepper {
  return { ...createStepper(machine), problems: (id) => findProblems(machine, id) };
}
