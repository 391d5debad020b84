import type { ParseArgsOptionsConfig } from 'node:util';
import type { DatabaseFile } from '../database/open.ts';
import type { Output } from '../print/output.ts';

/** What a command was called with. */
export interface Call {
  readonly out: Output;
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly json: boolean;
  /** Milliseconds since 1970: now, or what `--at` says. */
  readonly at: number;
  /** Whether `--at` was given. */
  readonly isFixed: boolean;
}

/** A call with a database. */
export interface FileCall extends Call {
  readonly file: DatabaseFile;
  /** The id as it was given, where the command takes one. */
  readonly id: string;
}

/** What stands in the help of a command. */
interface Described {
  readonly usage: string;
  readonly summary: string;
  /** Lines of the command's own help, behind its usage. */
  readonly help: readonly string[];
  readonly options: ParseArgsOptionsConfig;
}

/** Exit codes: 0 all is well; 1 a person is needed, or something differs; 2 it could not be done. */
export type ExitCode = 0 | 1 | 2;

export interface FileCommand extends Described {
  readonly takes: 'file' | 'file and id';
  run(call: FileCall): ExitCode | Promise<ExitCode>;
}

export interface FreeCommand extends Described {
  readonly takes: 'anything';
  run(call: Call, positionals: readonly string[]): Promise<ExitCode>;
}

export type Command = FileCommand | FreeCommand;

/** The version of every JSON document's shape: members are added, never changed or taken away, while it stands. */
export const FORMAT = 1;
