import { LadingError } from '../../ports/errors.ts';
import type { Task } from '../../ports/event-store.ts';
import type { HostedMachine } from './definition.ts';

/** @throws {LadingError} `machine_refused`, naming all that is wrong. */
export function registered(machines: readonly HostedMachine[]): ReadonlyMap<string, HostedMachine> {
  const byId = new Map<string, HostedMachine>();
  for (const machine of machines) {
    const problems = [...(machine.stepper.problems?.(machine.id) ?? [])];
    if (byId.has(machine.id)) problems.push('its id is registered twice');
    if (problems.length > 0) {
      throw new LadingError(
        'machine_refused',
        `Machine ${machine.id} cannot be kept durable: ${problems.join('; ')}.`,
        { details: { machine: machine.id, problems: problems.join('\n') } },
      );
    }
    byId.set(machine.id, machine);
  }
  return byId;
}

/** Whether this host runs such a task at all. */
export function accepts(
  machine: HostedMachine,
  task: Pick<Task, 'kind' | 'src' | 'input'>,
): boolean {
  return task.kind !== 'invoke' || machine.services[task.src]?.accepts?.(task.input) !== false;
}
