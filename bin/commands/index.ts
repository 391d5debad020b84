import type { Command } from './command.ts';
import { doctor } from './doctor.ts';
import { exportCommand } from './export.ts';
import { graph } from './graph.ts';
import { list } from './list.ts';
import { status } from './status.ts';
import { explainCommand, history } from './story.ts';
import { verify } from './verify.ts';
import { watch } from './watch.ts';

/** In the order in which somebody needs them. */
export const commands: Readonly<Record<string, Command>> = {
  doctor,
  status,
  list,
  explain: explainCommand,
  history,
  watch,
  verify,
  export: exportCommand,
  graph,
};
