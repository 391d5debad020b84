import { existsSync, readFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { LadingError } from '../ports/errors.ts';
import { printable } from '../ports/printable.ts';
import type { Call, Command, ExitCode } from './commands/command.ts';
import { commands } from './commands/index.ts';
import { openDatabaseFile } from './database/open.ts';
import { type Output, standardOutput } from './print/output.ts';
import { Problem } from './problem.ts';
import { unknownCommand, usage, usageOf } from './usage.ts';

/** Runs one command; resolves with the exit code. Foreseen problems are one sentence on standard error. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  // A reader that has seen enough (`lading list FILE | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    return await run(args, standardOutput());
  } catch (error) {
    const known = error instanceof Problem || error instanceof LadingError;
    if (!known) throw error;
    console.error(`lading: ${error.message}`);
    return 2;
  }
}

async function run(args: readonly string[], out: Output): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    out.line(name === 'help' && rest[0] !== undefined ? usageOf(printable(rest[0], 40)) : usage());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    out.line(version());
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw unknownCommand(printable(name, 40));
  const { values, positionals } = parse(name, command, rest);
  if (values['help'] === true) {
    out.line(usageOf(name));
    return 0;
  }
  const call: Call = { out, values, json: values['json'] === true, ...timeOf(values['at']) };
  if (command.takes === 'anything') return command.run(call, positionals);
  const [path, id, ...more] = inOrder(positionals);
  if (path === undefined) throw new Problem(`Which database? Use: ${command.usage}`);
  if (command.takes === 'file and id' && id === undefined) {
    throw new Problem(
      `Which attachment? Use: ${command.usage}. \`lading list FILE\` shows the ids.`,
    );
  }
  const tooMany = command.takes === 'file' ? [id, ...more] : more;
  if (tooMany[0] !== undefined) {
    throw new Problem(
      `"${printable(tooMany[0], 60)}" is one argument too many. Use: ${command.usage}`,
    );
  }
  const file = await openDatabaseFile(path);
  try {
    return await command.run({ ...call, file, id: id ?? '' });
  } finally {
    file.close();
  }
}

const COMMON: ParseArgsOptionsConfig = {
  json: { type: 'boolean' },
  at: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
};

function parse(name: string, command: Command, args: readonly string[]) {
  try {
    const options = { ...COMMON, ...command.options };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Call['values'], positionals };
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.\s/);
    throw new Problem(
      `${printable(sentence.replace(/\.$/, ''))}. Use: ${command.usage}. More: lading ${name} --help`,
    );
  }
}

/** The file first; somebody who writes the id first means the same. */
function inOrder(positionals: readonly string[]): readonly string[] {
  const [first, second, ...more] = positionals;
  const swapped =
    first !== undefined &&
    second !== undefined &&
    /^(offline:\/\/)?[0-9a-f-]{8,}$/i.test(first) &&
    !existsSync(first) &&
    existsSync(second);
  return swapped ? [second, first, ...more] : positionals;
}

function timeOf(given: string | boolean | undefined): Pick<Call, 'at' | 'isFixed'> {
  if (given === undefined) return { at: Date.now(), isFixed: false };
  const text = String(given);
  const at = /^\d{10,}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(at)) return { at, isFixed: true };
  throw new Problem(
    `--at takes a time like 2026-05-03T14:00Z or milliseconds since 1970, not "${printable(text, 60)}".`,
  );
}

function version(): string {
  // From the sources it is one folder up, from the package two.
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        readonly name?: string;
        readonly version?: string;
      };
      if (found.name === 'lading') return String(found.version);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'of unknown version';
}
