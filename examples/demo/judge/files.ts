import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type DemoOptions, UsageError } from '../arguments.ts';
import type { FileToCapture } from '../messages.ts';
import { makeExamples } from './examples.ts';

export interface DemoFile extends FileToCapture {
  readonly name: string;
  readonly sizeBytes: number;
  /** Lower-case hex, of the file as the user has it: what all copies are held against. */
  readonly sha256: string;
}

export interface ChosenFiles {
  readonly files: readonly DemoFile[];
  /** The one in whose middle the app is killed. */
  readonly largest: DemoFile;
  readonly totalBytes: number;
  readonly skipped: readonly string[];
  /** Where they are from, for the title. */
  readonly from: string;
}

/**
 * The files at the top level of the user's directory, or the examples, made in `exampleDirectory`.
 * @throws {UsageError} when there is nothing to work with.
 */
export async function chooseFiles(
  options: DemoOptions,
  exampleDirectory: string,
): Promise<ChosenFiles> {
  if (options.directory === undefined) {
    await makeExamples(exampleDirectory, options.largeBytes);
    return choose(exampleDirectory, 'the examples');
  }
  // npm runs scripts in the package's folder; the user may stand elsewhere.
  const standing = process.env['INIT_CWD'] ?? process.cwd();
  return choose(resolve(standing, options.directory), options.directory);
}

async function choose(directory: string, from: string): Promise<ChosenFiles> {
  const files: DemoFile[] = [];
  const skipped: string[] = [];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const reason = await reasonToSkip(path, name);
    if (reason === undefined) files.push(await look(path, name));
    else skipped.push(`${printable(name)} (${reason})`);
  }
  const largest = files.reduce<DemoFile | undefined>(
    (most, file) => (most !== undefined && most.sizeBytes >= file.sizeBytes ? most : file),
    undefined,
  );
  if (largest === undefined) {
    const why =
      skipped.length === 0 ? 'is empty' : `holds nothing to upload: ${skipped.join(', ')}`;
    throw new UsageError(`${directory} ${why}. Name a directory with some photos or PDFs in it.`);
  }
  if (largest.sizeBytes < SMALLEST_LARGEST) {
    throw new UsageError(
      `The largest file in ${directory} has ${largest.sizeBytes} bytes: too few to be killed in the middle. ` +
        `Put one of at least ${SMALLEST_LARGEST} bytes there.`,
    );
  }
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { files, largest, totalBytes, skipped, from };
}

const SMALLEST_LARGEST = 1_000;

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`There is no directory ${directory}.`);
    if (code === 'ENOTDIR') {
      throw new UsageError(`${directory} is a file. Name the directory that it is in.`);
    }
    throw new UsageError(`${directory} cannot be read (${code}).`);
  }
}

async function reasonToSkip(path: string, name: string): Promise<string | undefined> {
  if (name.startsWith('.')) return 'hidden';
  if (/[\p{Cc}\p{Cf}\\]/u.test(name)) return 'control characters in its name';
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return 'a link that leads nowhere';
  if (facts.isDirectory()) return 'a directory';
  if (!facts.isFile()) return 'not a file';
  return facts.size === 0 ? 'empty' : undefined;
}

async function look(path: string, name: string): Promise<DemoFile> {
  try {
    await access(path, constants.R_OK);
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const { size } = await stat(path);
    return { path, name, sizeBytes: size, sha256: hash.digest('hex'), ...typeOf(name) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `${path} cannot be read (${code}). Change its permissions, or take it out.`,
    );
  }
}

type FileType = Pick<FileToCapture, 'kind' | 'contentType'>;

function typeOf(name: string): FileType {
  return TYPES[extname(name).toLowerCase()] ?? OTHER;
}

const OTHER: FileType = { kind: 'file', contentType: 'application/octet-stream' };
const TYPES: Readonly<Record<string, FileType>> = {
  '.jpg': { kind: 'image', contentType: 'image/jpeg' },
  '.jpeg': { kind: 'image', contentType: 'image/jpeg' },
  '.png': { kind: 'image', contentType: 'image/png' },
  '.gif': { kind: 'image', contentType: 'image/gif' },
  '.webp': { kind: 'image', contentType: 'image/webp' },
  '.heic': { kind: 'image', contentType: 'image/heic' },
  '.bmp': { kind: 'image', contentType: 'image/bmp' },
  '.tif': { kind: 'image', contentType: 'image/tiff' },
  '.tiff': { kind: 'image', contentType: 'image/tiff' },
  '.pdf': { kind: 'pdf', contentType: 'application/pdf' },
  '.mp4': { kind: 'video', contentType: 'video/mp4' },
  '.mov': { kind: 'video', contentType: 'video/quicktime' },
  '.mp3': { kind: 'audio', contentType: 'audio/mpeg' },
  '.m4a': { kind: 'audio', contentType: 'audio/mp4' },
};

/** A name of a stranger's file system, as it may be printed (contract 10.1). */
function printable(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}');
}
