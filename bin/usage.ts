import { commands } from './commands/index.ts';
import { Problem } from './problem.ts';

const COMMON = [
  '  --json           the same as one JSON document, for programs (docs/cli.md has its shape)',
  '  --at TIME        judge as of this time, for a file that was copied earlier: 2026-05-03T14:00Z',
  '  -h, --help       this text        -V, --version   the version',
];

/** All of it on one screen. */
export function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'Looks into a database of Lading: why is this photo stuck? Reads only; never changes a byte of the file.',
    '',
    '  lading COMMAND FILE [ID]',
    '',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'FILE is the SQLite database of the app, open in the app or copied from it.',
    'ID is an attachment’s id, the first 8 or more characters of it, or its offline:// url.',
    '',
    ...COMMON,
    '',
    'Exit code: 0 all is well, 1 a person is needed or something differs, 2 it could not be done.',
    'More about one: lading COMMAND --help',
  ].join('\n');
}

export function usageOf(name: string): string {
  const command = commands[name];
  if (command === undefined) throw unknownCommand(name);
  return [command.summary, '', `  ${command.usage}`, '', ...command.help, ...COMMON].join('\n');
}

export function unknownCommand(name: string): Problem {
  const near = Object.keys(commands).find((known) => known[0] === name[0]);
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  return new Problem(
    `"${name}" is no command.${hint} There are: ${Object.keys(commands).join(', ')}. See lading --help.`,
  );
}
