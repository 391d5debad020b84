import type { ChosenFiles } from '../judge/files.ts';
import { liveScreen } from './live.ts';
import { plainScreen } from './plain.ts';
import type { Screen } from './screen.ts';

/** A live table in a terminal, plain lines anywhere else. */
export function openScreen(chosen: ChosenFiles): Screen {
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb'
    ? liveScreen(chosen, process.stdout)
    : plainScreen(chosen, (line) => console.log(line));
}
